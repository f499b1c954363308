"""What the store knows of a sweep, as records that need no MLflow to be read."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlflow.entities import LifecycleStage, ViewType

from seedsweep.config.trial_config import is_setting
from seedsweep.errors import UserError
from seedsweep.metrics import EPOCH_METRICS, EpochMetrics, is_metric, of_kept_weights
from seedsweep.tracking.tags import (
    JOB_TAG,
    OURS,
    PARENT_TAG,
    PLAN_TAG,
    PLANNED_TAG,
    RESUMED_TAG,
    REUSED_TAG,
    SEARCH_TAG,
    STOPPED_TAG,
    SWEEP_TAG,
    TRIAL_TAG,
    VARIANTS_TAG,
)
from seedsweep.trials.records import SearchRecord, SweepRecord, TrialRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlflow.entities import Run

    from seedsweep.tracking.store import Store


_ANY_ROOT = f"tags.{SWEEP_TAG} LIKE '%'"
_PAGE = 1000
_IDS_AT_A_TIME = 200
# Shorter beginnings of an id are taken for names only.
_SHORTEST_ID = 4


def find_sweep(store: Store, wanted: str | None) -> SweepRecord:
    """Return a sweep with all its trials.

    Args:
        store: where to look.
        wanted: a run id or the beginning of one, or a name (the latest that has it), or None for the latest.

    Raises:
        UserError: there is no such sweep.
    """
    return read_sweep(store, _find(store, wanted))


def read_sweep(store: Store, run_id: str) -> SweepRecord:
    """Return the sweep whose parent run, or whose only trial, has this id."""
    root = store.client.get_run(run_id)
    if PLAN_TAG in root.data.tags:
        runs = _search(store, _child_of(run_id), "attributes.start_time ASC", with_deleted=True)
        trials = tuple(with_original_files(store, list(_by_job(store, runs).values())))
        there = {trial.tags[JOB_TAG] for trial in trials}
        gone = {run.data.tags[JOB_TAG]: _record(store, run) for run in runs if _is_trial(run)}
        deleted = tuple(record for job, record in gone.items() if job not in there)
    else:
        trials, deleted = tuple(with_original_files(store, [_record(store, root)])), ()
    return SweepRecord(
        run_id=run_id,
        name=root.data.tags.get(SWEEP_TAG) or root.info.run_name,
        started=datetime.fromtimestamp(root.info.start_time / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        trials=trials,
        planned=int(root.data.tags.get(PLANNED_TAG, len(trials))),
        search=_search_of(root.data.tags.get(SEARCH_TAG)),
        deleted=deleted,
        has_ended=root.info.status == "FINISHED",
        look=1 + _earlier_looks(store, root),
    )


def _earlier_looks(store: Store, sweep: Run) -> int:
    """Return how many tables of the same variants were made before a sweep's, each with other seeds and no more trials.

    A table that is printed again is none, nor is one of a sweep that was interrupted. Deleting a sweep does not undo
    that its table was seen.
    """
    tags = sweep.data.tags
    if VARIANTS_TAG not in tags:
        return 0
    condition = f"tags.{VARIANTS_TAG} = '{tags[VARIANTS_TAG]}' and attributes.start_time < {sweep.info.start_time}"
    earlier = [
        run.data.tags
        for run in _search(store, condition, "attributes.start_time ASC", with_deleted=True)
        if run.info.status in ("FINISHED", "FAILED") and run.data.tags.get(PLANNED_TAG, "").isdigit()
    ]
    plans = {before.get(PLAN_TAG) for before in earlier if int(before[PLANNED_TAG]) <= int(tags[PLANNED_TAG])}
    return len(plans - {tags[PLAN_TAG]})


def _child_of(run_id: str) -> str:
    return f"tags.`{PARENT_TAG}` = '{run_id}'"


def _is_trial(run: Run) -> bool:
    """Tell whether a run is a trial of ours: users put runs of their own beside them."""
    # The settings come after the tags: without them it is one that was never whole.
    is_whole = "seed" in run.data.params
    return is_whole and TRIAL_TAG in run.data.tags and run.data.tags.get(JOB_TAG, "").isdigit()


def _is_root(run: Run) -> bool:
    """Tell whether a table can be made of a run: a sweep of ours, or a trial by itself."""
    return PLAN_TAG in run.data.tags or (_is_trial(run) and PARENT_TAG not in run.data.tags)


def _search_of(text: str | None) -> SearchRecord | None:
    if text is None:
        return None
    told = json.loads(text)
    return SearchRecord(**{**told, "axes": tuple(told["axes"])})


def with_original_files(store: Store, trials: Sequence[TrialRecord]) -> Iterator[TrialRecord]:
    """Let trials that stand for earlier ones say where the files of those are; a run's deletion leaves them."""
    places = {trial.run_id: trial.artifacts for trial in trials if REUSED_TAG not in trial.tags}
    wanted = list({trial.tags[REUSED_TAG] for trial in trials if REUSED_TAG in trial.tags} - places.keys())
    for start in range(0, len(wanted), _IDS_AT_A_TIME):
        listed = ",".join(f"'{run_id}'" for run_id in wanted[start : start + _IDS_AT_A_TIME])
        found = _search(store, f"attributes.run_id IN ({listed})", "attributes.start_time DESC", with_deleted=True)
        places.update({run.info.run_id: store.artifacts(run.info.artifact_uri) for run in found})
    for trial in trials:
        original = trial.tags.get(REUSED_TAG)
        yield replace(trial, artifacts=places.get(original, "")) if original else trial


def _find(store: Store, wanted: str | None) -> str:
    sweeps = [run for run in _search(store, _ANY_ROOT, "attributes.start_time DESC") if _is_root(run)]
    # One that was resumed is as late as that; the sort is stable.
    sweeps.sort(key=lambda run: int(run.data.tags.get(RESUMED_TAG, run.info.start_time)), reverse=True)
    for run in sweeps:
        if wanted is None or wanted in (run.info.run_id, run.data.tags[SWEEP_TAG]):
            return str(run.info.run_id)
    begins = [
        run.info.run_id for run in sweeps if len(wanted or "") >= _SHORTEST_ID and run.info.run_id.startswith(wanted)
    ]
    if len(begins) == 1:
        return str(begins[0])
    if not sweeps:
        raise UserError(
            f"there is no sweep yet in the experiment '{store.experiment}' of {store.shown}",
            where="tracking.uri",
            fix="python sweep.py -m model=conv3,conv4 opt=sgd,adam",
        )
    known = ", ".join(f"{run.info.run_id[:8]} ({run.data.tags[SWEEP_TAG]})" for run in sweeps[:10])
    problem = f"{len(begins)} sweeps begin with '{wanted}'" if begins else f"no sweep '{wanted}'"
    raise UserError(problem, where="SWEEP", fix=f"one of the latest: {known}")


def _search(store: Store, condition: str, order: str, *, with_deleted: bool = False) -> list[Run]:
    runs: list[Run] = []
    token: str | None = None
    view = ViewType.ALL if with_deleted else ViewType.ACTIVE_ONLY
    while True:
        page = store.client.search_runs(
            [store.experiment_id], condition, view, max_results=_PAGE, order_by=[order], page_token=token
        )
        runs += page
        token = page.token
        if not token:
            return runs


def runs_of(store: Store, tag: str, value: str) -> list[TrialRecord]:
    """Return the sweeps or the trials whose tag has this value, the latest first."""
    runs = _search(store, f"tags.`{tag}` = '{value}'", "attributes.start_time DESC")
    records = [_record(store, run) for run in runs if _is_trial(run) or _is_root(run)]
    return list(with_original_files(store, records))


def trials_by_job(store: Store, parent_run_id: str) -> dict[int, TrialRecord]:
    """Return each of a sweep's trials by its number; a finished run of it before any other."""
    found = _by_job(store, _search(store, _child_of(parent_run_id), "attributes.start_time ASC"))
    return dict(zip(found, with_original_files(store, list(found.values())), strict=True))


def _by_job(store: Store, runs: Sequence[Run]) -> dict[int, TrialRecord]:
    trials: dict[int, TrialRecord] = {}
    active = (run for run in runs if _is_trial(run) and run.info.lifecycle_stage == LifecycleStage.ACTIVE)
    for record in (_record(store, run) for run in active):
        number = int(record.tags[JOB_TAG])
        if number not in trials or record.status == "finished":
            trials[number] = record
    return dict(sorted(trials.items()))


def read_epochs(store: Store, trial: TrialRecord) -> list[EpochMetrics]:
    """Return a trial's metrics by epoch, in order."""
    by_epoch: dict[int, dict[str, float]] = {}
    for name in EPOCH_METRICS:
        for point in store.client.get_metric_history(trial.run_id, name):
            by_epoch.setdefault(point.step, {})[name] = point.value
    return [EpochMetrics(epoch, values) for epoch, values in sorted(by_epoch.items())]


def running(store: Store) -> list[TrialRecord]:
    """Return the sweeps, and the trials by themselves, that are not closed."""
    open_runs = _search(store, f"{_ANY_ROOT} and attributes.status = 'RUNNING'", "attributes.start_time DESC")
    return [_record(store, run) for run in open_runs if _is_root(run)]


def half_links(store: Store, seconds: float) -> list[TrialRecord]:
    """Return the links to other runs that were left unfinished this long ago."""
    before = int((time.time() - seconds) * 1000)
    condition = f"tags.{REUSED_TAG} LIKE '%' and attributes.status = 'RUNNING' and attributes.start_time < {before}"
    runs = _search(store, condition, "attributes.start_time ASC")
    return [_record(store, run) for run in runs if TRIAL_TAG in run.data.tags]


def _record(store: Store, run: Run) -> TrialRecord:
    """Read what is ours of a run: users add params, metrics and tags of their own, which decide nothing here."""
    return TrialRecord(
        run_id=run.info.run_id,
        status="stopped" if run.info.status == "KILLED" and STOPPED_TAG in run.data.tags else run.info.status.lower(),
        settings={name: value for name, value in run.data.params.items() if is_setting(name)},
        metrics=of_kept_weights({name: value for name, value in run.data.metrics.items() if is_metric(name)}),
        tags={name: value for name, value in run.data.tags.items() if name in OURS},
        artifacts=store.artifacts(run.info.artifact_uri),
    )
