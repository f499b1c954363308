"""Train one trial: seeds, epochs with a checkpoint after each, then the test set once.

The seed decides three things: initial weights and dropout (Keras' global seed, set before the network is
built) and the data order (a permutation of our own from seed and epoch). Nothing else is random, so equal
trials on equal devices end with equal weights, to the last bit, in whatever process they run.
"""

from __future__ import annotations

import io
import math
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np

from seedsweep.config.early_stopping import best_epoch
from seedsweep.errors import NonFiniteLoss, TrialError, TrialStopped, reason
from seedsweep.metrics import EPOCH_METRICS, EpochMetrics
from seedsweep.system.hashing import arrays_sha256
from seedsweep.training import backend, checkpoints, model_builder
from seedsweep.training.build_check import EXAMPLES
from seedsweep.training.checkpoints import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seedsweep.config.trial_config import Trial
    from seedsweep.data.dataset import Dataset
    from seedsweep.training.checkpoints import CheckpointConfig

# Fixed, because the size of a batch can change a sum's last bits.
EVALUATION_BATCH = 256


@dataclass(frozen=True)
class TestResult:
    """What a network answered on the test images.

    Attributes:
        loss: its mean, with the penalties.
        accuracy: fraction of images whose class was predicted.
        predictions: (n,) the predicted class of each image, in order.
    """

    loss: float
    accuracy: float
    predictions: NDArray[np.int64]


@dataclass(frozen=True)
class TrainingResult:
    """A trained network and what came of it.

    Attributes:
        model: the network after the last epoch, or after the best one where that is kept.
        parameters: number of weights, trainable and not.
        tested: on the test images; None where they were not looked at.
        weights_sha256: hash of all weights, in the network's order.
        train_seconds: wall time of all epochs with their validation, those before an interruption included.
        epochs: how many were trained.
        best_epoch: whose weights these are, where that need not be the last one's; else None.
    """

    model: keras.Model
    parameters: int
    tested: TestResult | None
    weights_sha256: str
    train_seconds: float
    epochs: int
    best_epoch: int | None

    def save(self, directory: Path) -> str | None:
        """Write the network as model.keras; returns why only its weights could be written, if so.

        Raises:
            OSError: there is no room.
        """
        try:
            self.model.save(directory / "model.keras")
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the `get_config` of a user's class raises
            (directory / "model.keras").unlink(missing_ok=True)
            self.model.save_weights(directory / "model.weights.h5")
            return reason(error)
        return None

    def draw(self, path: Path) -> str | None:
        """Write a diagram of the network as a .png file; returns why it could not be drawn, if so."""
        from seedsweep.training.model_plot import draw_diagram

        return draw_diagram(self.model, path)

    def summary(self) -> str:
        """Return the layers with their shapes and parameters as text."""
        lines: list[str] = []
        with redirect_stdout(io.StringIO()):  # Keras flushes the screen, which may fail
            self.model.summary(print_fn=lines.append)
        return "\n".join(lines)


def train(
    trial: Trial,
    dataset: Dataset,
    on_epoch: Callable[[EpochMetrics], None],
    keeping: CheckpointConfig,
    start: Checkpoint | None,
    *,
    tests: bool = True,
) -> TrainingResult:
    """Train a network and measure it once on the test images.

    A trial that resumes from a checkpoint ends with the same weights, bit by bit, as if never interrupted.
    Whatever ends it early, its last whole epoch is in the checkpoint.

    Args:
        trial: what to train.
        dataset: on what.
        on_epoch: called after each epoch that is trained here, in order.
        keeping: where its checkpoint goes.
        start: the checkpoint to resume from; None starts with fresh weights.
        tests: whether the test images are looked at.

    Raises:
        NonFiniteLoss: a loss or a weight became NaN or infinite.
        TrialStopped: `keeping.stop` said so.
        OSError: the checkpoint cannot be written.
    """
    whole, model = _fresh(trial, dataset)
    best: list[NDArray[np.generic]] = []
    if start is not None:
        best = _restore(model, start)
    state = start or Checkpoint(keeping.training_id, [], 0.0, [])
    written = state.epoch
    try:
        while state.epoch < trial.epochs and not trial.stop.is_out_of_patience(state.history):
            epoch = state.epoch + 1
            began = time.perf_counter()
            metrics = EpochMetrics(epoch, _one_epoch(model, trial, dataset, epoch, keeping.stop))
            seconds = state.train_seconds + time.perf_counter() - began
            history = [*state.history, metrics]
            arrays = _variables(model)
            check_finite(arrays[: len(model.variables)], epoch)
            if trial.stop.keeps_best and best_epoch(history) == epoch:
                best = arrays[: len(model.variables)]
            state = Checkpoint(keeping.training_id, history, seconds, [*arrays, *best])
            if epoch % keeping.every == 0 or epoch == trial.epochs:
                checkpoints.write(keeping.path, state)
                written = epoch
            on_epoch(metrics)
    except BaseException:
        # The epochs since the last checkpoint are kept too.
        if state.epoch > written:
            checkpoints.write(keeping.path, state)
        raise
    for variable, array in zip(model.variables, best, strict=False):
        variable.assign(array)
    return TrainingResult(
        model=whole,
        parameters=model.count_params(),
        tested=_test(model, dataset) if tests else None,
        weights_sha256=weights_sha256(model),
        train_seconds=state.train_seconds,
        epochs=state.epoch,
        best_epoch=best_epoch(state.history) if best else None,
    )


def _test(model: keras.Model, dataset: Dataset) -> TestResult:
    measured = model.evaluate(dataset.test.x, dataset.test.y, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
    loss = float(measured["loss"])
    outputs = model.predict(dataset.test.x, batch_size=EVALUATION_BATCH, verbose=0)
    predictions = np.argmax(outputs, axis=1)
    return TestResult(loss, float(np.mean(predictions == dataset.test.y)), predictions)


def _fresh(trial: Trial, dataset: Dataset) -> tuple[keras.Model, keras.Model]:
    """Build the network with the weights that the seed gives; returns it, and what of it is compiled and trained."""
    keras.utils.clear_session()
    # Keras reads these from a file in the user's home and from the shell, of which no trial's identity knows.
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    keras.config.set_dtype_policy(trial.precision)
    keras.utils.set_random_seed(trial.seed)
    whole = model_builder.build(trial, dataset.image_shape, dataset.classes)
    part = model_builder.trained_part(trial, whole, dataset.train.x[:EXAMPLES], dataset.classes)
    model = part.model
    steps = math.ceil(len(dataset.train) / trial.batch_size)
    model.compile(
        optimizer=model_builder.optimizer(trial.opt, steps=steps * trial.epochs, steps_an_epoch=steps),
        loss=part.loss,
        metrics=["accuracy"],
        # XLA is several times slower on a CPU and breaks TensorFlow's determinism on a GPU; JAX is XLA.
        jit_compile=trial.backend == "jax",
    )
    model.optimizer.build(model.trainable_variables)
    return whole, model


def _variables(model: keras.Model) -> list[NDArray[np.generic]]:
    """Copy the state that training continues from: weights, batch norm's statistics, dropout's seeds, the optimizer."""
    every = [*model.variables, *model.optimizer.variables]
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in every]


def _restore(model: keras.Model, state: Checkpoint) -> list[NDArray[np.generic]]:
    """Go on from a state; returns the weights of its best epoch, where those are kept."""
    every = [*model.variables, *model.optimizer.variables]
    for variable, array in zip(every, state.arrays[: len(every)], strict=True):
        variable.assign(array)
    return list(state.arrays[len(every) :])


class EpochCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Seeds each epoch, and stops training after the current batch when that was requested."""

    def __init__(self, trial: Trial, epoch: int, stop: Callable[[], bool]) -> None:
        super().__init__()
        self._trial = trial
        self._epoch = epoch
        self._stop = stop

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:  # noqa: ARG002 - Keras' signature
        """Seed what is drawn in this epoch."""
        if batch == 0:
            backend.seed_generators(self._trial.seed, self._epoch)

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002 - Keras' signature
        """Stop training where that was requested."""
        if self._stop():
            raise TrialStopped("stopped on request; run the same command again to resume from its last complete epoch")


def _one_epoch(
    model: keras.Model, trial: Trial, dataset: Dataset, epoch: int, stop: Callable[[], bool]
) -> dict[str, float]:
    """Fit one epoch in the order that seed and epoch fix; returns the `EPOCH_METRICS`."""
    order = np.random.default_rng([trial.seed, epoch]).permutation(len(dataset.train))
    history = model.fit(
        dataset.train.x[order],
        dataset.train.y[order],
        batch_size=trial.batch_size,
        initial_epoch=epoch - 1,
        epochs=epoch,
        shuffle=False,
        validation_data=(dataset.validation.x, dataset.validation.y),
        validation_batch_size=EVALUATION_BATCH,
        verbose=0,
        callbacks=[EpochCallback(trial, epoch, stop)],
    ).history
    if missing := [name for name in EPOCH_METRICS if name not in history]:
        raise TrialError(
            f"the model measures {', '.join(sorted(history))}, and not {', '.join(missing)}: "
            "its train_step and test_step must return what compute_metrics returns"
        )
    values = {name: float(history[name][-1]) for name in EPOCH_METRICS}
    for name in ("loss", "val_loss"):
        if not math.isfinite(values[name]):
            raise NonFiniteLoss(name, values[name], epoch)
    return values


def check_finite(weights: Sequence[NDArray[np.generic]], epoch: int) -> None:
    """Refuse a network that is none any more: a ReLU may make 0 of NaN, and the loss stays finite.

    Raises:
        NonFiniteLoss: a weight is NaN or infinite.
    """
    for array in weights:
        finite = np.isfinite(array)
        if not finite.all():
            raise NonFiniteLoss("a weight", float(array[~finite][0]), epoch)


def weights_sha256(model: keras.Model) -> str:
    """Return one hash of all weights, batch norm's moving statistics among them."""
    return arrays_sha256(keras.ops.convert_to_numpy(weight) for weight in model.weights)
