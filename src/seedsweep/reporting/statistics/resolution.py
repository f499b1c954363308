"""Which differences a table can tell: with the seeds that it has, with more of them, and with any number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from scipy.special import ndtri

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seedsweep.reporting.statistics.contrast import Contrast
    from seedsweep.reporting.statistics.pooled_spread import Spreads
    from seedsweep.reporting.statistics.scores import Scores

POWER = 0.8
MOST_SEEDS = 100
# Differences that a reader has in mind, in fractions of 1.
_DIFFERENCES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.003, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
_NAMED = 3


@dataclass(frozen=True)
class Resolution:
    """What the seeds and the test images of a table can tell, with a power of 0.8, at the spread seen in it.

    Attributes:
        now: the smallest difference from the reference that the present seeds can tell; in fractions of 1.
        seeds: smaller differences, each with the number of seeds that it needs.
        limit: the difference below which no number of seeds is enough with these test images; None where the answers
            to single images are not known.
    """

    now: float
    seeds: tuple[tuple[float, int], ...]
    limit: float | None


def resolution_of(
    rows: Mapping[str, Scores],
    reference: str,
    spreads: Spreads,
    contrasts: Mapping[str, Contrast],
    squared: Callable[[float], float],
) -> Resolution | None:
    """Return which differences from the reference a table can tell.

    n seeds show a difference δ in 4 of 5 cases if δ exceeds the half width of its interval by z(0.8) standard errors.
    Spread over seeds and noise of the images are typical ones of this table: from few seeds this is a rough guide.

    Args:
        rows: name → scores, of two seeds or more each.
        reference: the name of one.
        spreads: of the rows.
        contrasts: name → difference from the reference, of the others.
        squared: squared quantiles for some degrees of freedom, with all rows left.

    Returns:
        None where nothing is compared, or nothing varies.
    """
    near = [name for name in contrasts if rows[name].mean >= rows[reference].mean / 2]
    if not near or not spreads.typical:
        return None
    n = rows[reference].n
    images = [image for name in near if (image := contrasts[name].image) is not None]
    image = median(images) if images else 0.0
    df = median(contrasts[name].df for name in near)
    far, here = math.sqrt(squared(math.inf)), math.sqrt(squared(df))

    def told(seeds: int) -> float:
        """Return the smallest difference that so many seeds tell."""
        # Quantiles are nearly linear in 1 / df; more seeds bring as many more degrees of freedom.
        more = df + (seeds - n) * (1 if spreads.prior_df else 2)
        quantile = far + (here - far) * df / max(more, 1)
        seed = 2 * spreads.typical / seeds
        return math.sqrt(quantile**2 * seed + far**2 * image) + float(ndtri(POWER)) * math.sqrt(seed + image)

    now, limit = told(n), (far + float(ndtri(POWER))) * math.sqrt(image)
    numbers = range(n + 1, MOST_SEEDS + 1)
    needed = ((size, next((seeds for seeds in numbers if told(seeds) <= size), None)) for size in _DIFFERENCES)
    more = [(size, seeds) for size, seeds in needed if seeds is not None and size < 0.9 * now]
    return Resolution(now, tuple(more[:_NAMED]), limit if images else None)
