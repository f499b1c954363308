"""The settings that all trials of a table share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from seedsweep.config.trial_config import setting_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The heading names these already, or they do not change the training.
_ELSEWHERE = {
    "seed",
    "epochs",
    "batch_size",
    "precision",
    "threads",
    "backend",
    "model._target_",
    "opt._target_",
    "data.name",
    "data.path",
    "data.validation",
}
# Settings that are off, or at their default, would hide the others.
_OFF = ("null", "none", "0", "0.0", "false", "[]")
_USUAL = {
    "from_logits": ("true",),
    "data.scale": ("unit",),
    "model.initializer": ("glorot_uniform",),
    "opt.schedule": ("constant",),
}


def shared_settings(trials: Sequence[Mapping[str, str]]) -> str:
    """Return the settings that all trials share; those that are off, or usual, are left out.

    Args:
        trials: the settings of each, by dotted path.

    Example:
        >>> shared_settings([{"model.kernel_size": "3"}, {"model.kernel_size": "3"}])
        'kernel_size=3'
    """
    known = {name for trial in trials for name in trial}
    of_functions = sorted(name for name in known - set(setting_names()))
    names = [name for name in (*setting_names(), *of_functions) if name in known and name not in _ELSEWHERE]
    leaves = Counter(_leaf(name) for name in names)
    parts = []
    for name in names:
        values = {trial.get(name, "null") for trial in trials}
        if len(values) == 1 and (value := values.pop()) not in _USUAL.get(name, _OFF):
            parts.append(f"{_leaf(name) if leaves[_leaf(name)] == 1 else name}={value}")
    return ", ".join(parts)


def _leaf(name: str) -> str:
    """Return a setting's name without its group, and of a choice the group's."""
    group, _, leaf = name.partition(".")
    return group if leaf in ("", "name") else leaf.rpartition(".")[2]
