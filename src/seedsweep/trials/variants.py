"""Variants: trials that differ in nothing but their seed, and the shortest names that tell them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEPARATOR = " · "

# In the order in which a name lists them; the word that a group's own name carries says the rest.
_GROUPS = ("model", "opt", "reg", "data")

# A path is a name for images, and one set of images can have several; their hash says which is which.
_NOT_SHARED = ("seed", "data.path")

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Told:
    """What the name of a trial's variant is made from.

    Attributes:
        settings: `Trial.settings()`.
        images: the identity of the images that it is trained on.
        row: the title of the named row that it belongs to; empty where its sweep names none.
    """

    settings: Mapping[str, Any]
    images: str
    row: str = ""


def variant_key(trial: Told) -> Key:
    """Return what trials of one variant share: the row, the images, and every setting but the seed."""
    shared = [(key, spell(value)) for key, value in trial.settings.items() if key not in _NOT_SHARED]
    return (*sorted(shared), ("data", trial.images), ("row", trial.row))


def spell(value: object) -> str:
    """Return a value as it would be typed on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ",".join(spell(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def run_name(variant: str, seed: int) -> str:
    """Return what one trial of a variant is called."""
    return f"{variant}{SEPARATOR}seed {seed}"


def name_variants(trials: Sequence[Told]) -> list[str]:
    """Name each trial's variant by what differs in the sweep, and by nothing else.

    A group's name stands alone ("conv3 · adam") when it differs. Another setting stands as
    "learning_rate=0.01" when it takes several values among the trials that share the group's name: a
    learning rate that only follows from the optimizer is not told twice. A named row's trials have its title,
    and what differs among themselves.

    Args:
        trials: every trial of the sweep.

    Returns:
        A name for each trial, in the given order; trials of one variant have the same name. Where images
        differ, the name has the path under which they were first read.
    """
    found = [""] * len(trials)
    for row, places in _by_row(trials).items():
        keys = _keys([trials[place] for place in places])
        for place, key, levels in zip(places, keys, _differing(keys), strict=True):
            parts = [_part(name, level) for name, level in levels.items()]
            found[place] = SEPARATOR.join([row, *parts] if row else parts) or _plain(key)
    return found


def levels(trials: Sequence[Told]) -> list[dict[str, str]]:
    """Return what tells each trial's variant from the others: setting → value, in the order of the name.

    Args:
        trials: of one row, or of a sweep without rows.
    """
    return _differing(_keys(trials))


def _by_row(trials: Sequence[Told]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, trial in enumerate(trials):
        places.setdefault(trial.row, []).append(place)
    return places


def _keys(trials: Sequence[Told]) -> list[dict[str, str]]:
    """Return each trial's settings as text; its path is the one under which its images were first read."""
    path: dict[str, str] = {}
    for trial in trials:
        path.setdefault(trial.images, spell(trial.settings.get("data.path")))
    keys = [{**dict(variant_key(trial)), "data.path": path[trial.images]} for trial in trials]
    return [{name: value for name, value in key.items() if name not in ("data", "row")} for key in keys]


def _differing(keys: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    names = sorted({name for key in keys for name in key}, key=_order)
    telling = {name: _values_by_owner(name, keys) for name in names}
    return [
        {name: key.get(name, "null") for name in names if len(telling[name][_owner(name, key)]) > 1} for key in keys
    ]


def _order(name: str) -> tuple[int, int, str]:
    group, dot, leaf = name.partition(".")
    position = _GROUPS.index(group) if dot and group in _GROUPS else len(_GROUPS)
    return position, leaf != "name", name


def _owner(name: str, key: Mapping[str, str]) -> str:
    """Return what a setting is compared within: the trials with the same choice of its group."""
    group, dot, leaf = name.partition(".")
    return key.get(f"{group}.name", "") if dot and leaf != "name" else ""


def _values_by_owner(name: str, keys: Sequence[Mapping[str, str]]) -> dict[str, set[str | None]]:
    values: dict[str, set[str | None]] = {}
    for key in keys:
        values.setdefault(_owner(name, key), set()).add(key.get(name))
    return values


def _part(name: str, level: str) -> str:
    group, _, leaf = name.partition(".")
    if leaf == "name":
        return f"reg={level}" if group == "reg" and level == "none" else level
    return f"{name}={level}" if group == "reg" else f"{leaf or name}={level}"


def _plain(key: Mapping[str, str]) -> str:
    """Name the only variant of a sweep."""
    parts = [key.get("model.name", ""), key.get("opt.name", "")]
    if key.get("reg.name", "none") != "none":
        parts.append(key["reg.name"])
    return SEPARATOR.join(part for part in parts if part) or "trial"
