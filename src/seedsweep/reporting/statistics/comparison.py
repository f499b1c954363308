"""Rows against the best one, or against one that was named beforehand: by how much they differ, and the verdict.

Against the best, which the data chose, rows are left out one by one as in a model confidence set (Hansen, Lunde and
Nason, "The model confidence set", Econometrica 79, 2011): with g rows left, an interval reaches as far as the
studentized range of g means does, and the rows whose interval excludes 0 are worse; then with the rows that are left,
until no row is excluded any more. Against a named row the same is done with Student's t and Holm's levels ("A simple
sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979).

The intervals are those of the last step, so that a row is called worse exactly where its interval excludes 0. How the
procedure was chosen and how often it errs is in docs/statistics.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from scipy.stats import studentized_range

from seedsweep.reporting.statistics.contrast import contrast, two_sided
from seedsweep.reporting.statistics.holm import holm
from seedsweep.reporting.statistics.pooled_spread import pooled_spreads
from seedsweep.reporting.statistics.resolution import Resolution, resolution_of
from seedsweep.reporting.statistics.summary import SIGNIFICANT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from seedsweep.reporting.statistics.contrast import Contrast
    from seedsweep.reporting.statistics.scores import Scores

Verdict = Literal["best", "baseline", "not told apart", "worse", "better", "collapsed", "one seed"]

# A network that makes so many times as many mistakes as the best, over all its seeds together, has collapsed.
_COLLAPSE = 100
# The level of each table after the first of the same rows.
LATER_LOOK = 0.015


@dataclass(frozen=True)
class Difference:
    """One row against the reference; in fractions of 1.

    Attributes:
        value: its mean minus that of the reference.
        low: lower end of its interval; None where there is none.
        high: its upper end.
        verdict: the result in words.
        p_adjusted: two-sided p-value for all rows together (Holm); None against the best, and where it is not known.
        counts_images: whether the interval is also about other test images; None where there is none.
    """

    value: float
    low: float | None
    high: float | None
    verdict: Verdict
    p_adjusted: float | None = None
    counts_images: bool | None = None


@dataclass(frozen=True)
class Comparison:
    """All rows against one.

    Attributes:
        reference: its name; None when no two rows can be compared.
        is_best: whether it was taken because its mean is the highest.
        alpha: the chance that some row is called worse, or better, that is not.
        rows: name → difference, of the other rows.
        resolution: which differences how many seeds can tell; None when no two rows can be compared.
    """

    reference: str | None
    is_best: bool
    alpha: float
    rows: Mapping[str, Difference]
    resolution: Resolution | None = None


def compare_with_best(
    rows: Mapping[str, Scores], candidates: Collection[str] = (), alpha: float = SIGNIFICANT
) -> Comparison:
    """Compare each row with the best one.

    Args:
        rows: name → scores, all on the same test images.
        candidates: the rows that may be the best; by default all. Rows of one seed may not.
        alpha: see `Comparison`.

    Example:
        >>> rows = {"a": Scores({1: 0.99, 2: 0.991}), "b": Scores({1: 0.90, 2: 0.902})}
        >>> compare_with_best(rows).rows["b"].verdict
        'worse'
    """
    tested = {name: scores for name, scores in rows.items() if scores.n > 1}
    eligible = [name for name in tested if name in candidates] or list(tested)
    if not eligible:
        return Comparison(None, True, alpha, {})
    best = max(eligible, key=lambda name: tested[name].mean)

    def quantiles(left: int) -> Callable[[float], float]:
        return lambda df: _studentized_range(alpha, left, df) ** 2 / 2

    return _compare(rows, tested, best, quantiles, 2, is_best=True, alpha=alpha)


def compare_with_baseline(rows: Mapping[str, Scores], baseline: str, alpha: float = SIGNIFICANT) -> Comparison:
    """Compare each row with one that was chosen before the results were seen.

    Args:
        rows: name → scores, all on the same test images.
        baseline: the name of a row.
        alpha: see `Comparison`.

    Raises:
        KeyError: there is no such row.
    """
    tested = {name: scores for name, scores in rows.items() if scores.n > 1}
    if rows[baseline].n < 2:
        return Comparison(None, False, alpha, {})

    def quantiles(left: int) -> Callable[[float], float]:
        return two_sided(alpha / left)

    return _compare(rows, tested, baseline, quantiles, 1, is_best=False, alpha=alpha)


def _compare(
    rows: Mapping[str, Scores],
    tested: dict[str, Scores],
    reference: str,
    quantiles: Callable[[int], Callable[[float], float]],
    fewest: int,
    *,
    is_best: bool,
    alpha: float,
) -> Comparison:
    """Compare rows with a reference.

    Args:
        rows: all of them.
        tested: those with two seeds or more, the reference among them.
        reference: the name of one.
        quantiles: the squared quantiles for a number of rows, or comparisons, that are left.
        fewest: how many are left at least: two rows, or one comparison.
        is_best: see `Comparison`.
        alpha: see `Comparison`.
    """
    spreads = pooled_spreads(tested)
    contrasts = {name: contrast([(1, name), (-1, reference)], tested, spreads) for name in tested if name != reference}
    count = sum(found.seed > 0 for found in contrasts.values()) + fewest - 1
    different, left = _step_down(contrasts, quantiles, count, fewest)
    p_values = {} if is_best else dict(zip(contrasts, holm([found.p for found in contrasts.values()]), strict=True))
    differences = {}
    for name, scores in rows.items():
        if name == reference:
            continue
        if name not in tested:
            differences[name] = Difference(scores.mean - rows[reference].mean, None, None, "one seed")
        elif _has_collapsed(scores, rows[reference], len(tested)):
            differences[name] = Difference(contrasts[name].value, None, None, "collapsed", p_values.get(name))
        else:
            differences[name] = _difference(
                contrasts[name], rows[reference].mean, quantiles(left), p_values.get(name), name in different
            )
    resolution = resolution_of(tested, reference, spreads, contrasts, quantiles(max(count, fewest)))
    return Comparison(reference, is_best, alpha, differences, resolution)


def _step_down(
    contrasts: Mapping[str, Contrast], quantiles: Callable[[int], Callable[[float], float]], count: int, fewest: int
) -> tuple[set[str], int]:
    """Return the rows that differ from the reference, and how many are left.

    Rows that are excluded stay so with fewer left, because their intervals only get shorter. So it makes no difference
    that all of one step are left out together and not one by one.
    """
    left = max(count, fewest)
    while True:
        squared = quantiles(left)
        different = {
            name for name, found in contrasts.items() if found.seed and abs(found.value) > found.half_width(squared)
        }
        fewer = max(count - len(different), fewest)
        if fewer == left:
            return different, left
        left = fewer


def _difference(
    found: Contrast,
    reference: float,
    squared: Callable[[float], float],
    p: float | None,
    differs: bool,
) -> Difference:
    if not found.seed:
        return Difference(found.value, None, None, "not told apart", p)
    half = found.half_width(squared)
    # No accuracy is below 0 or above 1.
    low, high = max(found.value - half, -reference), min(found.value + half, 1 - reference)
    verdict: Verdict = "not told apart"
    if differs:
        verdict = "worse" if found.value < 0 else "better"
    return Difference(found.value, low, high, verdict, p, found.image is not None)


def _has_collapsed(scores: Scores, reference: Scores, rows: int) -> bool:
    """Tell whether a row's mistakes are out of all proportion to those of the reference.

    A row with the same expected error e as the reference exceeds 2·e by a factor f in one seed with a chance of at
    most 1 / (2·f), whatever its distribution (Markov's inequality), and independent seeds multiply: in none of `rows`
    rows does the product reach 100 · rows with a chance of more than 1 in 100.
    """
    if scores.mean >= reference.mean:
        return False
    error = max(1 - reference.mean, 0.5 / (scores.images or 10_000))
    factors = (max(1 - accuracy, 1e-12) / (2 * error) for accuracy in scores.accuracies.values())
    return math.fsum(map(math.log, factors)) >= math.log(_COLLAPSE * rows)


def _studentized_range(alpha: float, rows: int, df: float) -> float:
    """Return the upper quantile of the range of so many means."""
    if rows == 2:  # it is that of a difference
        return math.sqrt(2 * two_sided(alpha)(df))
    # Degrees of freedom are rounded to the safe side, so that many rows share few quantiles.
    steps = 100 if df < 10 else 10
    return _quantile(alpha, rows, df if math.isinf(df) else max(math.floor(steps * df) / steps, 1.0))


@lru_cache(maxsize=4096)  # a fifth of a second each
def _quantile(alpha: float, rows: int, df: float) -> float:
    return float(studentized_range.ppf(1 - alpha, rows, df))
