"""The pool gives each job one slot, keeps jobs apart, and outlives what they do."""

import itertools
import json
import os
import signal
import sys
import time
from concurrent.futures import wait
from contextlib import contextmanager

import cloudpickle
import psutil
import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton
from hydra.types import HydraContext, RunMode
from support.commands import ROOT, Shell, in_its_own_group

from seedsweep.errors import UserError
from seedsweep.launchers import resources, worker_process
from seedsweep.launchers.hydra.composing import Compositions
from seedsweep.launchers.jobs import JobComposer
from seedsweep.launchers.log_relay import LogRelay
from seedsweep.launchers.pool.process_worker import ProcessWorker
from seedsweep.launchers.task_spec import TaskSpec

SUPPORT = ROOT / "tests" / "support"


@pytest.fixture
def pool(tmp_path, starter):
    """Runs the small application of `pool_app.py`, whose jobs note where and when they ran."""
    shell = Shell(tmp_path, SUPPORT / "pool_app.py", starter)

    def run(*arguments, gpus=0, **environment):
        if gpus:
            simulated = {"SIMULATED_GPUS": str(gpus), "PYTHONPATH": str(SUPPORT / "simulated_gpus")}
            environment = simulated | {"CUDA_VISIBLE_DEVICES": ",".join(map(str, range(gpus)))} | environment
        ended = shell.sweep("-m", *arguments, **environment)
        jobs = [json.loads(path.read_text()) for path in tmp_path.glob("job*.json")]
        return ended, sorted(jobs, key=lambda job: (job["do"], job["n"]))

    return run


def overlap(one, other):
    return one["began"] < other["ended"] and other["began"] < one["ended"]


def test_each_trial_sees_one_gpu_and_no_two_at_once_the_same(pool):
    """Twelve jobs on four simulated GPUs: all four are used, none by two jobs at the same time."""
    ended, jobs = pool("n=range(12)", "seconds=0.5", gpus=4)
    assert ended.code == 0, ended.err
    assert len(jobs) == 12
    assert {job["gpu"] for job in jobs} == {"0", "1", "2", "3"}
    assert any(overlap(one, other) for one, other in itertools.combinations(jobs, 2))
    for one, other in itertools.combinations(jobs, 2):
        assert not (overlap(one, other) and one["gpu"] == other["gpu"])


def test_workers_live_as_long_as_the_sweep(pool):
    """TensorFlow is imported once a slot, not once a trial."""
    _, jobs = pool("n=range(8)", "hydra.launcher.workers=2", "seconds=0")
    assert len({job["pid"] for job in jobs}) == 2


def test_jobs_are_named_by_what_differs_between_them(pool):
    """What all of them share is not repeated on each line."""
    ended, _ = pool("n=1,2", "do=work", "seconds=0", "hydra.launcher.workers=1")
    assert ended.out.splitlines() == ["started  n=1  on core 0", "started  n=2  on core 0"]


def test_the_shell_s_choice_of_gpus_is_honoured(pool):
    """CUDA_VISIBLE_DEVICES=3,1 uses those two."""
    _, jobs = pool("n=range(4)", gpus=4, CUDA_VISIBLE_DEVICES="3,1")
    assert {job["gpu"] for job in jobs} == {"3", "1"}


@pytest.mark.parametrize(
    ("shell_says", "wanted", "expected"),
    [
        (None, None, ["0", "1"]),
        ("1", None, ["1"]),
        ("", None, []),
        ("-1", None, []),
        ("1,7,0", None, ["1"]),  # CUDA ignores all that follows a wrong name
        ("0,0,GPU-00000000", None, ["0"]),
        (None, ["GPU-00000001-aaaa"], ["1"]),
        ("GPU-00000001", None, ["GPU-00000001"]),
        (None, [1], ["1"]),
        (None, [], []),
        ("0,1", ["0"], ["0"]),
    ],
)
def test_slots_follow_the_shell_and_the_setting(monkeypatch, shell_says, wanted, expected):
    """Two simulated GPUs; where none is left, trials run on cores with every GPU hidden."""
    monkeypatch.setattr(resources, "_present_gpus", lambda: ["GPU-00000000-aaaa", "GPU-00000001-aaaa"])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shell_says is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shell_says)
    found = [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in resources.find_slots(wanted, 3, 1)]
    assert found == (expected or ["-1"] * 3)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ([9], r"GPU 9 not present; found \[0, 1\]"),
        (["GPU-7"], r"GPU GPU-7 not present; found \[0, 1\]"),
        ([0, "GPU-00000000"], "names a GPU twice"),
        (0, "must be a list of numbers or UUIDs, got 0"),
    ],
)
def test_gpus_that_cannot_be_used_are_refused(monkeypatch, wanted, message):
    """The error says which there are."""
    monkeypatch.setattr(resources, "_present_gpus", lambda: ["GPU-00000000-aaaa", "GPU-00000001-aaaa"])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(UserError, match=message):
        resources.find_slots(wanted, None, 1)


@pytest.mark.parametrize(
    ("cores", "free_gib", "threads", "expected"),
    [(8, 64, 1, 8), (8, 64, 2, 4), (8, 5, 1, 2), (2, 0.5, 1, 1), (2, 64, 4, 1)],
)
def test_cores_and_memory_bound_the_slots(monkeypatch, cores, free_gib, threads, expected):
    """As many trials as the cores carry, and no more than fit in memory, but always one."""
    monkeypatch.setattr(resources, "_present_gpus", list)
    monkeypatch.setattr(resources, "usable_cores", lambda: cores)
    monkeypatch.setattr(resources, "usable_memory", lambda: int(free_gib * 1024**3))
    assert len(resources.find_slots(None, None, threads)) == expected


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raise", "ValueError: on purpose"),
        ("exit", "SystemExit: 3"),
        ("kill", "killed by SIGKILL"),
        ("segfault", "killed by SIGSEGV"),
        ("unpicklable", "cannot be sent to the parent"),
        ("unreadable", "cannot be sent to the parent"),
        ("leave", "ended by itself with exit code 0"),
    ],
)
def test_a_trial_that_ends_badly_takes_nobody_along(pool, how, said):
    """It is named when it happens; the jobs before, beside and after it end well."""
    ended, jobs = pool(f"do={how},work", "n=1,2", "hydra.launcher.workers=2", "seconds=0.2")
    assert said in ended.out
    assert ended.out.count("failed   ") == 2
    assert [job["n"] for job in jobs if job["do"] == "work"] == [1, 2]
    assert ended.code == 1


def test_what_a_task_logs_may_have_attributes_of_any_name(pool):
    """Also the name of something that a progress bar could show."""
    ended, jobs = pool("do=log", "n=1,2", "hydra.launcher.workers=2", "seconds=0")
    assert ended.code == 0, ended.err
    assert ended.out.count("an epoch of its own") == 2
    assert [job["n"] for job in jobs] == [1, 2]


@pytest.mark.usefixtures("hydra_restore_singletons")
def test_a_process_that_is_killed_between_two_jobs_is_replaced(tmp_path, monkeypatch):
    """A search may have nothing for a slot, and the system may need the memory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("hydra: {sweep: {dir: jobs}}")
    with initialize_config_dir(str(tmp_path), version_base="1.3"), LogRelay(print) as relay:
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)
        context = HydraContext(config_loader=loader, callbacks=Callbacks(config))
        shared = cloudpickle.dumps(worker_process.LaunchContext(lambda _: os.getpid(), context, Singleton.get_state()))
        core = ProcessWorker(resources.WorkerSlot("core 0", resources.environment_of("core 0", "-1")), shared, relay)
        pids = []
        composer = JobComposer(Compositions(loader, config), TaskSpec(), first=0)
        for _ in range(2):
            future = core.run(composer.job([]))
            wait([future], timeout=60)
            pids.append(core.result(future).return_value)
            psutil.Process(pids[-1]).kill()
            wait_for(lambda: not psutil.pid_exists(pids[-1]), seconds=10)
            time.sleep(0.5)  # Pebble looks ten times a second
        core.stop()
    assert len(set(pids)) == 2


@contextmanager
def two_jobs_of_a_minute(directory):
    """A parent with two workers that are inside their jobs, and the workers."""
    command = [sys.executable, str(SUPPORT / "pool_app.py"), "-m", "n=1,2", "seconds=60", "hydra.launcher.workers=2"]
    with in_its_own_group(command, directory) as parent:
        workers = wait_for(lambda: _workers(parent.pid) if len(_workers(parent.pid)) >= 2 else None, seconds=20)
        time.sleep(1)
        yield parent, workers


def test_workers_end_with_a_killed_parent(tmp_path):
    """Nothing goes on training for a sweep that is gone."""
    with two_jobs_of_a_minute(tmp_path) as (parent, workers):
        parent.kill()
        parent.wait()
        assert wait_for(lambda: not any(map(_lives, workers)), seconds=3)


def test_ctrl_c_stops_the_workers(tmp_path):
    """One SIGINT to the whole foreground group, as a terminal sends it."""
    with two_jobs_of_a_minute(tmp_path) as (parent, workers):
        os.killpg(parent.pid, signal.SIGINT)
        parent.wait(timeout=20)
        assert not any(map(_lives, workers))


def _workers(pid):
    children = psutil.Process(pid).children()
    return [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]


def _lives(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition, *, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.05)
    return condition()
