"""What the other trials of a sweep came to, from the journals beside one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.metrics import EPOCH_METRICS, EpochMetrics
from seedsweep.system.files import walk_files
from seedsweep.tracking.journal import JournalReader
from seedsweep.trials.records import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class PeerHistories:
    """The trials of a sweep that have finished, as far as their journals are on this machine.

    Args:
        sweep: the sweep's directory.
        own: the directory of the trial that asks.
    """

    def __init__(self, sweep: Path, own: Path) -> None:
        self._sweep = sweep
        self._own = own
        self._finished: dict[Path, Sequence[EpochMetrics]] = {}

    def finished(self) -> list[Sequence[EpochMetrics]]:
        """Return what each epoch of each finished trial came to."""
        for path in sorted(path for path in walk_files(self._sweep) if path.name == JOURNAL):
            place = path.parent
            if place == self._own or place in self._finished:
                continue
            journal = JournalReader(place)
            if journal.status == "FINISHED":
                self._finished[place] = _epochs(journal)
        return list(self._finished.values())


def _epochs(journal: JournalReader) -> list[EpochMetrics]:
    by_epoch: dict[int, dict[str, float]] = {}
    for entry in journal.entries():
        told = {name: value for name, value in entry.get("metrics", {}).items() if name in EPOCH_METRICS}
        if told:
            by_epoch.setdefault(entry["step"], {}).update(told)
    return [EpochMetrics(epoch, values) for epoch, values in sorted(by_epoch.items())]
