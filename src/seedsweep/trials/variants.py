"""Variants: trials that differ in nothing but their seed, and the shortest names that tell them apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

SEPARATOR = " · "

# In the order in which a name lists them; the word that a group's own name carries says the rest.
_GROUPS = ("model", "opt", "reg", "data")

# A path is a name for images, and one set of images can have several; their hash says which is which.
_NOT_SHARED = ("seed", "data.path")

Key = tuple[tuple[str, str], ...]
# The settings of a trial, and the identity of the images that it was trained on.
Told = tuple[Mapping[str, Any], str]


def variant_key(settings: Mapping[str, Any], dataset_sha256: str) -> Key:
    """Return what trials of one variant share: the images, and every setting but the seed."""
    shared = [(key, spell(value)) for key, value in settings.items() if key not in _NOT_SHARED]
    return (*sorted(shared), ("data", dataset_sha256))


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
    learning rate that only follows from the optimizer is not told twice.

    Args:
        trials: `Trial.settings()` and the hash of the images, of every trial of the sweep.

    Returns:
        A name for each trial, in the given order; trials of one variant have the same name. Where images
        differ, the name has the path under which they were first read.
    """
    path: dict[str, str] = {}
    for settings, images in trials:
        path.setdefault(images, spell(settings.get("data.path")))
    keys = [{**dict(variant_key(*trial)[:-1]), "data.path": path[trial[1]]} for trial in trials]
    names = sorted({name for key in keys for name in key}, key=_order)
    telling = {name: _values_by_owner(name, keys) for name in names}
    return [SEPARATOR.join(_parts(key, names, telling)) or _plain(key) for key in keys]


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
