"""What the trials of a table were trained with, as far as the names of its rows do not say it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from seedsweep.config.trial_config import setting_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_GROUPS = ("model", "opt", "reg", "data", "stop")
# Other lines of a heading have these, or they are no part of a recipe.
_TOLD = {"seed", "epochs", "batch_size", "precision", "threads", "backend", "data.name", "data.path", "data.validation"}
# Settings that are off, or at their default, would hide the others.
_OFF = ("null", "none", "0", "0.0", "false", "[]")
_USUAL = {
    "from_logits": ("true",),
    "data.scale": ("unit",),
    "model.initializer": ("glorot_uniform",),
    "opt.schedule": ("constant",),
}
# Of more choices the JSON table tells, which has all settings of every row.
_MOST_CHOICES = 8


def recipe(trials: Sequence[Mapping[str, str]]) -> str:
    """Return the settings that all trials share, then those by which the choices of a group differ.

    What is off, and what is usual, is left out; so is what takes several values within a choice: it is in the names,
    or what the title of a named row stands for.

    Args:
        trials: the settings of each, by dotted path.
    """
    known = {name for trial in trials for name in trial}
    names = [name for name in setting_names() if name in known and name not in _TOLD]
    values = {name: list(dict.fromkeys(trial.get(name, "null") for trial in trials)) for name in names}
    leaves = Counter(_leaf(name) for name in names)

    def told(found: Mapping[str, str]) -> str:
        return ", ".join(
            f"{_leaf(name) if leaves[_leaf(name)] == 1 else name}={value}" for name, value in found.items()
        )

    shared = {name: only[0] for name, only in values.items() if len(only) == 1}
    parts = [told({name: value for name, value in shared.items() if value not in _USUAL.get(name, _OFF)})]
    for choice, own in _by_choice(trials, [name for name in names if name not in shared]):
        parts.append(f"{choice}: {told(own)}")
    return "; ".join(filter(None, parts))


def _by_choice(trials: Sequence[Mapping[str, str]], names: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Give each choice of the groups of which there are several, with what is the same wherever it was chosen."""
    for group in _GROUPS:
        choices = list(dict.fromkeys(trial.get(f"{group}.name", "") for trial in trials))
        if not 1 < len(choices) <= _MOST_CHOICES:
            continue
        for choice in choices:
            chosen = [trial for trial in trials if trial.get(f"{group}.name", "") == choice]
            settings = [name for name in names if name.startswith(f"{group}.") and not name.endswith(".name")]
            values = {name: {trial.get(name, "null") for trial in chosen} for name in settings}
            own = {name: only.pop() for name, only in values.items() if len(only) == 1 and only != {"null"}}
            if own:
                yield choice if choice != "none" else f"{group}=none", own


def _leaf(name: str) -> str:
    """Return a setting's name without its group, and of a choice the group's."""
    group, _, leaf = name.partition(".")
    return group if leaf in ("", "name") else leaf.rpartition(".")[2]
