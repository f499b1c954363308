"""A launcher treats a trial as its settings say, and any other application's jobs by the defaults."""

import pytest
from hydra import compose, initialize_config_dir
from support.commands import CONF

from seedsweep.config.run_config import register_resolvers
from seedsweep.launchers.hydra.job import current_config
from seedsweep.launchers.task_spec import JobSpec, spec_of
from seedsweep.runner.task import run_trial


@pytest.mark.parametrize(
    ("overrides", "spec"),
    [
        ([], JobSpec()),
        (["timeout=2.5", "retries=0", "max_failures=3"], JobSpec(None, 2.5, 0, 3)),
        (["stop=median", "seed=3", "tracking.variant='a · b'"], JobSpec("a · b · seed 3", reads_peers=True)),
        (["timeout=2.5", "epochs=0"], JobSpec()),
    ],
    ids=str,
)
def test_a_trial_has_the_limits_of_its_settings(overrides, spec):
    """If they cannot be used, the trial's worker says so."""
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3", job_name="sweep"):
        config = compose("config", overrides, return_hydra_config=True)
    with current_config(config):
        assert spec_of(run_trial).job(config) == spec


def test_other_tasks_have_the_defaults():
    spec = spec_of(lambda config: config)
    assert (spec.job({"timeout": 3}), spec.threads({"threads": 4}), spec.environment()) == (JobSpec(), 1, {})
