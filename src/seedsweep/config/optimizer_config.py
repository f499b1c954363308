"""A trial's optimizer and its learning rate schedule. Not here: building it in Keras, see `training.model_builder`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from seedsweep.config import validators
from seedsweep.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adadelta", "nadam")
WITH_MOMENTUM = ("sgd", "rmsprop")
SCHEDULES = ("constant", "cosine", "one_cycle")


@dataclass(frozen=True)
class Optimizer:
    """How weights are updated.

    Attributes:
        name: one of `OPTIMIZERS`.
        learning_rate: step size, > 0.
        momentum: in [0, 1), for those in `WITH_MOMENTUM`; None for the others.
        weight_decay: decoupled decay of all weights a step, for adamw; None for the others.
        schedule: one of `SCHEDULES`, how the step size goes from the first step to the last.
        warmup: epochs over which it rises from 0, ≥ 0; one_cycle has a rise of its own.
    """

    name: str
    learning_rate: float
    momentum: float | None
    weight_decay: float | None
    schedule: str
    warmup: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Optimizer:
        """Check the group `opt` of a composed config."""
        validators.known_keys("opt", config, cls.__dataclass_fields__)
        name = validators.choice("opt.name", config["name"], OPTIMIZERS)
        return cls(
            name=name,
            learning_rate=validators.positive("opt.learning_rate", config["learning_rate"], example="0.001"),
            momentum=validators.only_for(
                "opt.momentum",
                name,
                WITH_MOMENTUM,
                config["momentum"],
                lambda k, v: validators.fraction(k, v, example="0.9"),
            ),
            weight_decay=validators.only_for(
                "opt.weight_decay",
                name,
                ("adamw",),
                config["weight_decay"],
                lambda k, v: validators.at_least_zero(k, v, example="0.004"),
            ),
            schedule=validators.choice("opt.schedule", config["schedule"], SCHEDULES),
            warmup=_warmup(config["schedule"], config["warmup"]),
        )

    def settings(self) -> dict[str, Any]:
        """Return the group's settings, by name."""
        return asdict(self)


def _warmup(schedule: object, value: object) -> float:
    epochs = validators.at_least_zero("opt.warmup", value, example="1")
    if epochs and schedule == "one_cycle":
        raise UserError(
            f"opt.schedule=one_cycle rises by itself, got opt.warmup={validators.show(value)}",
            where="opt.warmup",
            fix="opt.warmup=0",
        )
    return epochs
