"""Variants: trials that differ in nothing but their seed, and the shortest names that tell them apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedsweep.config.overrides import format_override

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEPARATOR = " · "

# In the order in which a name lists them; the word that a group's own name carries says the rest.
_GROUPS = ("model", "opt", "reg", "data", "stop")

# A path is a name for images, and one set of images can have several; their hash says which is which.
_NOT_SHARED = ("seed", "data.path")

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class VariantKey:
    """What the name of a trial's variant is made from.

    Attributes:
        settings: `Trial.settings()`.
        images: the identity of the images that it is trained on.
        row: the title of the named row that it belongs to; empty where its sweep names none.
    """

    settings: Mapping[str, Any]
    images: str
    row: str = ""


def variant_key(trial: VariantKey) -> Key:
    """Return what trials of one variant share: the row, the images, and every setting but the seed."""
    shared = [(key, format_override(value)) for key, value in trial.settings.items() if key not in _NOT_SHARED]
    return (*sorted(shared), ("data", trial.images), ("row", trial.row))


def run_name(variant: str, seed: int | str) -> str:
    """Return what one trial of a variant is called."""
    return f"{variant}{SEPARATOR}seed {seed}"


@dataclass(frozen=True)
class Variant:
    """Trials that differ in nothing but their seed.

    Attributes:
        name: what tells it from the others, for people.
        levels: the same as setting → value, in the order of the name.
        places: of its trials, among all that were given.
    """

    name: str
    levels: Mapping[str, str]
    places: tuple[int, ...]


def variants_of(trials: Sequence[VariantKey]) -> list[Variant]:
    """Fold trials into variants, each named by what differs among them, and by nothing else.

    A group's name stands alone ("conv3 · adam") when it differs. Another setting stands as
    "learning_rate=0.01" when it takes several values among the variants that share the group's name: a
    learning rate that only follows from the optimizer is not told twice. A named row's variants have its title,
    and what differs among themselves. Where images differ, the name has the path under which they were first read.

    Returns:
        In the order of their first trials.
    """
    path: dict[str, str] = {}
    folded: dict[Key, list[int]] = {}
    for place, trial in enumerate(trials):
        path.setdefault(trial.images, format_override(trial.settings.get("data.path")))
        folded.setdefault(variant_key(trial), []).append(place)
    rows: dict[str, list[Key]] = {}
    for key, places in folded.items():
        rows.setdefault(trials[places[0]].row, []).append(key)
    found = {}
    for row, keys in rows.items():
        told = [{**dict(key), "data.path": path[trials[folded[key][0]].images]} for key in keys]
        for key, settings, levels in zip(keys, told, _differing(told), strict=True):
            leaves = Counter(name.rpartition(".")[2] for name in levels)
            parts = [_part(name, level, is_only=leaves[name.rpartition(".")[2]] == 1) for name, level in levels.items()]
            name = SEPARATOR.join([row, *parts] if row else parts) or _plain(settings)
            found[key] = Variant(name, levels, tuple(folded[key]))
    return [found[key] for key in folded]


def name_variants(trials: Sequence[VariantKey]) -> list[str]:
    """Return the name of each trial's variant, in the given order; see `variants_of`."""
    names = {place: variant.name for variant in variants_of(trials) for place in variant.places}
    return [names[place] for place in range(len(trials))]


def _differing(keys: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return for each variant the settings that tell it from the others."""
    every = {name for key in keys for name in key if name not in ("data", "row")}
    names = sorted((name for name in every if len({key.get(name) for key in keys}) > 1), key=_order)
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


def _part(name: str, level: str, *, is_only: bool) -> str:
    """Return a setting as it stands in a name: without its group, unless another one is called so too."""
    group, _, leaf = name.partition(".")
    if leaf == "name":
        return f"{group}={level}" if level == "none" else level
    return f"{leaf or name}={level}" if is_only and group != "reg" else f"{name}={level}"


def _plain(key: Mapping[str, str]) -> str:
    """Name the only variant of a sweep."""
    parts = [key.get("model.name", ""), key.get("opt.name", "")]
    if key.get("reg.name", "none") != "none":
        parts.append(key["reg.name"])
    return SEPARATOR.join(part for part in parts if part) or "trial"
