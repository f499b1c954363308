"""Variants: trials that differ in nothing but their seed, and the shortest names that tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEPARATOR = " · "

# In the order in which a name lists them; the word that a group's own name carries says the rest.
_GROUPS = ("model", "opt", "reg", "data")

# Which file was read is said by the heading; the same images under two paths are one variant.
_NOT_TOLD = ("seed", "data.path")

Key = tuple[tuple[str, str], ...]


def variant_key(settings: Mapping[str, Any]) -> Key:
    """Return what trials of one variant share: every setting but the seed, as sorted text pairs."""
    return tuple(sorted((key, spell(value)) for key, value in settings.items() if key not in _NOT_TOLD))


def spell(value: object) -> str:
    """Return a value as it would be typed on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ",".join(spell(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def name_variants(all_settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name each trial's variant by what differs in the sweep, and by nothing else.

    A group's name stands alone ("conv3 · adam") when it differs. Another setting stands as
    "learning_rate=0.01" when it takes several values among the trials that share the group's name: a
    learning rate that only follows from the optimizer is not told twice.

    Args:
        all_settings: `Trial.settings()` of every trial of the sweep.

    Returns:
        A name for each trial, in the given order; trials have the same name exactly when they are the
        same variant.
    """
    keys = [dict(variant_key(settings)) for settings in all_settings]
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
            parts.append(f"reg={key[name]}" if key[name] == "none" else key[name])
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
