"""What a variant gets wrong, over all its seeds: counts by class, and the images. Not here: any drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Mistake:
    """One image that at least one seed's network gets wrong.

    Attributes:
        position: its place in the set, counted from 0.
        label: its class.
        answers: the wrong classes that were predicted, most frequent first, then in their order.
        seeds: in how many seeds it is wrong.
    """

    position: int
    label: int
    answers: tuple[int, ...]
    seeds: int


def mistakes_of(labels: NDArray[np.integer], predicted: NDArray[np.integer]) -> list[Mistake]:
    """Return all images that are wrong, those wrong in most seeds first, then in the set's order.

    Args:
        labels: (n,) the images' classes.
        predicted: (seeds, n) the classes that each seed's network answered.
    """
    wrong = predicted != labels
    counts = wrong.sum(axis=0)
    mistakes = []
    for position in np.flatnonzero(counts):
        answers, times = np.unique(predicted[wrong[:, position], position], return_counts=True)
        order = np.argsort(-times, kind="stable")
        given = tuple(int(answer) for answer in answers[order])
        mistakes.append(Mistake(int(position), int(labels[position]), given, int(counts[position])))
    return sorted(mistakes, key=lambda mistake: -mistake.seeds)


def confusion_of(labels: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Count answers by class.

    Args:
        labels: (n,) the images' classes.
        predicted: (seeds, n) the classes that each seed's network answered.
        classes: how many there are.

    Returns:
        (classes, classes) how often an image of the first class was taken for the second, over all seeds.
    """
    pairs = labels.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(pairs.ravel(), minlength=classes * classes).reshape(classes, classes)
