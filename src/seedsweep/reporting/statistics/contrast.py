"""A weighted sum of rows' means, such as the difference of two rows, and how well it is known.

Two sources of noise count: other seeds, and other test images. They have different degrees of freedom: the first few,
the second many. So each keeps its own quantile (Banerjee, "Approximate confidence interval for linear functions of
means of k populations when the population variances are not equal", Sankhyā 22, 1960):

    half width² = q²(df) · V_seed + q²(∞) · V_image.

Rows are paired by image and not by seed: that two networks were started with the same number makes their accuracies
no more alike (the correlations measured are in docs/statistics.md), and pairing by it would halve the degrees of
freedom. Not here: which contrasts are of interest, see `comparison` and `factorial_effects`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from seedsweep.reporting.statistics.scores import image_variance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seedsweep.reporting.statistics.pooled_spread import Spreads
    from seedsweep.reporting.statistics.scores import Scores

# P-values are at least this, so that they have a logarithm, and known to this many parts of themselves.
_TINY = 1e-100
_EXACT = 1e-9


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of rows' means; in fractions of 1, its variances in squares of them.

    Attributes:
        value: the estimate.
        seed: its variance that comes from the choice of the seeds.
        df: degrees of freedom of `seed`.
        image: its variance that comes from the choice of the test images; None where the answers are not known.
    """

    value: float
    seed: float
    df: float
    image: float | None

    @property
    def variance(self) -> float:
        """From both sources."""
        return self.seed + (self.image or 0.0)

    def half_width(self, squared_quantile: Callable[[float], float]) -> float:
        """Return half the width of an interval.

        Args:
            squared_quantile: the square of the quantile for some degrees of freedom, which may be infinite.
        """
        images = squared_quantile(math.inf) * self.image if self.image else 0.0
        return math.sqrt(squared_quantile(self.df) * self.seed + images)

    @property
    def p(self) -> float | None:
        """Two-sided p-value of a true value of 0: the level at which the interval just reaches 0.

        None where nothing varies, so that nothing is known about other seeds.
        """
        if not self.seed:
            return None
        if not self.value:
            return 1.0
        # Between what these and infinitely many degrees of freedom would give for the whole variance.
        ratio = -abs(self.value) / math.sqrt(self.variance)
        low, high = (math.log(max(2 * float(p), _TINY)) for p in (ndtr(ratio), stdtr(self.df, ratio)))
        while high - low > _EXACT:
            middle = (low + high) / 2
            if self.half_width(two_sided(math.exp(middle))) > abs(self.value):
                low = middle
            else:
                high = middle
        return math.exp(high)


def two_sided(alpha: float) -> Callable[[float], float]:
    """Return the squared quantiles of Student's t for two-sided intervals that miss with a chance of alpha.

    Example:
        >>> round(two_sided(0.05)(4) ** 0.5, 3)
        2.776
    """

    def squared(df: float) -> float:
        return float(ndtri(alpha / 2) if math.isinf(df) else stdtrit(df, alpha / 2)) ** 2

    return squared


def contrast(terms: Sequence[tuple[float, str]], rows: dict[str, Scores], spreads: Spreads) -> Contrast:
    """Return a weighted sum of rows' means.

    Its degrees of freedom are the fewest of its rows where rows borrow from each other: what they borrow is the same
    for all. Where every row stands for itself they are those of Welch and Satterthwaite ("An approximate distribution
    of estimates of variance components", Biometrics Bulletin 2, 1946).

    Args:
        terms: weight and name of each row.
        rows: name → scores.
        spreads: of these rows.
    """
    variances = [weight**2 * spreads.rows[name].variance / rows[name].n for weight, name in terms]
    dfs = [spreads.rows[name].df for _, name in terms]
    seed = math.fsum(variances)
    df = min(dfs)
    if not spreads.prior_df and seed:
        df = seed**2 / math.fsum(variance**2 / own for variance, own in zip(variances, dfs, strict=True))
    value = math.fsum(weight * rows[name].mean for weight, name in terms)
    return Contrast(value, seed, df, image_variance([(weight, rows[name]) for weight, name in terms]))
