"""What a trial writes of itself, to the journal in its directory; MLflow is not needed for it.

A trial is a child run of its sweep, or a run by itself where nothing was swept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.tracking.tags import ATTEMPTS_TAG, FAILURE_TAG, PARENT_TAG, SWEEP_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seedsweep.metrics import EpochMetrics
    from seedsweep.tracking.journal import Journal


def owner_of(parent_run_id: str | None, trial_id: str) -> str:
    """Return the owner in a journal: which trial of which sweep, or a trial by itself."""
    return f"{parent_run_id or ''}/{trial_id}"


class TrialWriter:
    """Writes a trial's run to the journal in its directory.

    Args:
        journal: an open one; what an earlier attempt has written there stays.
        name: what a person tells the run by.
        parent_run_id: the sweep it belongs to; None for a trial by itself.
        settings: the trial's settings as text, by dotted path.
        tags: what else is known before it trains.

    Raises:
        OSError: the journal cannot be written.
    """

    def __init__(
        self,
        journal: Journal,
        name: str,
        *,
        parent_run_id: str | None,
        settings: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        self.journal = journal
        kinship = {SWEEP_TAG: name} if parent_run_id is None else {PARENT_TAG: parent_run_id}
        attempt = {ATTEMPTS_TAG: str(journal.attempts + 1)}
        owner = owner_of(parent_run_id, tags.get("trial_id", ""))
        journal.start(name, owner, tags={**kinship, **attempt, **tags}, params=settings)
        self._known: dict[int, dict[str, float]] = {}
        for entry in journal.entries():
            if "metrics" in entry:
                self._known.setdefault(entry["step"], {}).update(entry["metrics"])

    def epoch(self, metrics: EpochMetrics) -> None:
        """Write one epoch's metrics; the step is the epoch, counted from 1.

        What an earlier attempt has written of the same epoch stands once.
        """
        self._metrics(metrics.values, step=metrics.epoch)

    def finish(self, metrics: Mapping[str, float], tags: Mapping[str, str], *, step: int) -> None:
        """Write the final metrics and all files of the journal, and close the run as finished."""
        self.journal.append({"files": self.journal.files.name})
        self.journal.append({"metrics": dict(metrics), "step": step})
        self.journal.append({"tags": dict(tags)})
        self.journal.append({"end": "FINISHED"})

    def fail(
        self, reason: str, traceback: str | None, *, status: str = "FAILED", tags: Mapping[str, str] | None = None
    ) -> None:
        """Close the run as failed (or "KILLED"), with its reason and traceback."""
        self.journal.append({"tags": {FAILURE_TAG: reason, **(tags or {})}})
        if traceback:
            self.journal.files.mkdir(exist_ok=True)
            (self.journal.files / "traceback.txt").write_text(traceback, encoding="utf-8")
            self.journal.append({"files": self.journal.files.name})
        self.journal.append({"end": status})

    def _metrics(self, values: Mapping[str, float], *, step: int) -> None:
        known = self._known.get(step, {})
        if any(name not in known or known[name] != value for name, value in values.items()):
            self.journal.append({"metrics": dict(values), "step": step})
