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
    path: dict[str, str] = {}
    for trial in trials:
        path.setdefault(trial.images, spell(trial.settings.get("data.path")))
    keys = [{**dict(variant_key(trial)), "data.path": path[trial.images]} for trial in trials]
    for key in keys:
        del key["data"]
    found = [""] * len(trials)
    for row in dict.fromkeys(trial.row for trial in trials):
        places = [place for place, trial in enumerate(trials) if trial.row == row]
        for place, name in zip(places, _names([keys[place] for place in places], row), strict=True):
            found[place] = name
    return found


def _names(keys: Sequence[Mapping[str, str]], row: str) -> list[str]:
    """Name the variants of one row, or of a sweep without rows."""
    names = sorted({name for key in keys for name in key if name != "row"}, key=_order)
    telling = {name: _values_by_owner(name, keys) for name in names}
    parts = (_parts(key, names, telling) for key in keys)
    if row:
        return [SEPARATOR.join([row, *differing]) for differing in parts]
    return [SEPARATOR.join(differing) or _plain(key) for key, differing in zip(keys, parts, strict=True)]


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


def _parts(
    key: Mapping[str, str], names: Sequence[str], telling: Mapping[str, Mapping[str, set[str | None]]]
) -> list[str]:
    parts = []
    for name in names:
        if len(telling[name][_owner(name, key)]) < 2:
            continue
        group, _, leaf = name.partition(".")
        if leaf == "name":
            parts.append(f"reg={key[name]}" if group == "reg" and key[name] == "none" else key[name])
        elif group == "reg":
            parts.append(f"{name}={key.get(name, 'null')}")
        else:
            parts.append(f"{leaf or name}={key.get(name, 'null')}")
    return parts


def _plain(key: Mapping[str, str]) -> str:
    """Name the only variant of a sweep."""
    parts = [key.get("model.name", ""), key.get("opt.name", "")]
    if key.get("reg.name", "none") != "none":
        parts.append(key["reg.name"])
    return SEPARATOR.join(part for part in parts if part) or "trial"
