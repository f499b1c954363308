"""After a command the database is one file, which can be copied, and read without permission to write."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from support.commands import Shell

ONE = "hydra.launcher.workers=1"


def beside(directory):
    """The files of the database."""
    return sorted(path.name for path in directory.glob("mlflow.db*"))


def copied_alone(directory):
    """A copy of the one file, somewhere else, and the number of its runs."""
    copy = directory / "elsewhere" / "mlflow.db"
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(directory / "mlflow.db", copy)
    with closing(sqlite3.connect(copy)) as database:
        return database.execute("SELECT count(*) FROM runs").fetchone()[0]


def test_a_sweep_a_table_and_a_single_trial_leave_one_file(sweep):
    """A copy of `mlflow.db` alone has all results."""
    trying = sweep([1, 2], ONE, EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    assert (beside(trying.directory), copied_alone(trying.directory)) == (["mlflow.db"], 3)
    table = Shell(trying.directory).seedsweep("table")
    assert table.code == 0, table.err
    assert beside(trying.directory) == ["mlflow.db"]
    trying.arguments.remove("-m")
    trying.arguments[trying.arguments.index("seed=1,2")] = "seed=3"
    assert trying.run() == 0, trying.output
    assert (beside(trying.directory), copied_alone(trying.directory)) == (["mlflow.db"], 4)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_sweep_that_is_stopped_leaves_one_file(sweep, number, code):
    """Ctrl-C and SIGTERM."""
    trying = sweep([1, 2], ONE, EPOCH_SECONDS=0.2)
    with trying.started() as parent:
        trying.wait_for_epochs(2)
        parent.send_signal(number)
        assert parent.wait(60) == code, trying.output
    assert (beside(trying.directory), copied_alone(trying.directory)) == (["mlflow.db"], 2)


def test_a_table_brings_together_what_a_killed_sweep_has_left(sweep):
    """Its last words are in `mlflow.db-wal`; the next reader folds them in."""
    trying = sweep([1, 2], ONE, EPOCH_SECONDS=0.2)
    with trying.started() as parent:
        trying.wait_for(lambda: len(trying.lines("end")) == 1)
        trying.wait_for_epochs(1)
        parent.kill()
        parent.wait(60)
    assert beside(trying.directory) == ["mlflow.db", "mlflow.db-shm", "mlflow.db-wal"]
    table = Shell(trying.directory).seedsweep("table")
    assert table.code == 0, table.err
    assert beside(trying.directory) == ["mlflow.db"]


def test_another_process_that_reads_does_not_keep_results_from_the_file(sweep):
    """As `mlflow ui` does, which has it open all the time."""
    trying = sweep([1, 2], ONE, EPOCH_SECONDS=0)
    with closing(sqlite3.connect(trying.directory / "mlflow.db")) as other:
        assert other.execute("SELECT count(*) FROM runs").fetchone() == (0,)
        assert trying.run() == 0, trying.output
        assert other.execute("SELECT count(*) FROM runs").fetchone() == (3,)
        assert copied_alone(trying.directory) == 3


# Root without its right to pass over permissions, which are what this is about.
WITHOUT_RIGHTS = [
    *("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search")
]
READER = """
import sys
from seedsweep.tracking.run_queries import find_sweep
from seedsweep.tracking.store import reading

for directory in sys.argv[1:]:
    with reading(f"sqlite:///{directory}/mlflow.db", "seedsweep") as store:
        print(len(find_sweep(store, None).trials))
"""


def test_a_reader_need_not_write(sweep, tmp_path):
    """A database in a read-only directory, in whatever state it was left: it is read, and nothing there changes."""
    trying = sweep([1, 2], ONE, EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    ended, killed, older = (tmp_path / name for name in ("ended", "killed", "older"))
    for directory in (ended, killed, older):
        directory.mkdir()
    shutil.copyfile(trying.directory / "mlflow.db", ended / "mlflow.db")
    with closing(sqlite3.connect(trying.directory / "mlflow.db")) as database:
        # The mode in which a sweep writes, and in which earlier versions left the file.
        database.execute("PRAGMA journal_mode=WAL")
        shutil.copyfile(trying.directory / "mlflow.db", older / "mlflow.db")
        database.execute("UPDATE experiments SET last_update_time = 1")
        database.commit()
        for name in ("mlflow.db", "mlflow.db-wal"):
            shutil.copyfile(trying.directory / name, killed / name)
    files = [path for directory in (ended, killed, older) for path in directory.iterdir()]
    before = {path: path.read_bytes() for path in files}
    for path in (*files, ended, killed, older):
        path.chmod(0o444 if path.is_file() else 0o555)
    command = [sys.executable, "-c", READER, str(ended), str(killed), str(older)]
    wrapper = WITHOUT_RIGHTS if os.geteuid() == 0 else []
    read = subprocess.run([*wrapper, *command], capture_output=True, text=True, check=False)
    assert (read.returncode, read.stdout.split()) == (0, ["2", "2", "2"]), read.stderr
    for directory in (ended, killed, older):
        directory.chmod(0o755)
    now = {path: path.read_bytes() for directory in (ended, killed, older) for path in directory.iterdir()}
    assert now == before


def test_a_reader_does_not_fill_an_empty_file(shell):
    """A 0-byte `mlflow.db` stays one."""
    (shell.directory / "mlflow.db").touch()
    ended = shell.seedsweep("table")
    assert (ended.code, "no sweep has been written" in ended.err) == (2, True), ended.err
    assert (shell.directory / "mlflow.db").stat().st_size == 0
    assert beside(shell.directory) == ["mlflow.db"]


def test_a_store_that_is_refused_leaves_no_directory(shell):
    """Neither where the refusal comes early, nor where it comes from a server."""
    for uri in ("sqlite:////proc/nope/mlflow.db", "http://127.0.0.1:9", "nope://x"):
        ended = shell.sweep("-m", f"tracking.uri={uri}", "seed=1,2")
        assert ended.code == 2, ended.err
        assert list(shell.directory.iterdir()) == []


def test_a_store_in_memory_is_refused(shell):
    """Its results would be gone with the command."""
    for uri in ("sqlite://", "sqlite:///:memory:"):
        ended = shell.sweep("-m", f"tracking.uri={uri}", "seed=1,2")
        assert (ended.code, "gone when the command ends" in ended.err) == (2, True), ended.err
