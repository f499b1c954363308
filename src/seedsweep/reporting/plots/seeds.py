"""The curves of one variant over its seeds: their mean and how far they lie apart, by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seedsweep.metrics import EpochMetrics


@dataclass(frozen=True)
class VariantCurves:
    """What a variant's trials came to, epoch by epoch.

    Attributes:
        label: the variant's name.
        trials: for each seed its metrics by epoch; seeds may have different numbers of epochs.
    """

    label: str
    trials: Sequence[Sequence[EpochMetrics]]


@dataclass(frozen=True)
class Band:
    """One quantity of a variant over its seeds.

    Attributes:
        steps: (n,) the epochs, counted from 1.
        mean: (n,) the mean over the seeds that have a number for that epoch; NaN where none has.
        low: (n,) the lowest of them.
        high: (n,) the highest of them.
        fewest: seeds with a number in the epoch that has fewest of them.
        most: seeds with a number in the epoch that has most of them.
    """

    steps: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    fewest: int
    most: int


def band(variant: VariantCurves, name: str) -> Band:
    """Fold the seeds of a variant.

    Args:
        variant: which.
        name: one of `EPOCH_METRICS`.
    """
    last = max((metrics.epoch for trial in variant.trials for metrics in trial), default=0)
    table = np.full((len(variant.trials), last), np.nan)
    for row, trial in zip(table, variant.trials, strict=True):
        for metrics in trial:
            row[metrics.epoch - 1] = metrics.values.get(name, np.nan)
    known = np.isfinite(table)
    count = known.sum(axis=0)
    mean = np.full(last, np.nan)
    np.divide(np.where(known, table, 0.0).sum(axis=0), count, out=mean, where=count > 0)
    low = np.where(known, table, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, table, -np.inf).max(axis=0, initial=-np.inf)
    return Band(
        steps=np.arange(1, last + 1),
        mean=mean,
        low=np.where(count > 0, low, np.nan),
        high=np.where(count > 0, high, np.nan),
        fewest=int(count.min(initial=len(table))) if last else 0,
        most=int(count.max(initial=0)),
    )


def spell_seeds(folded: Band) -> str:
    """Return how many seeds a mean is over, in words."""
    if folded.fewest == folded.most:
        return f"{folded.most} seed" if folded.most == 1 else f"{folded.most} seeds"
    return f"{folded.fewest} to {folded.most} seeds"
