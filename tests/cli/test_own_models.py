"""A network of a user's own: its function and its arguments on the command line, outside of the project."""

import re

import pytest
from support.stores import small_data

from seedsweep.tracking.run_queries import find_sweep
from seedsweep.tracking.store import open_store

NETS = '''
import keras

from helpers import block


def wide(input_shape, classes, *, width=16, depth=1):
    """A network of dense layers."""
    layers = [keras.Input(input_shape), keras.layers.Flatten()]
    return keras.Sequential([*layers, *(block(width) for _ in range(depth)), keras.layers.Dense(classes)])


def narrow(input_shape, classes):
    inputs = keras.Input(input_shape)
    x = keras.layers.Dropout(0.2)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))


class Own(keras.Model):
    """A model with a training step, a loss and layers that are built at the first call."""

    def __init__(self, input_shape, classes):
        super().__init__()
        self.flat = keras.layers.Flatten()
        self.noise = keras.layers.GaussianNoise(0.1)
        self.out = keras.layers.Dense(classes)

    def call(self, x, training=False):
        x = self.noise(self.flat(x), training=training)
        self.add_loss(1e-3 * keras.ops.mean(keras.ops.square(x)))
        return self.out(x)


def broken(input_shape, classes):
    return 1 / 0
'''
HELPERS = """
import keras


def block(width):
    return keras.layers.Dense(width, activation="relu")
"""


@pytest.fixture
def project(shell):
    """A directory with a user's networks, and what trains there in a second."""
    (shell.directory / "nets.py").write_text(NETS)
    (shell.directory / "helpers.py").write_text(HELPERS)
    data = small_data(shell.directory)
    quick = ["epochs=1", "pictures=false", "hydra.launcher.workers=1"]

    def run(*overrides):
        return shell.sweep("-m", *data, *quick, *overrides)

    run.shell = shell
    return run


def trials(shell):
    with_store = open_store(f"sqlite:///{shell.directory}/mlflow.db", "seedsweep")
    return find_sweep(with_store, None).trials


def weights(shell):
    return [trial.tags["weights_sha256"] for trial in sorted(trials(shell), key=lambda trial: int(trial.tags["job"]))]


def test_a_function_s_arguments_are_axes_columns_and_part_of_the_identity(project):
    """What is trained once is cached; a comment retrains nothing, a helper exactly what uses it."""
    grid = ["model._target_=nets.wide", "model.width=4,8"]
    first = project(*grid)
    assert first.code == 0, first.err
    assert "| width=8 " in first.out
    assert "model=wide" in first.out
    shell = project.shell
    assert {trial.settings["model.width"] for trial in trials(shell)} == {"4", "8"}
    before = weights(shell)
    assert len(set(before)) == 2
    files = list((shell.directory / "mlruns").rglob("code/*.py"))
    assert {path.name for path in files} == {"nets.py", "helpers.py"}
    assert list((shell.directory / "mlruns").rglob("model.keras"))
    nets = shell.directory / "nets.py"
    nets.write_text(
        NETS.replace("return keras.Sequential([*layers", "# a comment\n    return keras.Sequential([*layers")
    )
    assert "plan: 2 cached, 0 to resume, 0 new" in project(*grid).out
    (shell.directory / "helpers.py").write_text(HELPERS.replace("relu", "tanh"))
    changed = project(*grid)
    assert "plan: 0 cached, 0 to resume, 2 new" in changed.out
    assert "not cached (2 trials): trained with other code in helpers" in changed.out
    assert not set(weights(shell)) & set(before)


def test_models_of_all_kinds_beside_built_in_ones(project):
    """From files in a directory of the user's own, with softmax or logits, functional or a class of its own."""
    models = project.shell.directory / "conf" / "model"
    models.mkdir(parents=True)
    for name in ("narrow", "Own"):
        (models / f"{name}.yaml").write_text(f"_target_: nets.{name}\n")
    lion = ["opt._target_=keras.optimizers.Lion", "opt.learning_rate=1e-4"]
    ended = project("model=conv1,narrow,Own", *lion, f"--config-dir={project.shell.directory / 'conf'}")
    assert ended.code == 0, ended.err
    assert [re.search(rf"\| {name} ", ended.out) is not None for name in ("conv1", "narrow", "Own")] == [True] * 3
    assert "opt=Lion, learning_rate=0.0001" in ended.out


def test_what_only_building_shows_is_refused_before_anything_trains(project):
    """With the line of the user's file."""
    ended = project("model._target_=nets.broken", "seed=1,2")
    assert ended.code == 2, ended.out
    assert ended.err.splitlines()[-2:] == [
        "error: nets.broken cannot be called: ZeroDivisionError: division by zero (nets.py, line 35, in broken)",
        "fix: correct that line",
    ]
    assert not (project.shell.directory / "mlflow.db").exists()
