"""An architecture, built in Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import layers, optimizers, regularizers

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
