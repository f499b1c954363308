"""Mean and interval over the seeds of one variant. Not here: test images as noise, see `variance_components`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from scipy.special import stdtrit

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95
SIGNIFICANT = 0.05

# Accuracies are counts over images: one image of 100,000 is more than this, the rounding of float32 is less.
NO_SPREAD = 5e-7


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
    """

    n_seeds: int
    n_images: int | None
    mean: float
    error: float
    low: float | None
    high: float | None


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
    if std < NO_SPREAD:
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


def _t_quantile(df: int) -> float:
    return float(stdtrit(df, (1 + CONFIDENCE) / 2))
