"""Lets a function and its arguments be named on the command line, without a file for them in conf/model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.config.model_function import TARGET

if TYPE_CHECKING:
    from collections.abc import Sequence


def complete_overrides(overrides: Sequence[str]) -> list[str]:
    """Return overrides in which `model._target_` stands for a choice of the group `model`.

    Hydra would set the function beside the settings of the model that is chosen by default, and would refuse
    arguments that this model has no setting for.

    Example:
        >>> complete_overrides(["model._target_=nets.wide", "model.width=32,64", "seed=1"])
        ['model=own', 'model._target_=nets.wide', '++model.width=32,64', 'seed=1']
    """
    keys = [text.partition("=")[0] for text in overrides]
    if f"model.{TARGET}" not in keys or "model" in keys:
        return list(overrides)
    completed = []
    for key, text in zip(keys, overrides, strict=True):
        if key == f"model.{TARGET}":
            completed.append("model=own")
        is_argument = key.startswith("model.") and key != f"model.{TARGET}"
        completed.append(f"++{text}" if is_argument else text)
    return completed


def short_overrides(overrides: Sequence[str]) -> list[str]:
    """Return overrides as a user types them: without what `complete_overrides` adds.

    Example:
        >>> short_overrides(["model=own", "model._target_=nets.wide", "++model.width=32,64", "seed=1"])
        ['model._target_=nets.wide', 'model.width=32,64', 'seed=1']
    """
    if "model=own" not in overrides:
        return list(overrides)
    return [
        text.removeprefix("++") if text.startswith("++model.") else text for text in overrides if text != "model=own"
    ]
