"""An architecture, built in Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
from keras import layers, losses, ops, optimizers, regularizers

from seedsweep.config.model_config import POOL_SIZE
from seedsweep.training.lr_schedules import learning_rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from seedsweep.config.model_config import ModelConfig
    from seedsweep.config.optimizer_config import Optimizer
    from seedsweep.config.trial_config import Augment, Regularizer


def build(
    architecture: ModelConfig, reg: Regularizer, augment: Augment, image_shape: tuple[int, int, int], classes: int
) -> keras.Model:
    """Build the network with fresh weights.

    Args:
        architecture: its layers.
        reg: the penalty on every kernel.
        augment: how training images are moved before its first layer.
        image_shape: height, width in pixels, and channels.
        classes: units of the softmax output.
    """
    shared = {"kernel_initializer": architecture.initializer}

    def penalty() -> regularizers.Regularizer | None:
        return {"none": lambda _: None, "l1": regularizers.L1, "l2": regularizers.L2}[reg.name](reg.strength)

    stack = [
        keras.Input(image_shape),
        *augmentation_layers(augment, image_shape),
        *_convolutions(architecture, shared, penalty),
    ]
    if architecture.conv_dropout:
        stack.append(layers.Dropout(architecture.conv_dropout))
    stack.append(layers.Flatten())
    for units, rate in zip(architecture.dense_units, architecture.dense_rates, strict=True):
        stack.append(layers.Dense(units, activation="relu", kernel_regularizer=penalty(), **shared))
        if rate:
            stack.append(layers.Dropout(rate))
    stack.append(layers.Dense(classes, kernel_regularizer=penalty(), **shared))
    # float32 whatever the precision: a softmax in 16 bits loses the small probabilities.
    stack.append(layers.Activation("softmax", dtype="float32"))
    return keras.Sequential(stack, name="network")


def augmentation_layers(augment: Augment, image_shape: tuple[int, int, int]) -> list[layers.Layer]:
    """Return the layers that move training images; what comes in from outside is 0, as the borders of MNIST are."""
    height, width, _ = image_shape
    how: dict[str, Any] = {"fill_mode": "constant", "fill_value": 0.0, "dtype": "float32"}
    movers: list[layers.Layer] = []
    if augment.shift:
        movers.append(layers.RandomTranslation(augment.shift / height, augment.shift / width, **how))
    if augment.rotate:
        movers.append(layers.RandomRotation(augment.rotate / 360, **how))
    if augment.zoom:
        movers.append(layers.RandomZoom(augment.zoom, **how))
    return movers


def _convolutions(
    architecture: ModelConfig, shared: dict[str, str], penalty: Callable[[], regularizers.Regularizer | None]
) -> list[layers.Layer]:
    stack: list[layers.Layer] = []
    last = len(architecture.conv_filters)
    for position, (filters, kernel) in enumerate(
        zip(architecture.conv_filters, architecture.kernels, strict=True), start=1
    ):
        stack.append(
            layers.Conv2D(filters, kernel, padding=architecture.padding, kernel_regularizer=penalty(), **shared)
        )
        if architecture.batch_norm:
            stack.append(layers.BatchNormalization())
        if architecture.activation_at == "conv":
            stack.append(layers.Activation("relu"))
        pools = position in architecture.pool_after
        if pools:
            stack.append(layers.MaxPooling2D(POOL_SIZE))
        if architecture.activation_at == "block" and (pools or position == last):
            stack.append(layers.Activation("relu"))
    return stack


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


def logits_of(network: keras.Model) -> keras.Model:
    """Return the network without its softmax; both share every weight."""
    return keras.Model(network.inputs[0], network.layers[-1].input)


def loss(*, from_logits: bool, smoothing: float) -> losses.Loss:
    """Build the cross-entropy for logits, or for probabilities.

    Not left to Keras: given the output of a softmax it goes back to the logits with TensorFlow, and not with JAX.
    """
    if from_logits and not smoothing:
        return losses.SparseCategoricalCrossentropy(from_logits=True)
    return _Crossentropy(from_logits=from_logits, smoothing=smoothing)


def optimizer(opt: Optimizer, *, steps: int, steps_an_epoch: int) -> optimizers.Optimizer:
    """Build the optimizer with Keras' defaults for all that a trial does not set.

    Args:
        opt: its settings.
        steps: of the whole training; with those of an epoch what a schedule is drawn over.
        steps_an_epoch: batches of one epoch.
    """
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
