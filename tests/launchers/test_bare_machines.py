"""Machines that lack something: a home directory, a user's name, shared memory between processes."""

import os
import shlex
import subprocess
import sys

import pytest
from support.stores import store_of

from seedsweep.tracking.run_queries import find_sweep

# A user whom the system does not know; root's right to read stays, because Python may be installed in root's home.
NOBODY_KNOWN = [
    *("setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"),
    *("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"),
]
READ_ONLY_MEMORY = ["unshare", "--mount", "bash", "-c", 'mount -t tmpfs -o ro none /dev/shm && exec "$@"', "bash"]


def started(wrapper, command, directory, environment):
    """A command within another one that changes its surroundings; skips where this machine does not allow that."""
    tried = (
        subprocess.run([*wrapper, "true"], capture_output=True, text=True, check=False) if os.geteuid() == 0 else None
    )
    if tried is None or tried.returncode:
        pytest.skip(f"this machine does not allow it: {tried.stderr if tried else 'needs root'}")
    return subprocess.run(
        [*wrapper, *command],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.full
def test_a_user_without_a_name_or_a_home_trains(sweep):
    """As in a container that was started with a number for its user."""
    trying = sweep([1], "hydra.launcher.workers=1", where="open", epochs=1)
    trying.directory.chmod(0o777)
    for path in trying.directory.iterdir():
        path.chmod(0o666)
    environment = {"PATH": os.environ["PATH"], "LEDGER": str(trying.ledger), "EPOCH_SECONDS": "0"}
    for parent in trying.directory.parents[:-2]:
        parent.chmod(parent.stat().st_mode | 0o055)
    command = [sys.executable, str(trying.script), *trying.arguments]
    ended = started(NOBODY_KNOWN, command, trying.directory, environment)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert [trial.status for trial in find_sweep(store_of(trying.directory), None).trials] == ["finished"]
    table = started(NOBODY_KNOWN, [sys.executable, "-m", "seedsweep", "table"], trying.directory, environment)
    assert (table.returncode, "| mlp" in table.stdout) == (0, True), table.stderr


def test_without_shared_memory_the_launcher_that_needs_none_is_named(sweep):
    """And it works, as the fix line says."""
    trying = sweep([1], epochs=1, EPOCH_SECONDS=0)
    command = [sys.executable, str(trying.script), *trying.arguments]
    ended = started(READ_ONLY_MEMORY, command, trying.directory, trying.environment)
    error, fix = ended.stderr.strip().splitlines()
    assert ended.returncode == 2
    assert "for want of shared memory in /dev/shm" in error
    typed = shlex.split(fix.removeprefix("fix: "))[0]
    assert not (trying.directory / "multirun").exists()
    ended = started(READ_ONLY_MEMORY, [*command, typed], trying.directory, trying.environment)
    assert ended.returncode == 0, ended.stderr
