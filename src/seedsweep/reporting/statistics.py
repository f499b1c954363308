"""What several seeds of one variant say together, with seeds as the only noise. For test images see `crossed`."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from scipy.special import nctdtr, stdtr, stdtrit

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95
SIGNIFICANT = 0.05
POWER = 0.8
MOST_SEEDS = 1000

# Accuracies are counts over images: one image of 100,000 is more than this, the rounding of float32 is less.
_NO_SPREAD = 5e-7
# From here on the power is above 0.98 for any number of seeds, and a little further scipy's function gives NaN.
_LARGEST_NONCENTRALITY = 30.0


@dataclass(frozen=True)
class Summary:
    """One quantity over n independent seeds.

    Attributes:
        n: number of values.
        mean: their mean.
        std: their sample standard deviation (n - 1 in the denominator); None for n = 1.
        low: lower end of the 95 % confidence interval of the mean; None for n = 1, and where all values are equal.
        high: its upper end; None likewise.
    """

    n: int
    mean: float
    std: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Estimate:
    """The mean of something random, and how well it is known. Units are those of the values.

    Attributes:
        n_seeds: number of seeds, at least 2.
        n_images: number of test images that count as a source of noise; None when only seeds do.
        mean: the estimate.
        error: its standard error.
        low: lower end of its 95 % interval; None when the values have no spread from which to make one.
        high: its upper end; None likewise.
        p: two-sided p-value of a true mean of 0; None when there is nothing to test it with.
    """

    n_seeds: int
    n_images: int | None
    mean: float
    error: float
    low: float | None
    high: float | None
    p: float | None


@dataclass(frozen=True)
class SeedsNeeded:
    """How many seeds would tell two rows apart.

    Attributes:
        count: the smallest sufficient number, from 2 to 1000.
        more: True when not even 1000, which is then the count, would suffice.
    """

    count: int
    more: bool

    def __str__(self) -> str:
        return f"more than {self.count}" if self.more else str(self.count)


def sample_std(values: Sequence[float]) -> float:
    """Return the standard deviation of at least two values, with n - 1 in the denominator.

    As exact as the standard library's to the last bits and ten times as fast, which a table of thousands of rows
    feels; 0 for equal values, because it is taken about the first of them.
    """
    shifted = [value - values[0] for value in values]
    mean = math.fsum(shifted) / len(shifted)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in shifted) / (len(shifted) - 1))


def summarize(values: Sequence[float], *, proportions: bool = False) -> Summary:
    """Return mean, standard deviation and Student's t interval: mean ± t(0.975, n - 1) · std / √n.

    One value has no spread, and none is made up for it; nor for few that agree: accuracies are counts over images,
    which can be equal by chance. Source of the formula: Student, "The probable error
    of a mean", Biometrika 6 (1908). The interval is that of new seeds on the same test images.

    Args:
        values: at least one.
        proportions: whether they are parts of a whole, such as accuracies. Their mean lies in [0, 1], and so does
            the interval: what is cut off could not have held it.
    """
    n, mean = len(values), fmean(values)
    if n == 1:
        return Summary(n, mean, None, None, None)
    std = sample_std(values)
    if std < _NO_SPREAD:
        return Summary(n, mean, std, None, None)
    half = _t_quantile(n - 1) * std / math.sqrt(n)
    low, high = mean - half, mean + half
    if proportions:
        low, high = max(low, 0.0), min(high, 1.0)
    return Summary(n, mean, std, low, high)


def prediction_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return where ONE further seed would fall, in 95 of 100 cases: mean ± t(0.975, n - 1) · std · √(1 + 1/n).

    Source of the formula: Hahn, "Factors for calculating two-sided prediction intervals for samples from a
    normal distribution", Journal of the American Statistical Association 64 (1969).

    Args:
        values: one a seed, at least one.

    Returns:
        Lower and upper end; None for one value.
    """
    n = len(values)
    if n == 1:
        return None
    mean, half = fmean(values), _t_quantile(n - 1) * sample_std(values) * math.sqrt(1 + 1 / n)
    return mean - half, mean + half


def over_seeds(values: Sequence[float]) -> Estimate | None:
    """Return the mean of paired differences, with Student's t interval and test over seeds.

    Accuracies are counts over images, so that few seeds can have equal differences by chance. Then the spread
    is not zero but unknown: there is no interval, and no p-value unless the difference is 0 too (p = 1).

    Args:
        values: one difference, or another contrast of accuracies, a seed.

    Returns:
        None for fewer than two values.
    """
    n = len(values)
    if n < 2:
        return None
    mean, error = fmean(values), sample_std(values) / math.sqrt(n)
    if _none(values):
        return Estimate(n, None, 0.0, 0.0, 0.0, 0.0, 1.0)
    if sample_std(values) < _NO_SPREAD:
        return Estimate(n, None, mean, 0.0, None, None, None)
    half = _t_quantile(n - 1) * error
    p = 2 * float(stdtr(n - 1, -abs(mean) / error))
    return Estimate(n, None, mean, error, mean - half, mean + half, p)


def seeds_needed(differences: Sequence[float]) -> SeedsNeeded | None:
    """Return the smallest number of paired seeds that would tell two rows apart.

    It is the smallest n at which a two-sided paired t test at 5 % has a power of 0.8, if the true mean and
    standard deviation of the differences over seeds, on these test images, are the ones observed. From few
    seeds this is a rough guide. Source: noncentral t with n - 1 degrees of freedom and noncentrality
    mean / std · √n; Cohen, "Statistical Power Analysis for the Behavioral Sciences" (1988), chapter 2.

    Args:
        differences: paired differences in accuracy, one a seed.

    Returns:
        None when fewer than two seeds are known, or all differences are the same: accuracies are counts over
        images, so few seeds can agree by chance, and the spread is not known.
    """
    if len(differences) < 2:
        return None
    if _none(differences):
        return SeedsNeeded(MOST_SEEDS, more=True)
    mean, std = abs(fmean(differences)), sample_std(differences)
    if std < _NO_SPREAD:
        return None
    candidates = range(2, MOST_SEEDS + 1)
    place = bisect_left(candidates, POWER, key=lambda n: _power(n, mean / std))
    return SeedsNeeded(min(candidates[0] + place, MOST_SEEDS), more=place == len(candidates))


def _power(n: int, effect: float) -> float:
    """Return the chance that a two-sided paired t test over n seeds finds an effect, in standard deviations.

    The chance to find it with the wrong sign is left out: at a power of 0.8 it is below 0.00001.
    """
    noncentrality = min(effect * math.sqrt(n), _LARGEST_NONCENTRALITY)
    return 1 - float(nctdtr(n - 1, noncentrality, _t_quantile(n - 1)))


def _none(differences: Sequence[float]) -> bool:
    return all(abs(difference) < _NO_SPREAD for difference in differences)


def _t_quantile(df: int) -> float:
    return float(stdtrit(df, (1 + CONFIDENCE) / 2))
