"""What a search found: its trials, best first, and how much better its winner looked than it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedsweep.reporting.statistics.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seedsweep.reporting.statistics.summary import Summary
    from seedsweep.trials.records import SearchRecord, SweepRecord, TrialRecord


@dataclass(frozen=True)
class RankedTrial:
    """One trial of a search.

    Attributes:
        suggestion: its number, from 0.
        values: what the search chose, by setting.
        epochs: how long it was trained in all.
        score: the last value of the objective; None where it did not finish.
        bracket: Hyperband's; None with the others.
        rung: Hyperband's; None with the others.
        status: see `TrialRecord`.
        note: what happened to one that did not finish.
    """

    suggestion: int
    values: Mapping[str, str]
    epochs: int
    score: float | None
    bracket: int | None
    rung: int | None
    status: str
    note: str


@dataclass(frozen=True)
class Ranking:
    """All trials of a search, and its winner once more.

    Attributes:
        search: how they were searched for.
        rows: best first; of Hyperband's, those that were trained the longest before all others.
        confirmed: the objective over the fresh seeds that the winner was trained again with; None without any.
        gap: by how much the winner's score is better than that mean: what looking for the best adds by luck alone,
            in the objective's units; None without a winner or fresh seeds.
    """

    search: SearchRecord
    rows: tuple[RankedTrial, ...]
    confirmed: Summary | None
    gap: float | None

    @property
    def winner(self) -> RankedTrial | None:
        """The first that finished."""
        return self.rows[0] if self.rows and self.rows[0].score is not None else None


def is_suggestion(trial: TrialRecord) -> bool:
    """Tell whether a trial was suggested by a search; those that confirm its winner were not."""
    return "suggestion" in trial.tags


def ranking_of(sweep: SweepRecord) -> Ranking | None:
    """Return the ranking of a search; None for a grid."""
    search = sweep.search
    if search is None:
        return None
    sign = 1 if search.maximize else -1

    def place(row: RankedTrial) -> tuple[bool, float, float, int]:
        trained = 0 if row.rung is None else row.epochs
        return row.score is None, -trained, -sign * (row.score or 0), row.suggestion

    rows = sorted((_ranked(trial, search) for trial in sweep.trials if is_suggestion(trial)), key=place)
    fresh = [trial for trial in sweep.trials if not is_suggestion(trial) and trial.status == "finished"]
    scores = [trial.metrics[search.objective] for trial in fresh]
    confirmed = summarize(scores, proportions=search.objective.endswith("accuracy")) if scores else None
    best = rows[0].score if rows else None
    gap = None if confirmed is None or best is None else sign * (best - confirmed.mean)
    return Ranking(search, tuple(rows), confirmed, gap)


def _ranked(trial: TrialRecord, search: SearchRecord) -> RankedTrial:
    finished = trial.status == "finished"
    return RankedTrial(
        suggestion=int(trial.tags["suggestion"]),
        values={axis: _setting(trial, axis) for axis in search.axes},
        epochs=int(trial.settings["epochs"]),
        score=trial.metrics.get(search.objective) if finished else None,
        bracket=_number(trial.tags.get("bracket")),
        rung=_number(trial.tags.get("rung")),
        status=trial.status,
        note="" if finished else trial.tags.get("failure", trial.status),
    )


def _setting(trial: TrialRecord, axis: str) -> str:
    """Return what an axis was; a group's own choice stands in its name."""
    key = axis.lstrip("+")
    return trial.settings.get(key) or trial.settings.get(f"{key}.name", "")


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def best_so_far(rows: Sequence[RankedTrial], *, maximize: bool) -> list[float | None]:
    """Return the best score up to each suggestion, in their order; None before the first that has one."""
    best: list[float | None] = []
    for row in sorted(rows, key=lambda row: row.suggestion):
        before = best[-1] if best else None
        if row.score is None or before is None:
            best.append(row.score if before is None else before)
        else:
            best.append(max(before, row.score) if maximize else min(before, row.score))
    return best
