"""What a job came to is kept small, and gives back what Hydra gave."""

import pickle

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from seedsweep.errors import Outdone
from seedsweep.launching.results import JobResult, error_of, failed, failures_of


@pytest.fixture
def came():
    """What Hydra returns for a job, with a config of some size."""
    hydra = OmegaConf.create({"hydra": {"job": {"name": "x", "many": [f"setting {n}" for n in range(500)]}}})
    return JobReturn(["n=1"], OmegaConf.create({"n": 1}), hydra, "/there", "task", JobStatus.COMPLETED, 0.5)


def test_gives_back_what_hydra_gave(came):
    """Before and after it has travelled."""
    for result in (JobResult(came), pickle.loads(pickle.dumps(JobResult(came)))):
        told = (result.overrides, result.cfg, result.hydra_cfg, result.working_dir, result.task_name, result.status)
        assert told == (came.overrides, came.cfg, came.hydra_cfg, came.working_dir, came.task_name, came.status)
        assert result.return_value == 0.5


def test_is_small(came):
    """A tenth of what the configs take when they are written out."""
    assert len(pickle.dumps(JobResult(came))) < len(pickle.dumps(came)) / 10


def test_one_that_was_outdone_did_not_fail():
    """It ended early because others were better."""
    results = [failed([], error, OmegaConf.create()) for error in (ValueError("x"), Outdone(3, {}))]

    assert [type(error_of(result)) for result in results] == [ValueError, Outdone]
    assert list(failures_of(results)) == [0]
