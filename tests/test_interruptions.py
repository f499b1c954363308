"""What happens to a sweep whose worker is killed, or whose user has seen enough."""

import os
import signal
import sys
import time
from contextlib import contextmanager

import psutil
import pytest
from conftest import ROOT, in_its_own_group, store_of

from seedsweep.tracking.reading import find_sweep

pytestmark = pytest.mark.train


@contextmanager
def in_training(shell, *arguments):
    """A sweep of two trials with at least one epoch behind each, as a running process; ended in any case."""
    command = [sys.executable, "-u", str(ROOT / "sweep.py"), "-m", *arguments, "seed=1,2", "hydra.launcher.workers=2"]
    with in_its_own_group(command, shell.directory) as parent:
        while "on core 1" not in (line := parent.stdout.readline()):
            assert line, "the sweep ended before it began"
        store = store_of(shell.directory)
        deadline = time.monotonic() + 60
        while sum("loss" in trial.metrics for trial in find_sweep(store, None).trials) < 2:
            assert time.monotonic() < deadline, "no trial ended its first epoch"
            time.sleep(0.1)
        yield parent


def test_a_killed_worker_is_recorded_and_its_sibling_finishes(shell, small):
    """The trial is FAILED with its reason, the other one FINISHED, exit code 1."""
    with in_training(shell, *small, "epochs=30") as parent:
        children = psutil.Process(parent.pid).children()
        next(child for child in children if "spawn_main" in " ".join(child.cmdline())).kill()
        out, _ = parent.communicate(timeout=120)
    assert parent.returncode == 1, out
    assert "killed by SIGKILL" in out
    trials = find_sweep(store_of(shell.directory), None).trials
    assert sorted(trial.status for trial in trials) == ["failed", "finished"]
    assert "1 failed: WorkerDied: the worker process was killed by SIGKILL" in shell.seedsweep("table").out


def test_ctrl_c_leaves_a_table_and_no_running_run(shell, small):
    """Exit code 130; what was running is KILLED."""
    with in_training(shell, *small, "epochs=2000") as parent:
        os.killpg(parent.pid, signal.SIGINT)
        out, _ = parent.communicate(timeout=60)
    assert parent.returncode == 130, out
    store = store_of(shell.directory)
    sweep = find_sweep(store, None)
    assert [trial.status for trial in sweep.trials] == ["killed", "killed"]
    assert store.client.get_run(sweep.run_id).info.status == "KILLED"
    assert "table: " in out
