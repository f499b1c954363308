"""The networks of the published tables: convolutions, then dense layers, then softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
from keras import layers

from seedsweep.config.model_config import POOL_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def convnet(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    conv_filters: Sequence[int] = (32, 64),
    kernel_size: int | Sequence[int] = 3,
    padding: str = "valid",
    pool_after: Sequence[int] = (),
    activation_at: str = "conv",
    batch_norm: bool = False,
    conv_dropout: float = 0.0,
    dense_units: Sequence[int] = (128,),
    dense_dropout: float | Sequence[float] = 0.0,
    initializer: str = "glorot_uniform",
    kernel_regularizer: keras.Regularizer | None = None,
    augmentation: Sequence[layers.Layer] = (),
) -> keras.Model:
    """Build [conv (→ batch norm) → ReLU → max-pool] … dropout → flatten → [dense → dropout] … softmax.

    Args:
        input_shape: height, width in pixels, and channels.
        classes: units of the softmax output.
        conv_filters: filters of each convolution; empty for a multilayer perceptron.
        kernel_size: side of the square kernels in pixels, one for all or one for each convolution.
        padding: "valid" or "same".
        pool_after: the convolutions, counted from 1, that a 2 × 2 max-pooling follows. A block ends there.
        activation_at: "conv", a ReLU after every convolution; "block", one ReLU a block, after its pooling.
        batch_norm: whether batch normalisation follows every convolution.
        conv_dropout: dropped fraction between the convolutions and the dense layers.
        dense_units: units of each hidden dense layer.
        dense_dropout: dropped fraction after the hidden dense layers, one for all or one for each.
        initializer: Keras' name of how all kernels are drawn.
        kernel_regularizer: the penalty on every kernel.
        augmentation: layers that change training images, before the first convolution.

    Example:
        >>> model = convnet((28, 28, 1), 10, conv_filters=[32, 64], pool_after=[2])
        >>> model.output_shape
        (None, 10)
    """
    shared: dict[str, Any] = {"kernel_initializer": initializer, "kernel_regularizer": kernel_regularizer}
    stack = [keras.Input(input_shape), *augmentation]
    last = len(conv_filters)
    for position, (filters, side) in enumerate(zip(conv_filters, _each(kernel_size, last), strict=True), start=1):
        stack.append(layers.Conv2D(filters, side, padding=padding, **shared))
        if batch_norm:
            stack.append(layers.BatchNormalization())
        pools = position in pool_after
        stack += _activation_and_pooling(activation_at, pools=pools, ends_block=pools or position == last)
    if conv_dropout:
        stack.append(layers.Dropout(conv_dropout))
    stack.append(layers.Flatten())
    for units, rate in zip(dense_units, _each(dense_dropout, len(dense_units)), strict=True):
        stack.append(layers.Dense(units, activation="relu", **shared))
        if rate:
            stack.append(layers.Dropout(rate))
    stack.append(layers.Dense(classes, **shared))
    # float32 whatever the precision: a softmax in 16 bits loses the small probabilities.
    stack.append(layers.Activation("softmax", dtype="float32"))
    return keras.Sequential(stack, name="network")


def _activation_and_pooling(activation_at: str, *, pools: bool, ends_block: bool) -> Iterator[layers.Layer]:
    if activation_at == "conv":
        yield layers.Activation("relu")
    if pools:
        yield layers.MaxPooling2D(POOL_SIZE)
    if activation_at == "block" and ends_block:
        yield layers.Activation("relu")


def _each(value: Any, count: int) -> Sequence[Any]:
    return (value,) * count if isinstance(value, int | float) else value
