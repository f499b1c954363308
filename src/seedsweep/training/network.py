"""An architecture, built in Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
from keras import layers, losses, ops, optimizers, regularizers

from seedsweep.trials.architecture import POOL_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from seedsweep.trials.architecture import Architecture
    from seedsweep.trials.spec import Optimizer, Regularizer


def build(architecture: Architecture, reg: Regularizer, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Build the network with fresh weights.

    Args:
        architecture: its layers.
        reg: the penalty on every kernel.
        image_shape: height, width in pixels, and channels.
        classes: units of the softmax output.
    """
    shared = {"kernel_initializer": architecture.initializer}

    def penalty() -> regularizers.Regularizer | None:
        return {"none": lambda _: None, "l1": regularizers.L1, "l2": regularizers.L2}[reg.name](reg.strength)

    stack = [keras.Input(image_shape), *_convolutions(architecture, shared, penalty)]
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


def _convolutions(
    architecture: Architecture, shared: dict[str, str], penalty: Callable[[], regularizers.Regularizer | None]
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


class _ClippedCrossentropy(losses.Loss):  # type: ignore[misc]
    """-log of the true class' probability, clipped to [10⁻⁷, 1 - 10⁻⁷] as Keras 2.1 did in its TensorFlow backend."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        clipped = ops.clip(y_pred, keras.config.epsilon(), 1 - keras.config.epsilon())
        chosen = ops.take_along_axis(clipped, ops.reshape(ops.cast(y_true, "int32"), (-1, 1)), axis=-1)
        return -ops.log(ops.squeeze(chosen, axis=-1))


def logits_of(network: keras.Model) -> keras.Model:
    """Return the network without its softmax; both share every weight."""
    return keras.Model(network.inputs, network.layers[-1].input)


def loss(*, from_logits: bool) -> losses.Loss:
    """Build the cross-entropy for logits, or for probabilities.

    Not left to Keras: given the output of a softmax it goes back to the logits with TensorFlow, and not with JAX.
    """
    if from_logits:
        return losses.SparseCategoricalCrossentropy(from_logits=True)
    return _ClippedCrossentropy()


def optimizer(opt: Optimizer) -> optimizers.Optimizer:
    """Build the optimizer with Keras' defaults for all that a trial does not set."""
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
    return kinds[opt.name](learning_rate=opt.learning_rate, **given)
