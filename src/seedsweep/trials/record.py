"""What a finished trial hands over, and what the tracker remembers of a trial."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCH_METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
FINAL_METRICS = ("test_loss", "test_accuracy", "train_seconds")
METRICS = EPOCH_METRICS + FINAL_METRICS
# Of a trial whose best weights are kept: what the metrics were at that epoch, under names of their own.
_KEPT = {name: f"best_{name}" for name in EPOCH_METRICS}
# The file in which a trial says what its run has to tell.
JOURNAL = "journal.jsonl"
# Where a trial stands in its search: its suggestion's number, and in Hyperband its bracket and rung and the number
# of the suggestion that it goes on with. Tags of its run.
SEARCH_PLACES = ("suggestion", "bracket", "rung", "continues")


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


@dataclass(frozen=True)
class TrialRecord:
    """One trial as the tracker knows it.

    Attributes:
        run_id: the tracker's own id.
        status: "finished", "failed", "killed", "running", or "stopped": its sweep's other trials were better.
        settings: `Trial.settings()` with every value as text.
        metrics: the last value of each of `METRICS` that was reported, or that of the epoch whose weights are kept;
            accuracies are fractions of 1.
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
class SearchRecord:
    """How a sweep's trials were searched for.

    Attributes:
        algorithm: "random", "bayesian" or "hyperband".
        order: "reproducible" or "fastest".
        slots: how many trials ran at once.
        seed: of the search.
        objective: the metric that it follows.
        axes: the settings that it varies, as typed.
        suggestions: how many trials it may have; those that confirm its winner come on top.
        confirm: how many those are.
    """

    algorithm: str
    order: str
    slots: int
    seed: int
    objective: str
    axes: tuple[str, ...]
    suggestions: int
    confirm: int

    @property
    def maximize(self) -> bool:
        """Whether greater values of the objective are better."""
        return is_better_when_greater(self.objective)


def is_better_when_greater(metric: str) -> bool:
    """Tell in which direction one of `METRICS` is meant."""
    return metric.endswith("accuracy")


@dataclass(frozen=True)
class SweepRecord:
    """One sweep as the tracker knows it.

    Attributes:
        run_id: the tracker's own id.
        name: what a person calls it.
        started: when it began, in UTC.
        trials: those that were begun.
        planned: how many it is to have.
        search: how they were searched for; None where nobody searched.
        deleted: trials whose runs were deleted in the tracker, and that no other run stands for.
        has_ended: whether it came to its end, so that none of its trials is still to be started.
    """

    run_id: str
    name: str
    started: str
    trials: tuple[TrialRecord, ...]
    planned: int
    search: SearchRecord | None = None
    deleted: tuple[TrialRecord, ...] = ()
    has_ended: bool = False
