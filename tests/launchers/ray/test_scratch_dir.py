"""A job's directory goes with the job, and where the job is killed, with the next process."""

import subprocess
import sys
import tempfile

import pytest

from seedsweep.launchers.ray.scratch_dir import job_directory, remove_abandoned

AT_WORK = """
import sys
from seedsweep.launchers.ray.scratch_dir import job_directory
with job_directory() as directory:
    (directory / "checkpoint.bin").write_bytes(bytes(1000))
    print(directory, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary directories are made, by this process and by those that it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def at_work():
    """A process with a directory, once it has it."""
    process = subprocess.Popen([sys.executable, "-c", AT_WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline()
    return process


def test_nothing_is_left(temporary):
    with job_directory() as directory:
        (directory / "journal").touch()
        assert directory.is_relative_to(temporary)
    assert not list(temporary.iterdir())


def test_what_a_killed_process_left_is_removed(temporary):
    """And what belongs to one that is at work stays, as does whatever is not known to be a job's."""
    (temporary / "seedsweep-job-made-by-hand").mkdir()
    killed, living = at_work(), at_work()
    with killed, living:
        killed.kill()
        killed.wait()
        assert len(list(temporary.iterdir())) == 3
        remove_abandoned()
        assert len(list(temporary.glob("*/sweep/checkpoint.bin"))) == 1
        living.stdin.close()
    assert [path.name for path in temporary.iterdir()] == ["seedsweep-job-made-by-hand"]
