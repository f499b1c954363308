"""Runs that are written to the store directly: a sweep's own, and those that stand for earlier ones."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow.entities import Metric, Param

from seedsweep.metrics import is_metric
from seedsweep.tracking.journal_uploader import TAG_LIMIT, as_tags
from seedsweep.tracking.tags import (
    ATTEMPTS_TAG,
    DESCRIBING_TAGS,
    DESCRIPTION_TAG,
    DIRECTORY_TAG,
    JOURNAL_TAG,
    PARENT_TAG,
    RESUMED_TAG,
    REUSED_TAG,
    SOURCE,
    SWEEP_TAG,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from seedsweep.tracking.store import Store
    from seedsweep.trials.records import TrialRecord

# MLflow takes that many metrics at a time.
_BATCH = 1000


@dataclass(frozen=True)
class SweepWriter:
    """Writes to a sweep's own run."""

    store: Store
    run_id: str

    def tags(self, tags: Mapping[str, str]) -> None:
        """Write tags."""
        self.store.client.log_batch(self.run_id, tags=as_tags(tags))

    def describe(self, markdown: str, file: Path) -> None:
        """Store a file, and show its text on the run's page, or its name where the text is too long."""
        shown = markdown if len(markdown) <= TAG_LIMIT else f"See {file.name} among the artifacts."
        self.tags({DESCRIPTION_TAG: shown})
        self.store.client.log_artifact(self.run_id, str(file))

    def attach(self, files: Sequence[Path]) -> None:
        """Store files beside the run's table."""
        for file in files:
            self.store.client.log_artifact(self.run_id, str(file))

    def curve(self, name: str, values: Mapping[int, float]) -> None:
        """Write a metric of the sweep itself by step; written again, it stays as it was."""
        began = self.store.client.get_run(self.run_id).info.start_time
        points = [Metric(name, value, began + step, step) for step, value in values.items()]
        for start in range(0, len(points), _BATCH):
            self.store.client.log_batch(self.run_id, metrics=points[start : start + _BATCH])

    def close(self, status: str) -> None:
        """Close the run as "FINISHED", "FAILED" or "KILLED"."""
        self.store.client.set_terminated(self.run_id, status)

    def reopen(self) -> None:
        """Say that the sweep runs again."""
        self.store.client.update_run(self.run_id, status="RUNNING")
        self.tags({RESUMED_TAG: str(int(time.time() * 1000))})


def start_sweep(store: Store, name: str, tags: Mapping[str, str]) -> SweepWriter:
    """Open the parent run of a sweep."""
    return SweepWriter(store, _create(store, name, {SWEEP_TAG: name, **tags}))


def link(
    store: Store,
    record: TrialRecord,
    name: str,
    *,
    parent_run_id: str | None,
    settings: Mapping[str, str],
    tags: Mapping[str, str],
) -> str:
    """Make a run that stands for one that was trained before, with the same metrics.

    Its files stay with the original, whose id is in the tag `reused_from`.

    Args:
        store: where.
        record: the run that was trained.
        name: what a person tells the new run by.
        parent_run_id: the sweep that it is linked into; None for a trial by itself.
        settings: the trial's settings as this sweep's user typed them.
        tags: that differ from the original's.

    Returns:
        The new run's id.
    """
    kinship = {SWEEP_TAG: name} if parent_run_id is None else {PARENT_TAG: parent_run_id}
    own = (SWEEP_TAG, PARENT_TAG, DIRECTORY_TAG, JOURNAL_TAG, ATTEMPTS_TAG, *DESCRIBING_TAGS)
    kept = {key: value for key, value in record.tags.items() if key not in own}
    origin = {REUSED_TAG: record.tags.get(REUSED_TAG, record.run_id)}
    run_id = _create(store, name, {**kept, **kinship, **tags, **origin})
    client = store.client
    try:
        client.log_batch(run_id, params=[Param(key, value) for key, value in settings.items()])
        points = [
            Metric(point.key, point.value, point.timestamp, point.step)
            for metric in client.get_run(record.run_id).data.metrics
            if is_metric(metric)
            for point in client.get_metric_history(record.run_id, metric)
        ]
        for start in range(0, len(points), _BATCH):
            client.log_batch(run_id, metrics=points[start : start + _BATCH])
        client.set_terminated(run_id, "KILLED" if record.status == "stopped" else record.status.upper())
    except BaseException:
        client.delete_run(run_id)  # half a link is none
        raise
    return run_id


def _create(store: Store, name: str, tags: Mapping[str, str]) -> str:
    cut = {tag.key: tag.value for tag in as_tags({**SOURCE, **tags})}
    run = store.client.create_run(store.experiment_id, tags=cut, run_name=name)
    return str(run.info.run_id)
