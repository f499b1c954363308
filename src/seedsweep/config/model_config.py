"""The built-in family of networks: convolutions, then dense layers, then softmax.

Not here: building it in Keras, see `seedsweep.models.convnet`; other networks, see `functions`. What can be
said of a network by arithmetic alone is said here, so that a bad one is refused before anything starts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from seedsweep.config import validators
from seedsweep.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

PADDINGS = ("valid", "same")
ACTIVATION_PLACES = ("conv", "block")
INITIALIZERS = (
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "random_normal",
    "random_uniform",
)
POOL_SIZE = 2


@dataclass(frozen=True)
class ModelConfig:
    """A network: [conv (→ batch norm) → ReLU → max-pool] … dropout → flatten → [dense → dropout] … softmax.

    Attributes:
        name: the word that stands for it in tables; it does not change the result.
        conv_filters: filters of each convolution; empty for a multilayer perceptron.
        kernel_size: side of the square kernels in pixels, one for all or one for each convolution.
        padding: "valid" (no border, shrinks the image) or "same" (zeros around it).
        pool_after: the convolutions, counted from 1, that a 2 × 2 max-pooling follows. A block ends there.
        activation_at: "conv", ReLU after every convolution (after its batch norm, where there is one);
            "block", one ReLU a block, after its pooling, or after its last convolution where none pools.
        batch_norm: whether batch normalisation follows every convolution.
        conv_dropout: dropped fraction between the convolutions and the dense layers.
        dense_units: units of each hidden dense layer; each has a ReLU.
        dense_dropout: dropped fraction after the hidden dense layers, one for all or one for each.
        initializer: Keras' name of how all kernels are drawn, the output layer's too.
    """

    name: str
    conv_filters: tuple[int, ...]
    kernel_size: int | tuple[int, ...]
    padding: str
    pool_after: tuple[int, ...]
    activation_at: str
    batch_norm: bool
    conv_dropout: float
    dense_units: tuple[int, ...]
    dense_dropout: float | tuple[float, ...]
    initializer: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ModelConfig:
        """Check the group `model` of a composed config.

        Raises:
            UserError: a setting is unknown, missing or out of its range.
        """
        validators.known_keys("model", config, cls.__dataclass_fields__)
        filters = validators.integer_list("model.conv_filters", config["conv_filters"], example="[32,64]")
        units = validators.integer_list("model.dense_units", config["dense_units"], example="[128]")
        kernels = validators.one_or_each("model.kernel_size", config["kernel_size"], len(filters), "model.conv_filters")
        for side in kernels if isinstance(kernels, tuple) else (kernels,):
            validators.integer("model.kernel_size", side, example=3)
        dropped = validators.one_or_each(
            "model.dense_dropout", config["dense_dropout"], len(units), "model.dense_units"
        )
        return cls(
            name=validators.text("model.name", config["name"]),
            conv_filters=filters,
            kernel_size=kernels,
            padding=validators.choice("model.padding", config["padding"], PADDINGS),
            pool_after=_pool_after(config["pool_after"], len(filters)),
            activation_at=validators.choice("model.activation_at", config["activation_at"], ACTIVATION_PLACES),
            batch_norm=_batch_norm(config["batch_norm"], len(filters)),
            conv_dropout=validators.fraction("model.conv_dropout", config["conv_dropout"], example="0.25"),
            dense_units=units,
            dense_dropout=(
                tuple(validators.fraction("model.dense_dropout", rate, example="0.5") for rate in dropped)
                if isinstance(dropped, tuple)
                else validators.fraction("model.dense_dropout", dropped, example="0.5")
            ),
            initializer=validators.choice("model.initializer", config["initializer"], INITIALIZERS),
        )

    @property
    def target(self) -> str:
        """The function that builds it."""
        return "seedsweep.models.convnet"

    def settings(self) -> dict[str, Any]:
        """Return the group's settings, by name."""
        return asdict(self)

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of the function that builds it."""
        return {name: value for name, value in asdict(self).items() if name != "name"}

    @property
    def kernels(self) -> tuple[int, ...]:
        """The kernel's side for each convolution, in pixels."""
        return _each(self.kernel_size, len(self.conv_filters))

    @property
    def dense_rates(self) -> tuple[float, ...]:
        """The dropped fraction after each hidden dense layer."""
        return _each(self.dense_dropout, len(self.dense_units))

    def check_fits(self, height: int, width: int) -> None:
        """Check that an image survives all convolutions and poolings.

        Args:
            height: of the images, in pixels.
            width: of the images, in pixels.

        Raises:
            UserError: the image would shrink to nothing.
        """
        side = min(height, width)
        for position, kernel in enumerate(self.kernels, start=1):
            if self.padding == "valid":
                side -= kernel - 1
            if side >= 1 and position in self.pool_after:
                side //= POOL_SIZE
            if side < 1:
                raise UserError(
                    f"images of {height}×{width} pixels are too small for model '{self.name}': "
                    f"nothing is left of them after convolution {position} of {len(self.conv_filters)}",
                    where="model.conv_filters",
                    fix="model.padding=same, fewer convolutions, or fewer poolings in model.pool_after",
                )


def _each(value: Any, count: int) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,) * count


def _pool_after(value: object, convolutions: int) -> tuple[int, ...]:
    places = validators.integer_list("model.pool_after", value, example="[2]")
    if list(places) != sorted(set(places)) or any(place > convolutions for place in places):
        allowed = f"convolutions from 1 to {convolutions}, each once, in order"
        validators.raise_invalid("model.pool_after", allowed, list(places), f"model.pool_after=[{convolutions or ''}]")
    return places


def _batch_norm(value: object, convolutions: int) -> bool:
    batch_norm = validators.boolean("model.batch_norm", value)
    if batch_norm and not convolutions:
        raise UserError(
            "batch normalisation stands after convolutions, and this model has none",
            where="model.batch_norm",
            fix="model.batch_norm=false, or a model with convolutions",
        )
    return batch_norm
