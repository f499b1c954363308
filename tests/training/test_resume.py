"""A trial that was interrupted ends with the same weights, bit by bit, as if it never had been."""

import os
import signal
import sys
import time

import numpy as np
import psutil
import pytest
from support.commands import ROOT, in_its_own_group
from support.stores import small_data, store_of

from seedsweep.data.dataset import load
from seedsweep.errors import TrialStopped
from seedsweep.runner.run_metadata import build_run_metadata
from seedsweep.tracking.run_queries import find_sweep
from seedsweep.training import checkpoints
from seedsweep.training.backend import Runtime
from seedsweep.training.checkpoints import CheckpointConfig

pytestmark = pytest.mark.train

# Everything that has a state of its own: moving statistics, dropout's random numbers, each kind of optimizer.
RECIPE = ["model=conv1", "model.batch_norm=true", "model.conv_filters=[8]", "reg=l2", "epochs=4"]
MOVED = ["data.augment.shift=1", "data.augment.zoom=0.1"]


class StopAfter:
    """Asks training to stop after some batches."""

    def __init__(self, batches):
        self.left = batches

    def __call__(self):
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize(
    ("overrides", "every", "stops"),
    [
        pytest.param(["opt=adam"], 1, [3, 1, 8], marks=pytest.mark.full),  # Adam goes on in other tests as well
        (["opt=sgd", "precision=mixed_bfloat16"], 3, [17]),  # between two checkpoints
        (["opt=rmsprop", "opt.momentum=0.5", "precision=mixed_float16"], 1, [12]),
        (["opt=nadam", "opt.schedule=cosine", "opt.warmup=1", *MOVED, "label_smoothing=0.1"], 2, [23]),
    ],
)
def test_stopped_anywhere_a_trial_ends_with_the_same_bits(tmp_path, compose, overrides, every, stops, full):
    """In any epoch and at any batch of it, once or several times; the epochs before are not trained again."""
    if "precision=" in " ".join(overrides) and not full:
        pytest.skip("16 bits take long on a CPU: --full")
    from seedsweep.training import trainer

    trial = compose(*small_data(tmp_path), *RECIPE, *overrides).trial
    dataset = load(trial.data)
    whole_epochs = []
    undisturbed = trainer.train(trial, dataset, whole_epochs.append, keeping(tmp_path / "a", every), None)
    epochs = []
    for stop in stops:
        place = keeping(tmp_path / "b", every, StopAfter(stop))
        with pytest.raises(TrialStopped):
            trainer.train(trial, dataset, epochs.append, place, checkpoints.read(place.path, "t", 4))
    start = checkpoints.read(place.path, "t", 4)
    resumed = trainer.train(trial, dataset, epochs.append, keeping(tmp_path / "b", every), start)
    assert resumed.weights_sha256 == undisturbed.weights_sha256
    assert [metrics.epoch for metrics in epochs] == [1, 2, 3, 4]
    assert [metrics.values for metrics in epochs] == [metrics.values for metrics in whole_epochs]
    assert resumed.tested.loss == undisturbed.tested.loss


NETS = """
import keras


class Noisy(keras.Model):
    def __init__(self, input_shape, classes, *, rate=0.1):
        super().__init__()
        self.flat = keras.layers.Flatten()
        self.noise = keras.layers.GaussianNoise(rate)
        self.norm = keras.layers.BatchNormalization()
        self.out = keras.layers.Dense(classes)
        self.generator = keras.random.SeedGenerator()

    def call(self, x, training=False):
        x = self.norm(self.noise(self.flat(x), training=training), training=training)
        self.add_loss(1e-3 * keras.ops.mean(keras.ops.square(x)))
        return self.out(x)

    def train_step(self, data):
        x, y = data
        return super().train_step((x + 0.1 * keras.random.normal(keras.ops.shape(x), seed=self.generator), y))
"""


def test_a_class_of_a_user_s_own_ends_with_the_same_bits(tmp_path, compose, monkeypatch):
    """With a training step, a loss and random numbers of its own, drawn from generators that are its variables."""
    from seedsweep.training import trainer

    (tmp_path / "noisy_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)
    own = ["model=function", "model._target_=noisy_nets.Noisy", "+model.rate=0.2", "epochs=3"]
    trial = compose(*small_data(tmp_path), *own).trial
    dataset = load(trial.data)
    undisturbed = trainer.train(trial, dataset, lambda _: None, keeping(tmp_path / "a", 1), None)
    place = keeping(tmp_path / "b", 1, StopAfter(13))
    with pytest.raises(TrialStopped):
        trainer.train(trial, dataset, lambda _: None, place, None)
    start = checkpoints.read(place.path, "t", 3)
    assert start.epoch == 1
    resumed = trainer.train(trial, dataset, lambda _: None, keeping(tmp_path / "b", 1), start)
    assert resumed.weights_sha256 == undisturbed.weights_sha256
    assert resumed.tested.loss == undisturbed.tested.loss
    assert resumed.save(tmp_path) is not None  # Keras cannot write a class that has no `get_config`
    assert (tmp_path / "model.weights.h5").is_file()


def keeping(directory, every, stop=lambda: False):
    directory.mkdir(exist_ok=True)
    return CheckpointConfig("t", directory / checkpoints.FILE_NAME, every, stop)


def test_a_trial_s_checkpoint_is_nobody_else_s(tmp_path, compose):
    """Another trial in the same directory starts with fresh weights."""
    from seedsweep.training import trainer

    trial = compose(*small_data(tmp_path), "model=mlp", "epochs=1").trial
    trainer.train(trial, load(trial.data), lambda _: None, keeping(tmp_path, 1), None)
    assert checkpoints.furthest([tmp_path], "t", 1).epoch == 1
    assert checkpoints.furthest([tmp_path], "another", 1) is None


@pytest.mark.timeout(1800)
def test_a_longer_trial_resumes_from_the_last_state_of_a_shorter_one(tmp_path, compose):
    """As Hyperband's next rung does, to the last bit; where the end decides how it begins, it must not."""
    from seedsweep.training import trainer

    def trial_of(epochs, *overrides):
        trial = compose(*small_data(tmp_path), *RECIPE, "opt=adam", f"epochs={epochs}", *overrides).trial
        return trial, build_run_metadata(trial, "v", Runtime("CPU", {}), 0, {"dataset_sha256": "s"})

    (short, before), (long, after) = trial_of(2), trial_of(5)
    assert (before.training_id, before.trial_id == after.trial_id) == (after.training_id, False)
    dataset = load(short.data)
    trainer.train(short, dataset, lambda _: None, keeping(tmp_path / "a", 1), None)
    start = checkpoints.read(tmp_path / "a" / checkpoints.FILE_NAME, "t", 5)
    epochs = []
    resumed = trainer.train(long, dataset, epochs.append, keeping(tmp_path / "a", 1), start)
    whole = trainer.train(long, dataset, lambda _: None, keeping(tmp_path / "b", 1), None, tests=False)
    assert [metrics.epoch for metrics in epochs] == [3, 4, 5]
    assert resumed.weights_sha256 == whole.weights_sha256
    assert whole.tested is None
    # A state beyond the end is none to go on from; and a cosine's first rate depends on its last epoch.
    assert checkpoints.read(tmp_path / "a" / checkpoints.FILE_NAME, "t", 4) is None
    assert trial_of(2, "opt.schedule=cosine")[1].training_id != trial_of(5, "opt.schedule=cosine")[1].training_id


def test_a_real_sweep_survives_everything(shell, tmp_path, full):
    """A worker killed, then the parent killed, then Ctrl-C: the same weights and curves as a sweep in peace."""
    if not full:
        pytest.skip("minutes of starting TensorFlow; faults/ kills the stand-in, and the bits are tested above: --full")
    recipe = [*small_data(tmp_path), "model=conv1", "opt=adam", "epochs=20", "pictures=false"]
    command = [sys.executable, "-u", str(ROOT / "sweep.py"), "-m", *recipe, "seed=1,2", "hydra.launcher.workers=2"]

    def disturbed(how, epochs):
        before = written(shell.directory)
        with in_its_own_group(command, shell.directory) as parent:
            wait_for_epochs(shell.directory, epochs, before)
            how(parent)
            return parent.communicate(timeout=120)[0], parent.returncode

    def kill_a_worker_and_the_parent(parent):
        workers = [child for child in psutil.Process(parent.pid).children() if "spawn_main" in str(child.cmdline())]
        workers[0].kill()
        time.sleep(1)
        parent.kill()

    _, code = disturbed(kill_a_worker_and_the_parent, 3)
    assert code == -signal.SIGKILL
    out, code = disturbed(lambda parent: os.killpg(parent.pid, signal.SIGINT), 6)
    assert code == 130, out
    assert "after epoch" in out
    assert "table: " in out
    ended = shell.sweep(*command[3:])
    assert ended.code == 0, ended.out + ended.err
    assert "plan: 0 cached, 2 to resume, 0 new" in ended.out
    store = store_of(shell.directory)
    disturbed_trials = find_sweep(store, None).trials
    assert len(store.client.search_runs([store.experiment_id])) == 3
    again = shell.sweep(*command[3:], "rerun=true")
    assert again.code == 0, again.out + again.err
    assert "plan: 0 cached, 0 to resume, 2 new" in again.out
    peaceful_trials = find_sweep(store, None).trials

    def seen(trials):
        keys = ("loss", "val_accuracy")
        return {
            trial.settings["seed"]: (
                trial.tags["weights_sha256"],
                trial.metrics["test_accuracy"],
                [[(p.step, p.value) for p in store.client.get_metric_history(trial.run_id, key)] for key in keys],
            )
            for trial in trials
        }

    assert seen(disturbed_trials) == seen(peaceful_trials)


def written(directory):
    """How many epochs each trial has in its journal."""
    return [path.read_text().count('"metrics"') for path in sorted(directory.glob("multirun/*/*/journal.jsonl"))]


def wait_for_epochs(directory, count, before):
    """Wait until both trials have written that many more epochs."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        now = written(directory)
        if len(now) == 2 and min(np.subtract(now, before or [0, 0])) >= count:
            return
        time.sleep(0.05)
    pytest.fail("no trial came that far")
