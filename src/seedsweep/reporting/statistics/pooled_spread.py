"""How far a row's accuracy varies over seeds, estimated from its own few seeds and from those of the other rows.

Three seeds say little about a row's own spread. Between rows of one table the spread differs little once it is measured
in logits, ln(p / (1 - p)), so that a row can borrow from the others what its own seeds do not know. This is the
empirical Bayes estimate of Smyth, "Linear models and empirical Bayes methods for assessing differential expression in
microarray experiments", Statistical Applications in Genetics and Molecular Biology 3 (2004), with two changes that
keep a few rows from ruling the others: the prior has at most 4 degrees of freedom, and a row whose own spread is
implausible under the prior (F test at 1 %) keeps its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import fmean
from typing import TYPE_CHECKING

from scipy.special import digamma, fdtri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seedsweep.reporting.statistics.scores import Scores

_FEWEST_ROWS = 4
_MOST_PRIOR_DF = 4
_IMPLAUSIBLE = 0.99


@dataclass(frozen=True)
class Spread:
    """The variance of one seed's accuracy about its row's mean.

    Attributes:
        variance: in squares of fractions of 1.
        df: its degrees of freedom.
    """

    variance: float
    df: float


@dataclass(frozen=True)
class Spreads:
    """The spreads of a table's rows.

    Attributes:
        rows: name → spread.
        prior_df: degrees of freedom that each row borrows from the others; 0 where there are too few of them.
        typical: variance of one seed's accuracy in a row like the best.
    """

    rows: Mapping[str, Spread]
    prior_df: int
    typical: float


def pooled_spreads(rows: Mapping[str, Scores]) -> Spreads:
    """Estimate the spread of each row.

    Rows borrow from those that reach at least half the accuracy of the best: one that collapsed says nothing about
    them. With fewer than four of these every row stands for itself.

    Args:
        rows: name → scores, of two seeds or more each; at least one row.
    """
    best = max(rows.values(), key=lambda scores: scores.mean)
    near = [scores for scores in rows.values() if scores.mean >= best.mean / 2]
    varied = [scores for scores in near if scores.variance > 0]
    if len(varied) < _FEWEST_ROWS:
        own = {name: Spread(scores.variance, scores.n - 1) for name, scores in rows.items()}
        return Spreads(own, 0, fmean(scores.variance for scores in near))
    prior_df = min(_MOST_PRIOR_DF, len(varied) - 1)
    prior = _prior_variance(varied, prior_df)
    spreads = {name: _pooled(scores, prior, prior_df) for name, scores in rows.items()}
    return Spreads(spreads, prior_df, prior * _slope_squared(best))


def _prior_variance(rows: list[Scores], prior_df: int) -> float:
    """Return the variance in logits that the rows share: Smyth's estimate from the mean of their logarithms."""
    logs = []
    for scores in rows:
        half = (scores.n - 1) / 2
        logs.append(math.log(scores.variance / _slope_squared(scores)) - float(digamma(half)) + math.log(half))
    return math.exp(fmean(logs) + float(digamma(prior_df / 2)) - math.log(prior_df / 2))


def _pooled(scores: Scores, prior: float, prior_df: int) -> Spread:
    df, slope = scores.n - 1, _slope_squared(scores)
    own = scores.variance / slope
    variance = (prior_df * prior + df * own) / (prior_df + df) * slope
    if own > prior * _f_quantile(df, prior_df):
        variance = max(variance, scores.variance)
    return Spread(variance, prior_df + df)


def _slope_squared(scores: Scores) -> float:
    """Return (p·(1 - p))², which turns a variance in logits into one of accuracies."""
    # A row without a mistake has no logit; half an image, or one of ten thousand, stands for less than one mistake.
    least = 0.5 / (scores.images or 10_000)
    accuracy = min(max(scores.mean, least), 1 - least)
    return (accuracy * (1 - accuracy)) ** 2


@cache
def _f_quantile(df: int, prior_df: int) -> float:
    return float(fdtri(df, prior_df, _IMPLAUSIBLE))
