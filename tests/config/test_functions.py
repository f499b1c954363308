"""A function in the place of a group's settings, in the config and on the command line."""

import pytest

from seedsweep.config.function_overrides import complete_overrides, short_overrides
from seedsweep.config.functions import ModelFunction
from seedsweep.errors import UserError


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (["model=conv3", "opt=sgd"], ["model=conv3", "opt=sgd"]),
        (
            ["model._target_=a.b", "model.width=1,2", "opt.learning_rate=1"],
            ["model=function", "model._target_=a.b", "++model.width=1,2", "opt.learning_rate=1"],
        ),
        (
            ["opt.rate=1", "opt._target_=a.b", "model._target_=c.d"],
            ["++opt.rate=1", "opt=function", "opt._target_=a.b", "model=function", "model._target_=c.d"],
        ),
        (
            ["model=wide", "model._target_=a.b", "+model.width=1"],
            ["model=wide", "model._target_=a.b", "+model.width=1"],
        ),
        (["--cfg", "job", "model._target_=a.b"], ["--cfg", "job", "model=function", "model._target_=a.b"]),
    ],
)
def test_a_function_needs_no_choice_on_the_command_line(typed, completed):
    assert complete_overrides(typed) == completed
    assert complete_overrides(completed) == completed
    assert short_overrides(completed) == typed


def test_a_group_with_a_target_is_a_function(compose):
    """Its arguments are settings, and lists come back as lists."""
    trial = compose("model=function", "model._target_=nets.wide", "+model.width=64", "+model.sizes=[1,2]").trial
    assert isinstance(trial.model, ModelFunction)
    settings = {name: value for name, value in trial.settings().items() if name.startswith("model.")}
    assert settings == {
        "model._target_": "nets.wide",
        "model.name": "wide",
        "model.sizes": [1, 2],
        "model.width": 64,
    }
    assert trial.model.arguments() == {"width": 64, "sizes": [1, 2]}
    assert hash(trial) == hash(
        compose("model=function", "model._target_=nets.wide", "+model.width=64", "+model.sizes=[1,2]").trial
    )


def test_a_function_may_be_called_otherwise_in_tables(compose):
    model = compose("model=function", "model._target_=nets.wide", "+model.name=mine").trial.model
    assert (model.name, model.arguments()) == ("mine", {})


def test_a_setting_of_the_built_in_models_is_refused(compose):
    with pytest.raises(UserError, match="from_logits is for the built-in models"):
        compose("model=function", "model._target_=nets.wide", "from_logits=false")
