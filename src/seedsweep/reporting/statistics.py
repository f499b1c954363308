"""What several seeds of one variant say together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from scipy.special import stdtrit

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """One quantity over n independent seeds.

    Attributes:
        n: number of values.
        mean: their mean.
        std: their sample standard deviation (n - 1 in the denominator); None for n = 1.
        low: lower end of the 95 % confidence interval of the mean; None for n = 1.
        high: its upper end; None for n = 1.
    """

    n: int
    mean: float
    std: float | None
    low: float | None
    high: float | None


def summarize(values: Sequence[float]) -> Summary:
    """Return mean, standard deviation and Student's t interval: mean ± t(0.975, n - 1) · std / √n.

    One value has no spread, and none is made up for it. Source of the formula: Student, "The probable error
    of a mean", Biometrika 6 (1908).

    Args:
        values: at least one.
    """
    n, mean = len(values), fmean(values)
    if n == 1:
        return Summary(n, mean, None, None, None)
    std = stdev(values)
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * std / math.sqrt(n)
    return Summary(n, mean, std, mean - half, mean + half)
