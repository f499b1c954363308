"""Differences between rows, paired by seed and, where answers are known, by test image.

Not here: which differences are of interest, see `comparison` and `factors`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

from seedsweep.reporting.crossed import crossed
from seedsweep.reporting.statistics import Estimate, over_seeds

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
    """A sum of rows minus a sum of others, over the seeds that all of them have.

    Attributes:
        by_seed: seed → the contrast, in fractions of 1; in ascending order of the seeds.
        estimate: its mean over seeds with what is known about it; None for fewer than two seeds.
        noise: what counts as noise in the estimate; None where there is none.
    """

    by_seed: Mapping[int, float]
    estimate: Estimate | None
    noise: Noise | None

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
    """Return (sum of some rows - sum of others) / per.

    Images count as noise when the answers of all these rows to equally many images are known for each common
    seed. Otherwise only seeds do, which says less: it is about these images.

    Args:
        plus: rows to add, at least one.
        minus: rows to take away.
        per: what to divide by.
    """
    rows = [*plus, *minus]
    seeds = sorted(set.intersection(*(set(row.accuracies) for row in rows)))
    by_seed = {
        seed: (sum(row.accuracies[seed] for row in plus) - sum(row.accuracies[seed] for row in minus)) / per
        for seed in seeds
    }
    if len(seeds) < 2:
        return Contrast(by_seed, None, None)
    if _answers_known(rows, seeds) and (estimate := crossed(_matrix(plus, minus, seeds), per)):
        return Contrast(by_seed, estimate, "seeds and images")
    return Contrast(by_seed, over_seeds(list(by_seed.values())), "seeds")


def _answers_known(rows: Sequence[Scores], seeds: Sequence[int]) -> bool:
    answers = [row.correct[seed] for row in rows for seed in seeds if seed in row.correct]
    return len(answers) == len(rows) * len(seeds) and len({answer.shape for answer in answers}) == 1


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
