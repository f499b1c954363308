"""What a launch does about its trials is read from any application's config."""

import pytest
from omegaconf import OmegaConf

from seedsweep.launchers.retry_policy import Policy


@pytest.mark.parametrize(
    ("config", "policy"),
    [
        ({}, Policy()),
        ({"n": 1, "timeout": "???", "stop": "???", "retries": "???"}, Policy()),
        ({"timeout": 2.5, "retries": 0, "max_failures": 3, "stop": {"name": "median"}}, Policy(2.5, 0, 3, True)),
        ({"stop": None, "max_failures": None}, Policy()),
        ({"stop": {"name": "none"}}, Policy()),
    ],
    ids=str,
)
def test_is_what_is_said_and_else_the_default(config, policy):
    """Also where another application has settings of these names that it does not give a value."""
    assert Policy.of(OmegaConf.create(config)) == policy
