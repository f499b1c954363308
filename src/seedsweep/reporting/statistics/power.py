"""How many seeds it would take until the table tells two rows apart."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaincinv, ndtr, ndtri, stdtrit

from seedsweep.reporting.statistics.summary import NO_SPREAD, SIGNIFICANT

if TYPE_CHECKING:
    from numpy.typing import NDArray

POWER = 0.8
MOST_SEEDS = 1000

# Nodes of the integral over mean squares: with these it is known to 0.0002.
_NODES = 64


@dataclass(frozen=True)
class Spread:
    """The variance of a difference between rows, by source; in squares of fractions of 1.

    Attributes:
        seed: of one seed's difference, over the test images there are: σ_a² + σ_e²/m, see `variance_components`.
        image: of what the images add to it, however many seeds there are: σ_b²/m; 0 where only seeds count as noise.
        residual: the part of `seed` that chance alone makes of single images: σ_e²/m; 0 likewise.
    """

    seed: float
    image: float = 0.0
    residual: float = 0.0


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


def seeds_needed(difference: float, spread: Spread, level: float = SIGNIFICANT) -> SeedsNeeded | None:
    """Return the smallest number of paired seeds with which a difference would be told from noise.

    It is the smallest n at which the test of `variance_components`, or without images the paired t test, has a power
    of 0.8 on these test images, if the true difference and spread over seeds are the ones observed. From few seeds
    this is a rough guide. More seeds do not reduce the noise of the images: where a difference is smaller than that, no
    number is enough.

    Over n further seeds the mean square s² is σ²·χ²(n - 1)/(n - 1), and the mean is normal about the difference,
    with the variance σ²/n. The power is the chance that it exceeds the half width of its interval, averaged over s².
    Without images that is the noncentral t distribution's (Cohen, "Statistical Power Analysis for the Behavioral
    Sciences", 1988, chapter 2). The chance to find the wrong sign is left out: at this power it is below 0.00001.

    Args:
        difference: observed, in fractions of 1.
        spread: of it.
        level: what its own p-value must be below; less than 0.05 where it is one of many.

    Returns:
        None where the spread is not known: accuracies are counts over images, so few seeds can agree by chance.
    """
    if abs(difference) < NO_SPREAD:
        return SeedsNeeded(MOST_SEEDS, more=True)
    if max(spread.seed, spread.residual) < NO_SPREAD**2:
        return None
    near = _with_normal_quantiles(abs(difference), spread, level)
    if near is None:
        return SeedsNeeded(MOST_SEEDS, more=True)
    # A table has thousands of rows: few steps around a guess, and then between those.
    low, high, step = 1, MOST_SEEDS + 1, 1
    n = min(max(math.ceil(near), 2), MOST_SEEDS)
    while low < n < high:
        if _power(n, abs(difference), spread, level) >= POWER:
            high, n = n, n - step
        else:
            low, n = n, n + step
        step *= 2
    between = range(low + 1, high)
    found = low + 1 + bisect_left(between, POWER, key=lambda n: _power(n, abs(difference), spread, level))
    return SeedsNeeded(min(found, MOST_SEEDS), more=found > MOST_SEEDS)


def _with_normal_quantiles(difference: float, spread: Spread, level: float) -> float | None:
    """Return how many seeds it would take if the spread were known exactly; None where no number is enough.

    It is the n at which difference - z(power) · σ / √n = √(z² · (σ² / n + σ_image²)).
    """
    z, b = float(ndtri(level / 2)), float(ndtri(POWER))
    seed = max(spread.seed, spread.residual)
    above = difference**2 - z**2 * spread.image
    if above <= 0:
        return None
    slope = b * math.sqrt(seed) * difference
    root = (math.sqrt(slope**2 + (z**2 - b**2) * seed * above) - slope) / ((z**2 - b**2) * seed)
    return 1 / root**2


def _power(n: int, difference: float, spread: Spread, level: float) -> float:
    """Return the chance that n seeds tell a difference from noise."""
    t, z = float(stdtrit(n - 1, level / 2)), float(ndtri(level / 2))
    seed = max(spread.seed, spread.residual)
    _, weights = _nodes()
    squares = _mean_squares(n - 1)
    half = np.sqrt(np.maximum(t**2 * seed * squares, z**2 * spread.residual) / n + z**2 * spread.image)
    return float(weights @ ndtr((difference - half) / math.sqrt(seed / n)))


@lru_cache(maxsize=MOST_SEEDS)
def _mean_squares(df: int) -> NDArray[np.float64]:
    """Return the quantiles of χ²(df)/df at the nodes, (nodes,)."""
    places, _ = _nodes()
    squares: NDArray[np.float64] = gammaincinv(df / 2, places) * 2 / df
    return squares


@lru_cache(maxsize=1)
def _nodes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the places between 0 and 1, and the weights, (nodes,) each, of a mean over them (Gauss and Legendre)."""
    places, weights = np.polynomial.legendre.leggauss(_NODES)
    return (places + 1) / 2, weights / 2
