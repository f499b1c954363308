"""What a finished trial hands over, and what the tracker remembers of a trial."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCH_METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
FINAL_METRICS = ("test_loss", "test_accuracy", "train_seconds")
METRICS = EPOCH_METRICS + FINAL_METRICS


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch came to.

    Attributes:
        epoch: counted from 1.
        values: the `EPOCH_METRICS`; accuracies are fractions of 1.
    """

    epoch: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class TrialRecord:
    """One trial as the tracker knows it.

    Attributes:
        run_id: the tracker's own id.
        status: "finished", "failed", "killed" or "running".
        settings: `Trial.settings()` with every value as text.
        metrics: the last value of each of `METRICS` that was reported; accuracies are fractions of 1.
        tags: what else was noted, such as "hardware", "versions", "dataset", "failure".
        artifacts: where its files are, as a URI; of a trial that stands for an earlier one, where that one's are.
    """

    run_id: str
    status: str
    settings: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: str = ""


@dataclass(frozen=True)
class SweepRecord:
    """One sweep as the tracker knows it.

    Attributes:
        run_id: the tracker's own id.
        name: what a person calls it.
        started: when it began, in UTC.
        trials: those that were begun.
        planned: how many it is to have.
    """

    run_id: str
    name: str
    started: str
    trials: tuple[TrialRecord, ...]
    planned: int
