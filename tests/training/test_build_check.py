"""What is wrong with a function of a user's own and shows only when it is called."""

import numpy as np
import pytest

from seedsweep.errors import UserError
from seedsweep.training.build_check import Build, check_build

NETS = """
import keras


def fine(input_shape, classes):
    return keras.Sequential([keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(classes)])


def nothing(input_shape, classes):
    fine(input_shape, classes)


def text(input_shape, classes):
    return "a model"


def tall(input_shape, classes):
    return fine(input_shape, classes + 1)


def flat(input_shape, classes):
    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(classes)])


def two(input_shape, classes):
    model = fine(input_shape, classes)
    return keras.Model(model.inputs, [model.outputs[0], model.outputs[0]])


def hidden(input_shape, classes):
    import importlib

    return importlib.import_module("checked_" + "parts").fine(input_shape, classes)


def misfit(input_shape, classes):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Conv2D(classes, 99)(inputs))


def broken(input_shape, classes):
    return fine(input_shape, 1 / 0)


def reads(input_shape, classes):
    with open("weights.txt") as file:
        return file.read()
"""


@pytest.fixture
def check(compose, tmp_path, monkeypatch):
    """A function that builds one model in this process."""
    (tmp_path / "checked_nets.py").write_text(NETS)
    (tmp_path / "checked_parts.py").write_text("from checked_nets import fine\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "checked_nets", raising=False)

    def checked(*overrides):
        trial = compose(*overrides).trial
        check_build(Build(trial, np.zeros((8, 8, 8, 1), dtype=np.float32), 3))

    return checked


def own(name):
    return ["model=function", f"model._target_=checked_nets.{name}"]


def test_what_fits_is_taken(check):
    check(*own("fine"))
    check(*own("fine"), "opt=function", "opt._target_=keras.optimizers.Lion", "+opt.learning_rate=0.001")


@pytest.mark.parametrize(
    ("name", "message", "where"),
    [
        ("nothing", "nothing returned nothing, and must return a keras.Model", "model._target_"),
        ("text", "text returned a str, and must return a keras.Model", "model._target_"),
        ("tall", "gives answers of shape (8, 4) for 8 examples, and must give (8, 3)", "model._target_"),
        ("flat", "gives answers of shape (8, 8, 8, 3) for 8 examples, and must give (8, 3)", "model._target_"),
        ("two", "gives a list for 8 examples, and must give (8, 3)", "model._target_"),
        ("hidden", "hidden imports checked_parts by a name that is made when it runs", "model._target_"),
        ("misfit", "misfit cannot be called: ", "checked_nets.py, line 38, in misfit"),
        (
            "broken",
            "broken cannot be called: ZeroDivisionError: division by zero",
            "checked_nets.py, line 42, in broken",
        ),
        ("reads", "reads cannot be called: FileNotFoundError", "checked_nets.py, line 46, in reads"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(check, name, message, where):
    with pytest.raises(UserError) as refused:
        check(*own(name))
    assert message in refused.value.what
    assert refused.value.where == where


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("keras.layers.Flatten", "keras.layers.Flatten returned a Flatten, and must return a Keras optimizer"),
        ("keras.optimizers.Lion", "keras.optimizers.Lion cannot be called: "),
    ],
)
def test_an_optimizer_that_is_none_is_refused(check, target, message):
    arguments = ["+opt.rate=1"] if target.endswith("Lion") else []
    with pytest.raises(UserError) as refused:
        check(*own("fine"), "opt=function", f"opt._target_={target}", *arguments)
    assert message in refused.value.what
    assert refused.value.where == "opt._target_"
