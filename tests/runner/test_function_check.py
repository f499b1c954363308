"""A wrong call of a user's function is answered by its source, before anything is imported."""

import importlib

import pytest

from seedsweep.config.functions import ModelFunction, OptimizerFunction
from seedsweep.errors import UserError
from seedsweep.runner.function_check import check_function

NETS = """
import functools

from parts import shared, Shared as Renamed


def wide(input_shape, classes, *, width=64, depth=3):
    raise AssertionError("it is not called")


def needing(input_shape, classes, *, units, rate=0.1):
    ...


def penalised(input_shape, classes, kernel_regularizer=None, augmentation=()):
    ...


def old(shape, n):
    ...


def any_of(**settings):
    ...


class Net:
    def __init__(self, input_shape, classes, size=3):
        ...


half = functools.partial(wide, width=32)
"""
PARTS = """
def shared(input_shape, classes, *, size=1):
    ...


class Shared:
    def __init__(self, input_shape, classes, *, size=1):
        ...
"""


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "parts.py").write_text(PARTS)
    (tmp_path / "broken.py").write_text("def wide(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()


def check(target, wanted=(), **arguments):
    check_function(ModelFunction.from_config({"_target_": target, **arguments}), wanted)


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("nets.wide", {"width": 3, "depth": 1}),
        ("nets.needing", {"units": 2}),
        ("nets.any_of", {"whatever": 2}),
        ("nets.Net", {"size": 2}),
        ("nets.shared", {"size": 2}),
        ("nets.Renamed", {"size": 2}),
        ("nets.half", {"width": 2}),
        ("seedsweep.models.convnet", {"conv_filters": [8]}),
        ("keras.applications.MobileNetV2", {"weights": None}),
    ],
)
def test_a_call_that_fits_is_taken(target, arguments):
    """Also of a class, of what another module brings, and of what only a call can tell."""
    check(target, **arguments)


@pytest.mark.parametrize(
    ("target", "arguments", "what", "where", "fix"),
    [
        ("nest.wide", {}, "no module 'nest'; did you mean 'nets'?", "model._target_", "model._target_=nets.wide"),
        (
            "absent.wide",
            {},
            "no module 'absent'",
            "model._target_",
            "a file absent.py in this directory, with def wide",
        ),
        ("nets.wid", {}, "nets.py has no function 'wid'; did you mean 'wide'?", "model._target_", "=nets.wide"),
        ("nets.zzz", {}, "nets.py has no function 'zzz'; it has wide,", "model._target_", "=nets.wide"),
        ("parts.Sharde", {}, "did you mean 'Shared'?", "model._target_", "=parts.Shared"),
        ("broken.wide", {}, "invalid syntax", "broken.py, line 1", "correct that line"),
        (
            "nets.wide",
            {"widht": 3},
            "nets.wide has no parameter 'widht'; did you mean 'width'?",
            "model.widht",
            "model.width=3",
        ),
        ("nets.wide", {"zzz": 3}, "nets.wide has no parameter 'zzz'", "model.zzz", "one of width, depth"),
        ("nets.Net", {"self": 3}, "nets.Net has no parameter 'self'", "model.self", "one of size"),
        ("nets.shared", {"sise": 3}, "no parameter 'sise'; did you mean 'size'?", "model.sise", "model.size=3"),
        ("nets.needing", {"rate": 3}, "needs a value for its parameter 'units'", "model.units", "model.units=VALUE"),
        (
            "nets.old",
            {},
            "nets.old has no parameter 'input_shape'",
            "nets.py, line 19",
            "def old(input_shape, classes, …)",
        ),
        ("wide", {}, "must be a function's dotted path", "model._target_", "model._target_=nets.wide"),
        (3, {}, "must be a function's dotted path", "model._target_", "model._target_=nets.wide"),
        ("nets.wide", {"classes": 3}, "model.classes comes from the data", "model.classes", "leave model.classes out"),
        (
            "nets.wide",
            {"_partial_": True},
            "of Hydra's own keys only _target_ is read",
            "model._partial_",
            "leave model._partial_ out",
        ),
        ("nets.wide", {"width": {"a": 1}}, "model.width is a group of settings", "model.width", "model.width_size"),
    ],
)
def test_a_call_that_does_not_fit_says_what_to_type(target, arguments, what, where, fix):
    with pytest.raises(UserError) as refused:
        check(target, **arguments)
    error = refused.value
    assert what in error.what
    assert error.where.endswith(where)
    assert error.fix.endswith(fix)


@pytest.mark.parametrize(("group", "name"), [("reg", "kernel_regularizer"), ("data.augment", "augmentation")])
def test_a_setting_that_would_change_nothing_is_refused(group, name):
    """Unless the function has a parameter for it."""
    check("nets.penalised", [group])
    with pytest.raises(UserError, match=f"nets.wide has no parameter '{name}', so that {group} would change nothing"):
        check("nets.wide", [group])


def test_an_optimizer_is_a_function_too():
    """Of Keras, or of the user's; nothing comes from the data."""
    check_function(OptimizerFunction.from_config({"_target_": "keras.optimizers.Lion", "learning_rate": 1e-4}), ())
    with pytest.raises(UserError, match=r"nets\.needing needs a value for its parameter 'input_shape'") as refused:
        check_function(OptimizerFunction.from_config({"_target_": "nets.needing", "units": 1}), ())
    assert refused.value.where == "opt.input_shape"
