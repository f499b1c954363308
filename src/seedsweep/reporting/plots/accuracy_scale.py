"""On which scale accuracies by variant are shown, when some lie far below the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Below the best fifth by so many times their own spread is far below.
_FAR = 4
# Nor is a row far below whose distance to the next better one is so small a share of that one's to the best.
_NEXT = 0.5
# Fractions of 1: differences smaller than this are not worth a scale of their own.
_NARROWEST = 0.005
_WORTH_A_ZOOM = 2.5


@dataclass(frozen=True)
class AccuracyRow:
    """One variant's accuracy. All numbers are fractions of 1.

    Attributes:
        label: the variant's name.
        mean: over its seeds; NaN where no seed came to an end.
        seeds: each seed's own accuracy.
        interval: the ends of the 95 % interval of the mean over seeds; None for one seed.
        wide: the ends of the wider interval, for new seeds and new images; None where it is not known.
        reported: what others reported for it, any number of values.
        verdict: see `reporting.statistics.comparison.Verdict`; None where the row is not compared.
    """

    label: str
    mean: float
    seeds: tuple[float, ...] = ()
    interval: tuple[float, float] | None = None
    wide: tuple[float, float] | None = None
    reported: tuple[float, ...] = ()
    verdict: str | None = None


@dataclass(frozen=True)
class AccuracyScale:
    """The scales for some rows.

    Attributes:
        whole: the ends of the one that shows every mean, seed and reported value.
        close: the ends of the one that shows the better rows in detail; None where `whole` does.
    """

    whole: tuple[float, float]
    close: tuple[float, float] | None


def best_first(rows: Sequence[AccuracyRow]) -> list[AccuracyRow]:
    """Return the rows by falling mean, those without a number last, equal ones in the order given."""
    return sorted(rows, key=lambda row: (not math.isfinite(row.mean), -row.mean if math.isfinite(row.mean) else 0.0))


def scale_of(rows: Sequence[AccuracyRow]) -> AccuracyScale:
    """Choose the scales for rows, best first."""
    whole = _around(rows)
    means = [row.mean for row in rows if math.isfinite(row.mean)]
    if len(means) < 3:
        return AccuracyScale(whole, None)
    spread = means[0] - means[max(1, len(means) // 5)]
    lowest = means[0] - max(_FAR * spread, 2 * _NARROWEST)
    for better, mean in pairwise(means):
        if better >= lowest > mean and better - mean <= _NEXT * (means[0] - better):
            lowest = mean
    close = _around([row for row in rows if row.mean >= lowest])
    if whole[1] - whole[0] < _WORTH_A_ZOOM * (close[1] - close[0]):
        return AccuracyScale(whole, None)
    return AccuracyScale(whole, close)


def _around(rows: Sequence[AccuracyRow]) -> tuple[float, float]:
    """Take in all values; an interval may widen that to thrice as much on either side, and no accuracy is over 1."""
    values = [value for row in rows for value in (row.mean, *row.seeds, *row.reported) if math.isfinite(value)]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    room = max(high - low, _NARROWEST)
    ends = [end for row in rows for interval in (row.interval, row.wide) if interval for end in interval]
    low = min([low, *(end for end in ends if end >= low - room)])
    high = max([high, *(end for end in ends if end <= min(high + room, 1.0))])
    pad = max(0.04 * (high - low), 0.5 * (_NARROWEST - (high - low)))
    return low - pad, high + pad
