"""The scores of a search's suggestions, and the best so far as a metric of its run that grows while it runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seedsweep.search.searcher import Suggestion
    from seedsweep.sweeps.session import SweepSession
    from seedsweep.trials.records import SearchRecord

# How long it may be behind: a search that replays thousands of suggestions does not wait for the store at each.
_SECONDS = 1.0


@dataclass(frozen=True)
class Scored:
    """A suggestion and its score.

    Attributes:
        suggestion: which.
        score: the objective's last value; None where there is none.
        finished: whether it was trained to its end.
    """

    suggestion: Suggestion
    score: float | None
    finished: bool

    @property
    def at_its_end(self) -> float | None:
        """Its score, if it can win by it."""
        return self.score if self.finished else None


class BestValueTracker:
    """Collects scores, in whatever order they come, and writes the best up to each suggestion once it is sure.

    The first suggestion is step 1. Nothing is written of steps before the first that has a score.

    Args:
        sweep: the search's own run and store.
        record: the search's settings.
    """

    def __init__(self, sweep: SweepSession, record: SearchRecord) -> None:
        self._sweep = sweep
        self._name = f"best_{record.objective}"
        self._better = max if record.maximize else min
        self._scores: dict[int, float | None] = {}
        self._best: dict[int, float] = {}
        self._sure = self._written = 0
        self._last = 0.0

    def take(self, number: int, score: float | None) -> None:
        """Take a suggestion's score; None where it has none, or none that could win."""
        self._scores[number] = score
        while self._sure in self._scores:
            known = [best for best in (self._best.get(self._sure), self._scores[self._sure]) if best is not None]
            self._sure += 1
            if known:
                self._best[self._sure] = self._better(known)

    def tell(self) -> None:
        """Write what is new; not at every call, and never waiting for the store."""
        from seedsweep.tracking.recovery import try_once

        new = {step: best for step, best in self._best.items() if step > self._written}
        if not new or time.monotonic() - self._last < _SECONDS:
            return
        self._last = time.monotonic()
        if try_once(self._sweep.store, lambda: self._write(new), otherwise=False):
            self._written = max(new)

    def close(self) -> None:
        """Write all of it, however long the store is away; what it has stays as it is."""
        from seedsweep.tracking.recovery import with_retries

        with_retries(self._sweep.store, lambda: self._write(self._best))

    def _write(self, points: dict[int, float]) -> bool:
        self._sweep.parent.curve(self._name, points)
        return True
