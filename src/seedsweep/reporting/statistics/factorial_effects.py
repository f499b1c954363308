"""What changing one thing is worth, everything else averaged: the effects of the settings that span a grid.

Not here: rows one by one, see `comparison`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations, islice, product
from typing import TYPE_CHECKING

from seedsweep.reporting.statistics.holm import holm
from seedsweep.reporting.statistics.paired_contrast import common_seeds, contrast
from seedsweep.trials.variants import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from seedsweep.reporting.statistics.paired_contrast import Contrast, Noise, Scores

# How many combinations a reason names.
_NAMED = 3

# factor → its levels, of which the first is the reference
_Levels = dict[str, tuple[str, ...]]
# factor → the level that it changes to
_Change = dict[str, str]
# a level of each factor
_Place = tuple[str, ...]


@dataclass(frozen=True)
class GridCell:
    """One row of the table as a place in a grid.

    Attributes:
        levels: factor → level, such as "opt.name" → "adam".
        scores: what its trials reached.
    """

    levels: Mapping[str, str]
    scores: Scores


@dataclass(frozen=True)
class Effect:
    """What a change is worth, in fractions of 1, averaged over all combinations of the other factors.

    For one factor, the main effect: what changing this one thing from its reference to the level is worth,
    everything else averaged. For two factors a and b, the interaction: by how much changing both is worth more than
    the sum of changing each alone, y_ab - y_a0 - y_0b + y_00.

    Attributes:
        factors: names of the one or two factors.
        levels: the level of each.
        references: the level of each that it is compared with.
        value: the estimate.
        low: lower end of the 95 % interval of this one effect; None when its spread is not known.
        high: its upper end.
        p: two-sided p-value of no effect, of this effect by itself; None when it cannot be tested.
        adjusted: the same, for all effects together (Holm).
        noise: what the interval and the p-value take for noise; None when there are none.
    """

    factors: tuple[str, ...]
    levels: tuple[str, ...]
    references: tuple[str, ...]
    value: float
    low: float | None
    high: float | None
    p: float | None
    adjusted: float | None
    noise: Noise | None


@dataclass(frozen=True)
class Effects:
    """The effects of a grid.

    Attributes:
        seeds: the seeds that all combinations are compared over, ascending.
        effects: main effects in the order of the factors and levels, then interactions.
        reason: why there are no effects, in words; empty when there are.
    """

    seeds: tuple[int, ...]
    effects: tuple[Effect, ...]
    reason: str


def factor_effects(cells: Sequence[GridCell]) -> Effects:
    """Return all main effects and two-way interactions of a full grid.

    Each is a contrast of rows, paired by seed and image: see `paired_contrast`. Averages weigh all combinations
    equally, and only seeds count that all of them have. Source: Montgomery, "Design and Analysis of Experiments",
    chapters 5 and 6.

    Args:
        cells: the rows. Factors and levels have the order in which they first appear; the first level of a
            factor is its reference. Factors with one level are left out.

    Returns:
        No effects but a reason when a combination is missing, stands twice, or has no seed in common with the rest.
    """
    levels = _levels(cells)
    finished = [cell for cell in cells if cell.scores.accuracies]
    if reason := _not_a_grid(cells, finished, levels):
        return Effects((), (), reason)
    seeds, _ = common_seeds([cell.scores for cell in finished])
    if not seeds:
        return Effects((), (), "no seed has finished in all combinations")
    grid = {_place(cell, levels): _only(cell.scores, seeds) for cell in finished}
    changes = [change for size in (1, 2) for factors in combinations(levels, size) for change in _of(factors, levels)]
    contrasts = [_contrast(grid, levels, change) for change in changes]
    adjusted = holm([found.p for found in contrasts])
    effects = [_effect(levels, *parts) for parts in zip(changes, contrasts, adjusted, strict=True)]
    return Effects(tuple(seeds), tuple(effects), "")


def _levels(cells: Sequence[GridCell]) -> _Levels:
    found: dict[str, list[str]] = {}
    for cell in cells:
        for factor, level in cell.levels.items():
            if level not in found.setdefault(factor, []):
                found[factor].append(level)
    return {factor: tuple(levels) for factor, levels in found.items() if len(levels) > 1}


def _place(cell: GridCell, levels: _Levels) -> _Place:
    return tuple(cell.levels[factor] for factor in levels)


def _only(scores: Scores, seeds: Sequence[int]) -> Scores:
    return replace(scores, accuracies={seed: scores.accuracies[seed] for seed in seeds})


def _not_a_grid(cells: Sequence[GridCell], finished: Sequence[GridCell], levels: _Levels) -> str:
    """Return why the cells are no full grid, or nothing."""
    if not levels:
        return "no setting has two values"
    for factor in levels:
        if any(factor not in cell.levels for cell in cells):
            return f"not every row has a value for {factor}"
    counts = Counter(_place(cell, levels) for cell in finished)
    if twice := [place for place, count in counts.items() if count > 1]:
        return f"several rows have the same settings: {_listed(twice)}"
    size = math.prod(map(len, levels.values()))
    if lost := size - len(counts):
        are = "is" if lost == 1 else "are"
        missing = (place for place in product(*levels.values()) if place not in counts)
        return f"{lost} of {size} combinations {are} missing: {_listed([*islice(missing, _NAMED + 1)], lost)}"
    return ""


def _listed(places: Sequence[_Place], count: int | None = None) -> str:
    """Name the first few of some places."""
    count = len(places) if count is None else count
    named = ", ".join(SEPARATOR.join(place) for place in places[:_NAMED])
    return f"{named} and {count - _NAMED} more" if count > _NAMED else named


def _of(factors: tuple[str, ...], levels: _Levels) -> Iterator[_Change]:
    """Yield every change of these factors together, each from its reference."""
    for chosen in product(*(levels[factor][1:] for factor in factors)):
        yield dict(zip(factors, chosen, strict=True))


def _contrast(grid: Mapping[_Place, Scores], levels: _Levels, change: _Change) -> Contrast:
    """Return the effect of a change, averaged over the combinations of the factors that do not change."""
    rows: tuple[list[Scores], list[Scores]] = ([], [])
    choices = [(change[factor], of[0]) if factor in change else of for factor, of in levels.items()]
    for place in product(*choices):
        unchanged = sum(
            factor in change and level != change[factor] for factor, level in zip(levels, place, strict=True)
        )
        rows[unchanged % 2].append(grid[place])
    return contrast(*rows, per=2 * len(rows[0]) // 2 ** len(change))


def _effect(levels: _Levels, change: _Change, found: Contrast, adjusted: float | None) -> Effect:
    low, high = found.interval
    value = found.mean
    assert value is not None  # there is a common seed
    return Effect(
        factors=tuple(change),
        levels=tuple(change.values()),
        references=tuple(levels[factor][0] for factor in change),
        value=value,
        low=low,
        high=high,
        p=found.p,
        adjusted=adjusted,
        noise=found.noise,
    )
