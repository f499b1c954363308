"""What changing one thing is worth, everything else averaged: the effects of the settings that span a grid.

Not here: rows one by one, see `comparison`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import combinations, islice, product
from typing import TYPE_CHECKING

from seedsweep.reporting.statistics.contrast import contrast, two_sided
from seedsweep.reporting.statistics.holm import holm
from seedsweep.reporting.statistics.pooled_spread import pooled_spreads
from seedsweep.reporting.statistics.summary import SIGNIFICANT
from seedsweep.trials.variants import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from seedsweep.reporting.statistics.contrast import Contrast
    from seedsweep.reporting.statistics.scores import Scores

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
        p_adjusted: the same, for all effects together (Holm).
        counts_images: whether the interval is also about other test images; None where there is none.
    """

    factors: tuple[str, ...]
    levels: tuple[str, ...]
    references: tuple[str, ...]
    value: float
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    counts_images: bool | None


@dataclass(frozen=True)
class Effects:
    """The effects of a grid.

    Attributes:
        effects: main effects in the order of the factors and levels, then interactions.
        reason: why there are no effects, in words; empty when there are.
    """

    effects: tuple[Effect, ...]
    reason: str


def factor_effects(cells: Sequence[GridCell]) -> Effects:
    """Return all main effects and two-way interactions of a full grid.

    Each is a contrast of rows, see `contrast`. Averages weigh all combinations equally. Source: Montgomery, "Design and
    Analysis of Experiments", chapters 5 and 6.

    Args:
        cells: the rows. Factors and levels have the order in which they first appear; the first level of a
            factor is its reference. Factors with one level are left out.

    Returns:
        No effects but a reason when a combination is missing, stands twice, or has one seed only.
    """
    levels = _levels(cells)
    finished = [cell for cell in cells if cell.scores.accuracies]
    if reason := _not_a_grid(cells, finished, levels):
        return Effects((), reason)
    if any(cell.scores.n < 2 for cell in finished):
        return Effects((), "a combination has one seed only")
    grid = {SEPARATOR.join(_place(cell, levels)): cell.scores for cell in finished}
    spreads = pooled_spreads(grid)
    changes = [change for size in (1, 2) for factors in combinations(levels, size) for change in _of(factors, levels)]
    contrasts = [contrast(_terms(levels, change), grid, spreads) for change in changes]
    p_values = [found.p for found in contrasts]
    parts = zip(changes, contrasts, p_values, holm(p_values), strict=True)
    return Effects(tuple(_effect(levels, *part) for part in parts), "")


def _levels(cells: Sequence[GridCell]) -> _Levels:
    found: dict[str, list[str]] = {}
    for cell in cells:
        for factor, level in cell.levels.items():
            if level not in found.setdefault(factor, []):
                found[factor].append(level)
    return {factor: tuple(levels) for factor, levels in found.items() if len(levels) > 1}


def _place(cell: GridCell, levels: _Levels) -> _Place:
    return tuple(cell.levels[factor] for factor in levels)


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


def _terms(levels: _Levels, change: _Change) -> list[tuple[float, str]]:
    """Return weight and name of each combination in a change's effect, averaged over the factors that do not change."""
    choices = [(change[factor], of[0]) if factor in change else of for factor, of in levels.items()]
    places = list(product(*choices))
    size = 2 ** len(change) / len(places)
    terms = []
    for place in places:
        unchanged = sum(
            factor in change and level != change[factor] for factor, level in zip(levels, place, strict=True)
        )
        terms.append((size * (-1) ** unchanged, SEPARATOR.join(place)))
    return terms


def _effect(levels: _Levels, change: _Change, found: Contrast, p: float | None, p_adjusted: float | None) -> Effect:
    half = found.half_width(two_sided(SIGNIFICANT)) if found.seed else None
    return Effect(
        factors=tuple(change),
        levels=tuple(change.values()),
        references=tuple(levels[factor][0] for factor in change),
        value=found.value,
        low=None if half is None else found.value - half,
        high=None if half is None else found.value + half,
        p=p,
        p_adjusted=p_adjusted,
        counts_images=None if half is None else found.image is not None,
    )
