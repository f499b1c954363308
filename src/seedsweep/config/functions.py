"""Functions of a user's own: a dotted path, and the keyword arguments that it is called with.

Not here: finding and calling the function, see `seedsweep.training.model_builder`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from seedsweep.config import validators
from seedsweep.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Hydra's key for what a group of settings stands for.
TARGET = "_target_"
# Groups of which a choice can be a function.
FUNCTION_GROUPS = ("model", "opt")
# What a model's function is given if it has a parameter of this name.
OFFERED = {"reg": "kernel_regularizer", "data.augment": "augmentation"}

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


@dataclass(frozen=True)
class Function:
    """A function, or a class.

    Attributes:
        target: its dotted path, such as "nets.wide": the function `wide` in nets.py.
        name: the word that stands for it in tables; it does not change the result.
        keywords: name and value of each keyword argument, lists as tuples.
    """

    group: ClassVar[str]
    # What it is called with, beside the arguments that its settings give.
    required: ClassVar[tuple[str, ...]] = ()

    target: str
    name: str
    keywords: tuple[tuple[str, Any], ...]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Check a group of a composed config that has a `_target_`.

        Raises:
            UserError: a key or a value cannot be used.
        """
        target = config[TARGET]
        if not isinstance(target, str) or not _DOTTED.fullmatch(target):
            example = f"nets.{target}" if isinstance(target, str) and target.isidentifier() else "nets.wide"
            validators.raise_invalid(
                f"{cls.group}.{TARGET}",
                "a function's dotted path, such as nets.wide for the function wide in nets.py",
                target,
                f"{cls.group}.{TARGET}={example}",
            )
        for key, value in config.items():
            cls._check_keyword(key, value)
        name = config.get("name") or target.rpartition(".")[2]
        keywords = {key: _frozen(value) for key, value in config.items() if key not in (TARGET, "name")}
        return cls(target, validators.text(f"{cls.group}.name", name), tuple(sorted(keywords.items())))

    def settings(self) -> dict[str, Any]:
        """Return the group's settings, by name."""
        return {TARGET: self.target, "name": self.name, **dict(self.keywords)}

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments, lists as lists."""
        return {name: _thawed(value) for name, value in self.keywords}

    @classmethod
    def _check_keyword(cls, key: str, value: object) -> None:
        setting = f"{cls.group}.{key}"
        if key in cls.required:
            raise UserError(
                f"{setting} comes from the data and cannot be set", where=setting, fix=f"leave {setting} out"
            )
        if key.startswith("_") and key != TARGET:
            raise UserError(
                f"{setting} is no argument of a function; of Hydra's own keys only {TARGET} is read",
                where=setting,
                fix=f"leave {setting} out",
            )
        if hasattr(value, "items"):
            raise UserError(
                f"{setting} is a group of settings; an argument is a number, a text, true, false, null or a list",
                where=setting,
                fix=f"an argument for each setting in it, such as {setting}_size",
            )


class ModelFunction(Function):
    """A function that returns a Keras model."""

    group = "model"
    required = ("input_shape", "classes")


class OptimizerFunction(Function):
    """A function, or a class, that gives a Keras optimizer, with a schedule of its own if it has any."""

    group = "opt"
    schedule: ClassVar[str] = "constant"
    warmup: ClassVar[float] = 0.0


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _thawed(value: Any) -> Any:
    return list(map(_thawed, value)) if isinstance(value, tuple) else value
