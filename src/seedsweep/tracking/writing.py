"""What is written of sweeps and trials, and under which names.

A sweep is a parent run; a trial is a child run of it, or a run by itself where nothing was swept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow.entities import Metric, Param, RunTag

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from seedsweep.tracking.store import Store
    from seedsweep.trials.record import EpochMetrics

PARENT_TAG = "mlflow.parentRunId"
# On every run that a table can be made of: a sweep's parent, or a trial that has none.
SWEEP_TAG = "sweep_name"
JOB_TAG = "job"
FAILURE_TAG = "failure"
# What MLflow's page of a run shows as its description, read as Markdown.
DESCRIPTION_TAG = "mlflow.note.content"
# Characters; the column of MLflow's database.
TAG_LIMIT = 8000


@dataclass(frozen=True)
class RunWriter:
    """Writes to one run."""

    store: Store
    run_id: str

    def epoch(self, metrics: EpochMetrics) -> None:
        """Write one epoch's metrics; the step is the epoch, counted from 1."""
        self._metrics(metrics.values, step=metrics.epoch)

    def finish(self, metrics: Mapping[str, float], tags: Mapping[str, str], files: Path, *, step: int) -> None:
        """Write the final metrics and all files of a directory, and close the run as finished."""
        self.files(files)
        self._metrics(metrics, step=step)
        self.tags(tags)
        self.close("FINISHED")

    def fail(self, reason: str, traceback: str | None, *, status: str = "FAILED") -> None:
        """Close the run as failed (or "KILLED"), with its reason and traceback."""
        self.tags({FAILURE_TAG: reason})
        if traceback:
            self.store.client.log_text(self.run_id, traceback, "traceback.txt")
        self.close(status)

    def files(self, directory: Path) -> None:
        """Store all files of a directory as artifacts."""
        self.store.client.log_artifacts(self.run_id, str(directory))

    def params(self, params: Mapping[str, str]) -> None:
        """Write params; one that stands there with the same value stays."""
        entities = [Param(key, value) for key, value in params.items()]
        self.store.client.log_batch(self.run_id, params=entities)

    def tags(self, tags: Mapping[str, str]) -> None:
        """Write tags."""
        entities = [RunTag(name, value[:TAG_LIMIT]) for name, value in tags.items()]
        self.store.client.log_batch(self.run_id, tags=entities)

    def describe(self, markdown: str, file: Path) -> None:
        """Store a file, and show its text on the run's page, or its name where the text is too long."""
        shown = markdown if len(markdown) <= TAG_LIMIT else f"See {file.name} among the artifacts."
        self.tags({DESCRIPTION_TAG: shown})
        self.store.client.log_artifact(self.run_id, str(file))

    def close(self, status: str) -> None:
        """Close the run as "FINISHED", "FAILED" or "KILLED"."""
        self.store.client.set_terminated(self.run_id, status)

    def _metrics(self, values: Mapping[str, float], *, step: int) -> None:
        now = int(time.time() * 1000)
        entities = [Metric(name, value, now, step) for name, value in values.items()]
        self.store.client.log_batch(self.run_id, metrics=entities)


def start_sweep(store: Store, name: str, tags: Mapping[str, str]) -> RunWriter:
    """Open the parent run of a sweep."""
    return _start(store, name, {SWEEP_TAG: name, **tags}, {})


def start_trial(
    store: Store,
    name: str,
    *,
    parent_run_id: str | None,
    settings: Mapping[str, str],
    tags: Mapping[str, str],
) -> RunWriter:
    """Open the run of a trial.

    Args:
        store: where.
        name: what a person tells the run by.
        parent_run_id: the sweep it belongs to; None for a trial by itself.
        settings: the trial's settings as text, by dotted path.
        tags: what else is known before it trains.
    """
    kinship = {SWEEP_TAG: name} if parent_run_id is None else {PARENT_TAG: parent_run_id}
    return _start(store, name, {**kinship, **tags}, settings)


def _start(store: Store, name: str, tags: Mapping[str, str], params: Mapping[str, str]) -> RunWriter:
    source = {"mlflow.source.name": "sweep.py", "mlflow.source.type": "LOCAL"}
    limited = {key: value[:TAG_LIMIT] for key, value in {**source, **tags}.items()}
    run = store.client.create_run(store.experiment_id, tags=limited, run_name=name)
    writer = RunWriter(store, run.info.run_id)
    if params:
        writer.params(params)
    return writer
