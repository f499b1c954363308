"""A job runs as Hydra runs it, and its result can be sent, is small, and has all that Hydra asks for."""

import os
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import cloudpickle
import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf
from support.commands import CONF

from seedsweep.config.run_config import register_resolvers
from seedsweep.errors import TrialPruned
from seedsweep.launchers.hydra.job import JobResult, error_of, failures_of, run_job
from seedsweep.launchers.worker_process import JobRunner, LaunchContext

CONFIG = """
n: 1
place: ${hydra:runtime.output_dir}
hydra:
  sweep: {dir: jobs, subdir: "${n}-${hydra.job.num}"}
  job: {env_set: {SEEN_BY_JOB: "${hydra:job.name}"}}
  job_logging: {version: 1}
"""


def task(config):
    """Return what a job can see, or do what its number says."""
    if config.n == 3:
        raise ValueError("on purpose")
    if config.n == 4:
        config.n = 40
    if config.n == 5:
        sys.exit(7)
    return config.n, config.place, os.environ["SEEN_BY_JOB"], HydraConfig.get().job.num, str(Path.cwd())


@pytest.fixture
def composed(tmp_path, monkeypatch):
    """Composes a job's config, with its Hydra context."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    with initialize_config_dir(str(tmp_path), version_base="1.3", job_name="app"):
        loader = GlobalHydra.instance().config_loader()

        def compose(*overrides):
            master = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)
            job = loader.load_sweep_config(master, list(overrides))
            job.hydra.job.num, job.hydra.job.id = 5, "app_5"
            return job, HydraContext(config_loader=loader, callbacks=Callbacks(master))

        yield compose


@pytest.mark.usefixtures("hydra_restore_singletons")
def test_the_result_has_what_hydras_has(composed, tmp_path):
    """Before and after it was sent."""
    # Not the usual `hydra.run.dir`, which has the second in which it is read.
    job, context = composed("n=2", "hydra.job.chdir=true", "hydra.output_subdir=null", "hydra.run.dir=alone")
    hydras = run_job(task, job, context)
    result = JobResult(hydras)

    assert hydras.return_value == (2, str(tmp_path / "jobs/2-5"), "app", 5, str(tmp_path / "jobs/2-5"))
    for each in (result, pickle.loads(pickle.dumps(result))):
        for name in ("overrides", "working_dir", "task_name", "status", "return_value", "cfg", "hydra_cfg"):
            assert getattr(each, name) == getattr(hydras, name), name
        assert OmegaConf.is_readonly(each.hydra_cfg.hydra)
    assert not (tmp_path / "jobs/2-5/.hydra").exists()


@pytest.mark.usefixtures("hydra_restore_singletons")
def test_a_sweep_writes_no_copy_of_the_config_unless_it_is_asked_to(tmp_path):
    """The run in MLflow has it: `hydra.output_subdir` is null in conf/."""
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3", job_name="app"):
        loader = GlobalHydra.instance().config_loader()
        for asked, written in ([], []), (["hydra.output_subdir=.hydra"], ["config.yaml", "hydra.yaml"]):
            job = loader.load_configuration("config", [f"hydra.sweep.dir='{tmp_path}'", *asked], RunMode.MULTIRUN)
            job.hydra.job.num, job.hydra.job.id = 0, "app_0"
            run_job(lambda _: 0.5, job, HydraContext(config_loader=loader, callbacks=Callbacks(job)))
            assert all((tmp_path / "0/.hydra" / name).is_file() for name in written)
            assert (tmp_path / "0/.hydra").exists() == bool(written)
            shutil.rmtree(tmp_path / "0")


@pytest.mark.usefixtures("hydra_restore_singletons")
def test_a_config_that_the_task_changed_is_the_changed_one(composed):
    assert JobResult(run_job(task, *composed("n=4"))).cfg.n == 40


@pytest.mark.usefixtures("hydra_restore_singletons")
def test_a_config_that_cannot_be_sent_does_not_fail_the_job(composed):
    """A task may put objects into its config that no other process can read."""

    def keeping(config):
        OmegaConf.set_struct(config, value=False)
        config._set_flag("allow_objects", True)
        config.lock = threading.Lock()
        return 7

    result = JobResult(run_job(keeping, *composed()))
    assert (result.status, result.return_value, result.cfg) == (JobStatus.COMPLETED, 7, None)


@pytest.mark.usefixtures("hydra_restore_singletons")
def test_a_worker_returns_errors_as_results(composed):
    """Both an exception and an exit; the exception's traceback names the line."""
    raising, context = composed("n=3")
    exiting, _ = composed("n=5")
    launch = LaunchContext(task, context, Singleton.get_state())
    runner = JobRunner({}, cloudpickle.dumps(launch))
    raised, exited = (cloudpickle.loads(runner.run(job)) for job in (raising, exiting))

    assert (raised.status, repr(raised.error), raised.overrides) == (
        JobStatus.FAILED,
        "ValueError('on purpose')",
        ["n=3"],
    )
    assert 'raise ValueError("on purpose")' in raised.traceback
    assert (exited.status, str(exited.error)) == (JobStatus.FAILED, "SystemExit: 7")


@pytest.mark.usefixtures("hydra_restore_singletons")
def test_is_small(composed):
    """A fifth of what its configs take in memory."""
    assert len(pickle.dumps(JobResult(run_job(task, *composed("n=2"))))) < 20_000


def test_a_class_of_the_started_program_travels_with_its_config():
    """Hydra's users write structured configs in the script that they start."""
    program = (
        "import sys, cloudpickle; from dataclasses import dataclass; from omegaconf import OmegaConf\n"
        "from hydra.core.utils import JobReturn; from seedsweep.launchers.hydra.job import JobResult\n"
        "@dataclass\nclass Settings:\n    n: int = 3\n"
        "result = JobResult(JobReturn(cfg=OmegaConf.structured(Settings)))\n"
        "sys.stdout.buffer.write(cloudpickle.dumps(result))\n"
    )
    written = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout
    result = pickle.loads(written)
    assert result.cfg == {"n": 3}
    assert OmegaConf.get_type(result.cfg).__name__ == "Settings"


def test_errors_of_other_launchers_are_found_without_their_noise(capsys):
    """Hydra's own property prints the overrides before it raises the error."""
    failed = JobReturn(status=JobStatus.FAILED, overrides=["n=3"])
    failed.return_value = ValueError("x")
    assert repr(error_of(failed)) == "ValueError('x')"
    assert capsys.readouterr().err == ""


def test_a_pruned_trial_did_not_fail():
    """It ended early because others were better."""
    results = [JobResult.failed([], error) for error in (ValueError("x"), TrialPruned(3, {}))]
    assert [type(error_of(result)) for result in results] == [ValueError, TrialPruned]
    assert list(failures_of(results)) == [0]
