"""A trial's network, loss and optimizer, built in Keras."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, losses, ops, optimizers, regularizers

from seedsweep.config.functions import ModelFunction, OptimizerFunction
from seedsweep.errors import TrialError
from seedsweep.training.lr_schedules import learning_rate
from seedsweep.trials.python_modules import is_own
from seedsweep.trials.source_code import code_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from seedsweep.config.optimizer_config import Optimizer
    from seedsweep.config.trial_config import Augment, Trial

_REGULARIZERS = {"l1": regularizers.L1, "l2": regularizers.L2}


def build(trial: Trial, input_shape: tuple[int, ...], classes: int) -> keras.Model:
    """Build a trial's network with fresh weights, by calling its function.

    Args:
        trial: its settings.
        input_shape: of one example: of an image height and width in pixels, and channels.
        classes: number of classes.

    Raises:
        TrialError: the function does not return a model of this shape.
    """
    arguments = trial.model.arguments()
    if trial.reg.name != "none":
        arguments["kernel_regularizer"] = _REGULARIZERS[trial.reg.name](trial.reg.strength)
    if movers := augmentation_layers(trial.data.augment, input_shape):
        arguments["augmentation"] = movers
    before = set(sys.modules)
    model = _called(trial.model.target, input_shape=input_shape, classes=classes, **arguments)
    _refuse_unknown_code(trial.model.target, sys.modules.keys() - before)
    if not isinstance(model, keras.Model):
        what = "nothing" if model is None else f"a {type(model).__name__}"
        raise TrialError(f"{trial.model.target} returned {what}, and must return a keras.Model")
    return model


def _called(target: str, **arguments: Any) -> Any:
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)(**arguments)


def _refuse_unknown_code(target: str, imported: Collection[str]) -> None:
    """Refuse a model that depends on code of the user which its identity does not count.

    Raises:
        TrialError: a module was imported by a name that only running the code shows.
    """
    files = {name: getattr(sys.modules.get(name), "__file__", None) for name in sorted(imported)}
    own = [name for name, file in files.items() if file and is_own(name, Path(file))]
    if own and (unknown := [name for name in own if name not in code_of(target).files]):
        raise TrialError(
            f"{target} imports {', '.join(unknown)} by a name that is made when it runs, so that a change there would "
            "not be noticed; write an import statement for it"
        )


def augmentation_layers(augment: Augment, image_shape: tuple[int, ...]) -> list[layers.Layer]:
    """Return the layers that move training images; what comes in from outside is 0, as the borders of MNIST are."""
    height, width = image_shape[:2]
    how: dict[str, Any] = {"fill_mode": "constant", "fill_value": 0.0, "dtype": "float32"}
    movers: list[layers.Layer] = []
    if augment.shift:
        movers.append(layers.RandomTranslation(augment.shift / height, augment.shift / width, **how))
    if augment.rotate:
        movers.append(layers.RandomRotation(augment.rotate / 360, **how))
    if augment.zoom:
        movers.append(layers.RandomZoom(augment.zoom, **how))
    return movers


class _Crossentropy(losses.Loss):  # type: ignore[misc]
    """Cross-entropy of whole-number labels of which a part is spread over all classes.

    Probabilities are clipped to [10⁻⁷, 1 - 10⁻⁷] as Keras 2.1 did in its TensorFlow backend.
    """

    def __init__(self, *, from_logits: bool, smoothing: float) -> None:
        super().__init__(name="crossentropy")
        self.from_logits = from_logits
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if self.from_logits:
            told = ops.log_softmax(y_pred, axis=-1)
        else:
            told = ops.log(ops.clip(y_pred, keras.config.epsilon(), 1 - keras.config.epsilon()))
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1, 1))
        chosen = ops.squeeze(ops.take_along_axis(told, labels, axis=-1), axis=-1)
        return -(1 - self.smoothing) * chosen - self.smoothing * ops.mean(told, axis=-1)


@dataclass(frozen=True)
class TrainedPart:
    """What of a network is compiled and trained.

    Attributes:
        model: it.
        loss: of its answers.
    """

    model: keras.Model
    loss: losses.Loss


def trained_part(trial: Trial, network: keras.Model, examples: NDArray[np.generic], classes: int) -> TrainedPart:
    """Return what of a network is trained.

    Args:
        trial: its settings.
        network: as its function returned it.
        examples: (n, …) a few inputs, n ≥ 1, by which a user's network is built.
        classes: number of classes.

    Raises:
        TrialError: a user's network does not answer with a number for each class.
    """
    smoothing = trial.label_smoothing
    if isinstance(trial.model, ModelFunction):
        from_logits = _gives_logits(trial.model.target, network, examples, classes)
        # Keras' own where it has one: the network that is kept brings its loss along.
        of_keras = losses.SparseCategoricalCrossentropy(from_logits=from_logits)
        return TrainedPart(network, loss(from_logits=from_logits, smoothing=smoothing) if smoothing else of_keras)
    # Another model is compiled, so that the network that is kept brings no loss of ours along; both share every weight.
    outputs = network.layers[-1].input if trial.from_logits else network.outputs[0]
    own_loss = loss(from_logits=trial.from_logits, smoothing=smoothing)
    return TrainedPart(keras.Model(network.inputs[0], outputs), own_loss)


def _gives_logits(target: str, network: keras.Model, examples: NDArray[np.generic], classes: int) -> bool:
    answers = network(ops.convert_to_tensor(examples), training=False)
    shape = getattr(answers, "shape", None)
    if shape is None or tuple(shape) != (len(examples), classes):
        what = f"answers of shape {tuple(shape)}" if shape is not None else f"a {type(answers).__name__}"
        raise TrialError(
            f"the model of {target} gives {what} for {len(examples)} examples, and must give "
            f"({len(examples)}, {classes}): a number for each of {classes} classes"
        )
    values = ops.convert_to_numpy(ops.cast(answers, "float32"))
    # Logits of several examples that are all positive and sum to 1, up to 16-bit rounding, do not occur by chance.
    return not (bool(np.all(values >= 0)) and np.allclose(values.sum(axis=1), 1, atol=0.01))


def loss(*, from_logits: bool, smoothing: float) -> losses.Loss:
    """Build the cross-entropy for logits, or for probabilities.

    Not left to Keras: given the output of a softmax it goes back to the logits with TensorFlow, and not with JAX.
    """
    if from_logits and not smoothing:
        return losses.SparseCategoricalCrossentropy(from_logits=True)
    return _Crossentropy(from_logits=from_logits, smoothing=smoothing)


def optimizer(opt: Optimizer | OptimizerFunction, *, steps: int, steps_an_epoch: int) -> optimizers.Optimizer:
    """Build the optimizer with Keras' defaults for all that a trial does not set.

    Args:
        opt: its settings.
        steps: of the whole training; with those of an epoch what a schedule is drawn over.
        steps_an_epoch: batches of one epoch.
    """
    if isinstance(opt, OptimizerFunction):
        made = _called(opt.target, **opt.arguments())
        if not isinstance(made, optimizers.Optimizer):
            raise TrialError(f"{opt.target} returned a {type(made).__name__}, and must return a Keras optimizer")
        return made
    kinds = {
        "sgd": optimizers.SGD,
        "adam": optimizers.Adam,
        "adamw": optimizers.AdamW,
        "rmsprop": optimizers.RMSprop,
        "adadelta": optimizers.Adadelta,
        "nadam": optimizers.Nadam,
    }
    extra = {"momentum": opt.momentum, "weight_decay": opt.weight_decay}
    given = {name: value for name, value in extra.items() if value is not None}
    rate = learning_rate(opt, steps=steps, steps_an_epoch=steps_an_epoch)
    return kinds[opt.name](learning_rate=rate, **given)
