"""Differences between rows, paired by seed and, where answers are known, by test image.

Not here: which differences are of interest, see `comparison` and `factorial_effects`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

from seedsweep.reporting.statistics.power import Spread
from seedsweep.reporting.statistics.summary import Estimate, over_seeds, sample_std
from seedsweep.reporting.statistics.variance_components import analyse, estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Noise = Literal["seeds and images", "seeds"]


@dataclass(frozen=True)
class Scores:
    """What the trials of one row reached.

    Attributes:
        accuracies: seed → fraction of the test images that was classified correctly.
        correct: seed → which ones, shape (images,); it may lack seeds, or have none.
    """

    accuracies: Mapping[int, float]
    correct: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)


@dataclass(frozen=True)
class Contrast:
    """A sum of rows minus a sum of others, over their common seeds.

    Attributes:
        by_seed: seed → the contrast, in fractions of 1; in ascending order of the seeds.
        estimate: its mean over seeds with what is known about it; None for fewer than two seeds.
        noise: what counts as noise in the estimate; None where there is none.
        spread: how much noise there is; None likewise.
    """

    by_seed: Mapping[int, float]
    estimate: Estimate | None
    noise: Noise | None
    spread: Spread | None

    @property
    def mean(self) -> float | None:
        """Over the common seeds; None when there is none."""
        if self.estimate:
            return self.estimate.mean
        return next(iter(self.by_seed.values()), None)

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Both ends at 95 %; None where the spread is not known."""
        return (self.estimate.low, self.estimate.high) if self.estimate else (None, None)

    @property
    def p(self) -> float | None:
        """Of a true mean of 0; None where that cannot be tested."""
        return self.estimate.p if self.estimate else None


def contrast(plus: Sequence[Scores], minus: Sequence[Scores], per: int = 1) -> Contrast:
    """Return (sum of some rows - sum of others) / per, over their common seeds.

    Images count as noise when the answers of all these rows are known. Otherwise only seeds do, which says less: it is
    about these images.

    Args:
        plus: rows to add, at least one.
        minus: rows to take away.
        per: what to divide by.
    """
    rows = [*plus, *minus]
    seeds, are_answers_known = common_seeds(rows)
    by_seed = {
        seed: (sum(row.accuracies[seed] for row in plus) - sum(row.accuracies[seed] for row in minus)) / per
        for seed in seeds
    }
    if len(seeds) < 2:
        return Contrast(by_seed, None, None, None)
    if are_answers_known and (parts := analyse(_matrix(plus, minus, seeds))):
        scale = len(seeds) / per**2
        spread = Spread(scale * parts.seed, parts.image / per**2, scale * parts.residual)
        return Contrast(by_seed, estimate(parts, per), "seeds and images", spread)
    differences = list(by_seed.values())
    return Contrast(by_seed, over_seeds(differences), "seeds", Spread(sample_std(differences) ** 2))


def common_seeds(rows: Sequence[Scores]) -> tuple[list[int], bool]:
    """Return the seeds over which rows are compared, ascending, and whether the answers to images are known for them.

    They are those that all rows have. Where the answers of some trials are lost, they are those of which all answers
    are known, if there are two: leaving the noise of the images out would make a difference surer than it is.
    """
    seeds = sorted(set.intersection(*(set(row.accuracies) for row in rows)))
    known = [seed for seed in seeds if all(seed in row.correct for row in rows)]
    shapes = {row.correct[seed].shape for row in rows for seed in known}
    return (known, True) if len(known) >= 2 and len(shapes) == 1 else (seeds, False)


def _matrix(plus: Sequence[Scores], minus: Sequence[Scores], seeds: Sequence[int]) -> NDArray[np.signedinteger]:
    """Return the contrast of correctness, shape (seeds, images), before it is divided."""
    images = len(plus[0].correct[seeds[0]])
    # A difference of two fits into a byte; 127 rows are the most that do for sure.
    dtype = np.int8 if len(plus) + len(minus) <= 127 else np.int32
    matrix = np.zeros((len(seeds), images), dtype)
    signed = chain(((row, np.add) for row in plus), ((row, np.subtract) for row in minus))
    for row, combine in signed:
        for values, seed in zip(matrix, seeds, strict=True):
            combine(values, row.correct[seed], out=values)
    return matrix
