"""Lets a function and its arguments be named on the command line, without a file for them in conf/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.config.functions import FUNCTION_GROUPS, TARGET

if TYPE_CHECKING:
    from collections.abc import Sequence


# What stands in conf/ for a function that only the command line names.
_CHOICE = "function"


def complete_overrides(overrides: Sequence[str]) -> list[str]:
    """Return overrides in which `model._target_`, or `opt._target_`, stands for a choice of its group.

    Hydra would set the function beside the settings of the choice that is the default, and would refuse arguments
    that this choice has no setting for.

    Example:
        >>> complete_overrides(["model._target_=nets.wide", "model.width=32,64", "seed=1"])
        ['model=function', 'model._target_=nets.wide', '++model.width=32,64', 'seed=1']
    """
    completed = list(overrides)
    for group in FUNCTION_GROUPS:
        completed = _completed(group, completed)
    return completed


def _completed(group: str, overrides: Sequence[str]) -> list[str]:
    target = f"{group}.{TARGET}"
    keys = [text.partition("=")[0] for text in overrides]
    if target not in keys or group in keys:
        return list(overrides)
    completed = []
    for key, text in zip(keys, overrides, strict=True):
        is_argument = key.startswith(f"{group}.") and key != target
        completed += [f"{group}={_CHOICE}"] if key == target else []
        completed.append(f"++{text}" if is_argument else text)
    return completed


def short_overrides(overrides: Sequence[str]) -> list[str]:
    """Return overrides as a user types them: without what `complete_overrides` adds.

    Example:
        >>> short_overrides(["model=function", "model._target_=nets.wide", "++model.width=32,64", "seed=1"])
        ['model._target_=nets.wide', 'model.width=32,64', 'seed=1']
    """
    shortened = list(overrides)
    for group in FUNCTION_GROUPS:
        choice, argument = f"{group}={_CHOICE}", f"++{group}."
        if choice in shortened:
            shortened = [text.removeprefix("++") if text.startswith(argument) else text for text in shortened]
            shortened.remove(choice)
    return shortened
