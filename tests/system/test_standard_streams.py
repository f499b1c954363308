"""What becomes of the screen decides nothing: a closed, full or ASCII-only standard output costs no trial."""

import shlex
import subprocess
import sys

import pytest
from support.commands import ROOT
from support.stores import store_of

from seedsweep.tracking.run_queries import find_sweep

SWEEP = shlex.join([sys.executable, str(ROOT / "sweep.py")])
SEEDSWEEP = shlex.join([sys.executable, "-m", "seedsweep"])


def typed(command, directory, environment):
    """A command line as a shell runs it; its exit code, and what is on the two streams."""
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def trying(sweep):
    """A sweep of one trial, and how it is typed."""
    made = sweep([1], "hydra.launcher.workers=1", epochs=1, EPOCH_SECONDS=0)
    return made, shlex.join([sys.executable, str(made.script), *made.arguments])


@pytest.mark.parametrize("stream", [pytest.param("> /dev/full", marks=pytest.mark.full), ">&- 2>&- <&-"])
def test_a_sweep_needs_no_screen(trying, stream):
    """It ends well, and its trial is recorded."""
    made, command = trying
    code, _, err = typed(f"{command} {stream}", made.directory, made.environment)
    assert (code, "Traceback" in err) == (0, False), err
    assert [trial.status for trial in find_sweep(store_of(made.directory), None).trials] == ["finished"]


@pytest.mark.full
def test_a_single_trial_needs_no_screen(trying):
    """Nor what it writes of its network, which Keras shows on the way."""
    made, _ = trying
    arguments = [*made.arguments[1:], "model=conv1", "hydra.launcher.workers=null"]
    command = shlex.join([sys.executable, str(ROOT / "sweep.py"), *arguments])
    code, _, err = typed(f"{command} > /dev/full", made.directory, made.environment)
    assert (code, "Traceback" in err) == (0, False), err
    (trial,) = find_sweep(store_of(made.directory), None).trials
    assert trial.status == "finished"


def test_a_screen_may_lack_characters(trying):
    """Those that it cannot show are replaced, in the table too."""
    made, command = trying
    code, out, err = typed(command, made.directory, made.environment | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert (code, err) == (0, "")
    assert "| mlp" in out
    log = next(made.directory.glob("multirun/*/0/sweep.log"))
    assert "mlp · adam · seed 1" in log.read_text(encoding="utf-8")


@pytest.mark.full
def test_a_command_that_cannot_speak_says_a_line_or_nothing(trying):
    """Never a traceback."""
    made, _ = trying
    assert made.run() == 0, made.output
    disk_full_error = "error: cannot show the table: OSError: [Errno 28] No space left on device\n"
    for command, code, said in (
        (f"{SWEEP} --help > /dev/full", 0, ""),
        (f"{SWEEP} --info | head -1 > /dev/null", 0, ""),
        (f"{SEEDSWEEP} --help > /dev/full", 0, ""),
        (f"{SEEDSWEEP} table | head -1 > /dev/null", 0, ""),
        (f"{SEEDSWEEP} table >&-", 0, ""),
        (f"{SEEDSWEEP} table > /dev/full", 1, disk_full_error),
    ):
        ended, _, err = typed(command, made.directory, made.environment)
        assert (ended, err) == (code, said), command
