"""What the trials of one row reached, and how much of it is noise: the spread over seeds, and single test images."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from seedsweep.reporting.statistics.summary import sample_std
from seedsweep.reporting.statistics.variance_components import VarianceComponents, analyse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Scores:
    """The accuracies of a row's trials, and their answers to the test images.

    Attributes:
        accuracies: seed → fraction of the test images that was classified correctly.
        correct: seed → which images those are, shape (images,); seeds may be missing.
    """

    accuracies: Mapping[int, float]
    correct: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of seeds."""
        return len(self.accuracies)

    @cached_property
    def mean(self) -> float:
        """Mean accuracy over the seeds."""
        return fmean(self.accuracies.values())

    @property
    def images(self) -> int | None:
        """Number of test images; None where no answers are known."""
        return None if self.by_image is None else len(self.by_image)

    @cached_property
    def components(self) -> VarianceComponents | None:
        """The sources of variance among the known answers; None for answers of fewer than two seeds."""
        if len(self.correct) < 2 or len({answers.shape for answers in self.correct.values()}) > 1:
            return None
        return analyse(np.stack(list(self.correct.values())))

    @cached_property
    def variance(self) -> float:
        """Variance of one seed's accuracy, at least what chance makes of single images; needs two seeds."""
        over_seeds = sample_std(list(self.accuracies.values())) ** 2
        if self.components is None:
            return over_seeds
        return max(over_seeds, self.components.residual * self.components.shape[0])

    @cached_property
    def by_image(self) -> NDArray[np.float32] | None:
        """How often each image was classified correctly, shape (images,); None where `components` is."""
        if self.components is None:
            return None
        by_image: NDArray[np.float32] = np.mean(list(self.correct.values()), axis=0, dtype=np.float32)
        return by_image


def image_variance(terms: Sequence[tuple[float, Scores]]) -> float | None:
    """Return the variance of a weighted sum of rows' means that comes from the choice of the test images.

    The variance over images of the rows' weighted means, less what single answers add to it by chance (σ_e²/n a row):
    the component of `variance_components`, for rows that share images but not seeds.

    Args:
        terms: weight and row.

    Returns:
        None where the answers of a row are not known, or are answers to other images.
    """
    combined: NDArray[np.float64] | None = None
    chance = 0.0
    for weight, scores in terms:
        if scores.by_image is None or scores.components is None:
            return None
        if combined is None:
            combined = np.zeros(len(scores.by_image))
        if len(combined) != len(scores.by_image):
            return None
        combined += weight * scores.by_image
        chance += weight**2 * scores.components.residual
    if combined is None:
        return None
    return max(float(combined.var(ddof=1)) / len(combined) - chance, 0.0)
