"""Sweeps and trials whose process is gone: found, closed, and resumed by the next start."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seedsweep.system import file_lock
from seedsweep.tracking import recovery
from seedsweep.tracking.run_queries import half_links, running, runs_of
from seedsweep.tracking.tags import DIRECTORY_TAG, PLAN_TAG, RERUN_TAG, SWEEP_TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedsweep.tracking.store import Store
    from seedsweep.trials.records import TrialRecord

log = logging.getLogger(__name__)

# A link is made within a fraction of a second, or some retries where a server is away.
_LINK_SECONDS = 600


def directories(records: Sequence[TrialRecord]) -> list[Path]:
    """Return the directories in which runs keep what they need to resume."""
    return [Path(record.tags[DIRECTORY_TAG]) for record in records if DIRECTORY_TAG in record.tags]


@dataclass(frozen=True)
class Interrupted:
    """A sweep that did not end.

    Attributes:
        run_id: of its run.
        name: what it is called.
        directory: where it keeps what it needs to resume.
        is_rerun: whether it trains what was trained before.
    """

    run_id: str
    name: str
    directory: Path
    is_rerun: bool


def interrupted_sweep(store: Store, plan_id: str) -> Interrupted | None:
    """Return the latest sweep of the same trials that is not finished and on which no process works."""
    for record in runs_of(store, PLAN_TAG, plan_id):
        if record.status == "finished":
            continue
        for place in directories([record]):
            if file_lock.is_abandoned(place):
                return Interrupted(record.run_id, record.tags[SWEEP_TAG], place, RERUN_TAG in record.tags)
    return None


def find_running_duplicate(store: Store, plan_id: str) -> Path | None:
    """Return the directory of a sweep of the same trials that another process works on; None where there is none."""
    records = [record for record in runs_of(store, PLAN_TAG, plan_id) if record.status == "running"]
    return next((place for place in directories(records) if file_lock.is_owned(place)), None)


def close_abandoned_runs(store: Store) -> None:
    """Close the runs of sweeps and trials whose process is gone, and deliver what they left behind."""
    for record in half_links(store, _LINK_SECONDS):
        store.client.delete_run(record.run_id)
    for record in running(store):
        for place in directories([record]):
            claimed = file_lock.claim_abandoned(place)
            if claimed is None:
                continue
            with claimed:
                # It may have ended between the question and the claim.
                if not _is_running(store, record):
                    continue
                recovery.settle_all(store, place, record.run_id, "its process was killed")
                # A trial by itself may have been finished, and not delivered.
                if _is_running(store, record):
                    store.client.set_terminated(record.run_id, "KILLED")
                log.info("closed %s, which was left running when its process was killed", record.run_id)


def _is_running(store: Store, record: TrialRecord) -> bool:
    return bool(store.client.get_run(record.run_id).info.status == "RUNNING")
