"""What a finished trial hands over, and what the tracker remembers of a trial."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seedsweep.metrics import is_better_when_greater

if TYPE_CHECKING:
    from collections.abc import Mapping

# The file in which a trial says what its run has to tell.
JOURNAL = "journal.jsonl"


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


@dataclass(frozen=True)
class SweepRecord:
    """One sweep as the tracker knows it.

    Attributes:
        run_id: the tracker's own id.
        name: what a person calls it.
        started: when it began, in UTC.
        trials: those that were begun.
        planned: how many it is to have.
        search: how they were searched for; None for a grid.
        deleted: trials whose runs were deleted in the tracker, and that no other run stands for.
        has_ended: whether it came to its end, so that none of its trials is still to be started.
        look: which table of the same rows its table is: 1, and one more for each earlier sweep with other seeds.
    """

    run_id: str
    name: str
    started: str
    trials: tuple[TrialRecord, ...]
    planned: int
    search: SearchRecord | None = None
    deleted: tuple[TrialRecord, ...] = ()
    has_ended: bool = False
    look: int = 1
