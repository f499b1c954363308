"""What the store knows of a sweep, as records that need no MLflow to be read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from seedsweep.errors import BadInput
from seedsweep.tracking.writing import JOB_TAG, PARENT_TAG, SWEEP_TAG
from seedsweep.trials.record import SweepRecord, TrialRecord

if TYPE_CHECKING:
    from mlflow.entities import Run

    from seedsweep.tracking.store import Store


_PAGE = 1000
# Shorter beginnings of an id are taken for names only.
_SHORTEST_ID = 4


def find_sweep(store: Store, wanted: str | None) -> SweepRecord:
    """Return a sweep with all its trials.

    Args:
        store: where to look.
        wanted: a run id or the beginning of one, or a name (the latest that has it), or None for the latest.

    Raises:
        BadInput: there is no such sweep.
    """
    return read_sweep(store, _find(store, wanted))


def read_sweep(store: Store, run_id: str) -> SweepRecord:
    """Return the sweep whose parent run, or whose only trial, has this id."""
    root = store.client.get_run(run_id)
    children = _search(store, f"tags.`{PARENT_TAG}` = '{run_id}'", "attributes.start_time ASC")
    return SweepRecord(
        run_id=run_id,
        name=root.data.tags[SWEEP_TAG],
        started=datetime.fromtimestamp(root.info.start_time / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        trials=tuple(_record(run) for run in children or [root] if run.data.params),
    )


def _find(store: Store, wanted: str | None) -> str:
    sweeps = _search(store, f"tags.{SWEEP_TAG} LIKE '%'", "attributes.start_time DESC")
    for run in sweeps:
        if wanted is None or wanted in (run.info.run_id, run.data.tags[SWEEP_TAG]):
            return str(run.info.run_id)
    begins = [
        run.info.run_id for run in sweeps if len(wanted or "") >= _SHORTEST_ID and run.info.run_id.startswith(wanted)
    ]
    if len(begins) == 1:
        return str(begins[0])
    if not sweeps:
        raise BadInput(
            f"there is no sweep yet in the experiment '{store.experiment}' of {store.uri}",
            where="tracking.uri",
            fix="python sweep.py -m model=conv3,conv4 opt=sgd,adam",
        )
    known = ", ".join(f"{run.info.run_id[:8]} ({run.data.tags[SWEEP_TAG]})" for run in sweeps[:10])
    problem = f"{len(begins)} sweeps begin with '{wanted}'" if begins else f"no sweep '{wanted}'"
    raise BadInput(problem, where="SWEEP", fix=f"one of the latest: {known}")


def _search(store: Store, condition: str, order: str) -> list[Run]:
    runs: list[Run] = []
    token: str | None = None
    while True:
        page = store.client.search_runs(
            [store.experiment_id], condition, max_results=_PAGE, order_by=[order], page_token=token
        )
        runs += page
        token = page.token
        if not token:
            return runs


def trials_by_job(store: Store, parent_run_id: str) -> dict[int, tuple[str, str]]:
    """Return the run id and the status of each of the sweep's trials, by its job number."""
    runs = _search(store, f"tags.`{PARENT_TAG}` = '{parent_run_id}'", "attributes.start_time ASC")
    return {int(run.data.tags[JOB_TAG]): (run.info.run_id, run.info.status.lower()) for run in runs}


def _record(run: Run) -> TrialRecord:
    return TrialRecord(
        run_id=run.info.run_id,
        status=run.info.status.lower(),
        settings=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
    )
