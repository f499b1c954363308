"""What is kept of a job is small, and Hydra gets from it what it asks for."""

import pickle
from dataclasses import replace

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobStatus
from hydra.types import RunMode
from omegaconf import OmegaConf

from seedsweep.errors import TrialPruned
from seedsweep.launchers.hydra.job_result import JobOutcome, error_of, failures_of
from seedsweep.launchers.hydra.packing import packed
from seedsweep.launchers.jobs import Job
from seedsweep.launchers.retry_policy import Policy


@pytest.fixture
def job(tmp_path):
    """A job with Hydra's whole config, which takes 100 kB."""
    (tmp_path / "config.yaml").write_text("n: 1\nwhere: ${hydra:runtime.output_dir}")
    with initialize_config_dir(str(tmp_path), version_base="1.3", job_name="app"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)
        yield Job(0, 0, "n=2", loader.load_sweep_config(master, ["n=2"]), Policy())


def test_has_what_was_told_and_what_was_known(job):
    """Before and after somebody has sent it elsewhere."""
    came = job.result(JobOutcome(JobStatus.COMPLETED, 0.5, task_name="app", working_dir="/there", directory="/there/2"))

    for result in (came, pickle.loads(pickle.dumps(came))):
        told = (result.overrides, result.working_dir, result.task_name, result.status, result.return_value)
        assert told == (["n=2"], "/there", "app", JobStatus.COMPLETED, 0.5)
        assert OmegaConf.to_container(result.cfg) == {"n": 2, "where": "${hydra:runtime.output_dir}"}
        assert list(result.hydra_cfg) == ["hydra"]
        assert result.hydra_cfg.hydra.overrides.task == ["n=2"]
        assert result.hydra_cfg.hydra.runtime.output_dir == "/there/2"


def test_a_config_that_the_task_has_changed_is_the_one_it_left(job):
    changed = packed(OmegaConf.create({"n": 3}))
    assert job.result(JobOutcome(JobStatus.COMPLETED, None, directory="/there", changed=changed)).cfg == {"n": 3}


def test_one_that_never_ran_has_its_configs(job):
    """Its process died, and nobody knows where."""
    result = job.result(JobOutcome(JobStatus.FAILED, ValueError("x")))
    assert result.cfg.n == 2
    assert OmegaConf.is_missing(result.hydra_cfg.hydra.runtime, "output_dir")


def test_is_small(job):
    """A tenth of what its config takes in memory; and what is told of it is smaller still."""
    told = JobOutcome(JobStatus.COMPLETED, 0.5, directory="/there")
    changed = replace(told, changed=job.packed)
    assert len(pickle.dumps(job.result(told))) < 5_000
    assert len(pickle.dumps(job.result(changed))) < 10_000
    assert len(pickle.dumps(told)) < 1_000


def test_one_that_was_outdone_did_not_fail(job):
    """It ended early because others were better."""
    results = [job.result(JobOutcome(JobStatus.FAILED, error)) for error in (ValueError("x"), TrialPruned(3, {}))]

    assert [type(error_of(result)) for result in results] == [ValueError, TrialPruned]
    assert list(failures_of(results)) == [0]
