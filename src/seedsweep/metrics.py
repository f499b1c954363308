"""The metrics that a trial reports, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCH_METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
FINAL_METRICS = ("test_loss", "test_accuracy", "train_seconds")
METRICS = EPOCH_METRICS + FINAL_METRICS
# Of a trial whose best weights are kept: what the metrics were at that epoch, under names of their own.
_KEPT = {name: f"best_{name}" for name in EPOCH_METRICS}


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch came to.

    Attributes:
        epoch: counted from 1.
        values: the `EPOCH_METRICS`; accuracies are fractions of 1.
    """

    epoch: int
    values: Mapping[str, float]


def is_metric(name: str) -> bool:
    """Tell whether a run's metric is one that a trial reports."""
    return name in METRICS or name in _KEPT.values()


def under_own_names(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics of an epoch whose weights are kept as they are written down at the end."""
    return {_KEPT[name]: value for name, value in metrics.items()}


def of_kept_weights(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return a run's last metrics as those of the weights that it has kept, which need not be its last epoch's."""
    kept = {name: metrics[own] for name, own in _KEPT.items() if own in metrics}
    return {name: value for name, value in metrics.items() if name not in _KEPT.values()} | kept


def is_better_when_greater(metric: str) -> bool:
    """Tell in which direction one of `METRICS` is meant."""
    return metric.endswith("accuracy")
