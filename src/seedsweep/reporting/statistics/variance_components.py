"""Seeds and test images as two crossed sources of noise. Not here: which rows are compared, see `comparison`.

Each value belongs to a seed s and an image i: y_si = mean + a_s + b_i + e_si. The grand mean of n seeds and m images
has the variance σ_a²/n + σ_b²/m + σ_e²/(n·m). The mean squares of a two-way analysis of variance without replication
estimate its parts (Cornfield and Tukey, "Average values of mean squares in factorials", Annals of Mathematical
Statistics 27, 1956): MS_seed estimates σ_e² + m·σ_a², MS_image σ_e² + n·σ_b², MS_residual σ_e². Hence two terms,

    V_seed = MS_seed / (n·m)    and    V_image = max(MS_image - MS_residual, 0) / (n·m).

V_seed has n - 1 degrees of freedom, which are few; V_image has many. The usual way is to approximate the sum by one
distribution with degrees of freedom after Satterthwaite ("An approximate distribution of estimates of variance
components", Biometrics Bulletin 2, 1946). With two or three seeds that fails where it matters: when the seeds happen
to agree, it sees no spread and takes many degrees of freedom, and the p-values below 0.001, which are the ones
that count when many rows are compared, come ten times as often as they should. So each term keeps its own quantile
(Banerjee, "Approximate confidence interval for linear functions of means of k populations when the population
variances are not equal", Sankhyā 22, 1960):

    half width² = t²(0.975, n - 1) · V_seed + t²(0.975, m - 1) · V_image.

For normal values this covers at least 95 % whatever the shares of the two terms, and exactly 95 % where one of them
is alone. Two seeds with the same number of right answers are no proof that seeds do not matter, so the first term is
never taken for less than what the residual says about it: t²(0.975, (n - 1)·(m - 1)) · MS_residual / (n·m).

Being safe has a price: simulated 95 % intervals cover 95 to 98 %, most where the seeds differ by little more than
chance alone would make them. Where the spread over seeds is lopsided, those of accuracies cover 93 %. The figures
are in docs/statistics.md.

A bootstrap over seeds and images together estimates the same variance, counting the residual three times (Owen, "The
pigeonhole bootstrap", Annals of Applied Statistics 1, 2007), but the percentiles of one that draws from three seeds
know nothing of n - 1: where seeds matter, they cover 80 to 85 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from seedsweep.reporting.statistics.summary import CONFIDENCE, Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class VarianceComponents:
    """The variance of a grand mean, by source; see the module's docstring.

    Attributes:
        shape: number of seeds and of images.
        mean: the grand mean.
        seed: V_seed.
        image: V_image.
        residual: MS_residual / (n·m).
    """

    shape: tuple[int, int]
    mean: float
    seed: float
    image: float
    residual: float

    @property
    def variance(self) -> float:
        """Of the grand mean, with no component below zero."""
        return max(self.seed, self.residual) + self.image

    def squared_margin(self, alpha: float) -> float:
        """Return the square of how far the mean may be off, with a chance of at most alpha to be further off."""
        n, m = self.shape
        seed = float(stdtrit(n - 1, alpha / 2)) ** 2 * self.seed
        floor = float(stdtrit((n - 1) * (m - 1), alpha / 2)) ** 2 * self.residual
        return max(seed, floor) + float(stdtrit(m - 1, alpha / 2)) ** 2 * self.image


def crossed_accuracy(correct: NDArray[np.bool_]) -> Estimate | None:
    """Return the accuracy of one row, with an interval for NEW seeds and NEW images together.

    Few errors make the distribution lopsided: at 99.3 % of 1,000 images a symmetric interval misses too often.
    This one has Wilson's form ("Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22, 1927): those accuracies q for which the one observed, q̂, is within
    the margin, when the squared margin h² is scaled to q as a binomial variance is: by q·(1 - q) / (q̂·(1 - q̂)).
    It is wider downwards, and stays within 0 and 1. Korn and Graubard ("Confidence intervals for proportions with
    small expected number of positive counts estimated from survey data", Survey Methodology 24, 1998) treat
    correlated counts so, by an effective sample size.

    Where every answer is right, the spread is unknown; then the images count as if there were one seed.

    Args:
        correct: shape (seeds, images): whether the image was classified correctly.

    Returns:
        None for fewer than two seeds or images.
    """
    parts, alpha = analyse(correct), 1 - CONFIDENCE
    if parts is None:
        return None
    n, m = parts.shape
    mean, squared = parts.mean, parts.squared_margin(alpha)
    binomial = mean * (1 - mean)
    ratio = squared / binomial if binomial else float(stdtrit(m - 1, alpha / 2)) ** 2 / m
    centre = (mean + ratio / 2) / (1 + ratio)
    half = math.sqrt(ratio * binomial + ratio**2 / 4) / (1 + ratio)
    # Rounding alone could take the ends past the bounds, or past the mean where all answers are right.
    low, high = max(min(centre - half, mean), 0.0), min(max(centre + half, mean), 1.0)
    return Estimate(n, m, mean, math.sqrt(parts.variance), low, high)


def analyse(values: NDArray[Any]) -> VarianceComponents | None:
    """Analyse the variance of a mean from sums over rows, columns and squares, which are exact integers.

    Args:
        values: shape (seeds, images); whole numbers or booleans, such as the difference of correctness of two rows:
            -1, 0 or 1.

    Returns:
        None for fewer than two seeds or images: a spread over one is unknown.

    Raises:
        TypeError: for floating-point values; sums of whole numbers are exact, and equal ones are seen to be.
    """
    if values.dtype.kind not in "biu":
        raise TypeError(f"whole numbers are needed, not {values.dtype}")
    n, m = values.shape
    if min(n, m) < 2:
        return None
    rows = values.sum(axis=1, dtype=np.int64)
    columns = values.sum(axis=0, dtype=np.int64)
    total, size = int(rows.sum()), n * m
    square = total**2
    # Each sum of squares times n·m.
    seed = n * int(rows @ rows) - square
    image = m * int(columns @ columns) - square
    residual = size * _sum_of_squares(values) - square - seed - image
    seed_ms, image_ms = seed / (n - 1), image / (m - 1)
    residual_ms = residual / ((n - 1) * (m - 1))
    scale = size**2
    return VarianceComponents(
        (n, m), total / size, seed_ms / scale, max(image_ms - residual_ms, 0.0) / scale, residual_ms / scale
    )


def _sum_of_squares(values: NDArray[Any]) -> int:
    if values.dtype.kind == "b":
        return int(np.count_nonzero(values))
    return int(np.einsum("ij,ij->", values, values, dtype=np.int64))
