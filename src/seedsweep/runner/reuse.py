"""What earlier runs spare a sweep: trials that have ended, checkpoints to resume from, and a sweep to resume.

Not here: what a checkpoint holds, see `training.checkpoints`; how results reach the store, see `tracking`.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedsweep.config.run_config import SEARCH_PLACES
from seedsweep.runner.run_metadata import differences
from seedsweep.system import file_lock
from seedsweep.tracking import abandoned_sweeps
from seedsweep.tracking.journal import JournalReader
from seedsweep.tracking.predictions import are_gone
from seedsweep.tracking.run_queries import runs_of, trials_by_job
from seedsweep.tracking.run_writer import link
from seedsweep.tracking.tags import (
    DIVERGED_TAG,
    PARENT_TAG,
    PLAN_TAG,
    REUSED_TAG,
    ROW_TAGS,
)
from seedsweep.training import checkpoints

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from seedsweep.runner.run_metadata import RunMetadata
    from seedsweep.tracking.store import Store
    from seedsweep.trials.records import TrialRecord

log = logging.getLogger(__name__)

# What a run that stands for an earlier one says in its own sweep's words.
_OF_THIS_SWEEP = ("variant", "dataset", "dataset_warnings", "job", "settings_id", *ROW_TAGS, *SEARCH_PLACES)


def earlier_runs(store: Store, trial_id: str) -> list[TrialRecord]:
    """Return the runs of a trial, the latest first."""
    return runs_of(store, "trial_id", trial_id)


def has_ended(record: TrialRecord, *, tested: bool = True) -> bool:
    """Tell whether training a trial again would tell nothing new: it finished, or diverged.

    Args:
        record: its run.
        tested: whether it must have been measured on the test images, which the trials of a search are not.
    """
    if record.status == "finished":
        return "test_accuracy" in record.metrics or not tested
    return record.status == "failed" and DIVERGED_TAG in record.tags


def is_settled(record: TrialRecord, *, tested: bool = True) -> bool:
    """Tell whether a trial of this sweep needs no more training: it has ended, or was outdone by the others.

    Args:
        record: its run.
        tested: see `has_ended`.
    """
    return has_ended(record, tested=tested) or record.status == "stopped"


def is_of_these_images(record: TrialRecord, described: RunMetadata) -> bool:
    """Tell whether a run was trained on a trial's images: its file may have held others when the worker read it."""
    return record.tags.get("dataset_sha256") == described.tags["dataset_sha256"]


def is_as_planned(record: TrialRecord, described: RunMetadata) -> bool:
    """Tell whether a run is of a trial's images and settings, whose files may have held others when they were read."""
    # The same trial may have been typed otherwise: the path of its images, for example, is only a name for them.
    as_planned = any(record.tags.get(tag) == described.tags[tag] for tag in ("settings_id", "trial_id"))
    return as_planned and is_of_these_images(record, described)


def ended(records: Sequence[TrialRecord], *, tested: bool = True) -> TrialRecord | None:
    """Return the run that a trial can take its result from; see `has_ended`.

    One that still has its files, if there is one, and rather an original than one that stands for it.
    """
    done = [record for record in records if has_ended(record, tested=tested)]
    return min(done, key=lambda record: (are_gone(record), REUSED_TAG in record.tags), default=None)


def own_directory(records: Sequence[TrialRecord]) -> Path | None:
    """Return where a trial by itself was interrupted, to resume its run there."""
    alone = [record for record in records if PARENT_TAG not in record.tags and not has_ended(record)]
    places = (
        place
        for place in abandoned_sweeps.directories(alone)
        if JournalReader(place).exists and file_lock.is_abandoned(place)
    )
    return next(places, None)


def fetch_checkpoint(places: Iterable[Path], described: RunMetadata, directory: Path) -> None:
    """Copy the furthest checkpoint that a trial can resume from, unless it has one as far.

    Args:
        places: where to look: the directories of its earlier runs, or of those that it resumes.
        described: the trial.
        directory: its own.

    Raises:
        OSError: it cannot be written.
    """
    kind = (described.training_id, int(described.settings["epochs"]))
    own = checkpoints.furthest([directory], *kind)
    found = checkpoints.furthest([place for place in places if place != directory], *kind)
    if found and (own is None or found.epoch > own.epoch):
        directory.mkdir(parents=True, exist_ok=True)
        checkpoints.write(directory / checkpoints.FILE_NAME, found)


def forget_checkpoint(directory: Path) -> None:
    """Remove what an earlier sweep may have left in a directory that it shared."""
    checkpoints.remove(directory / checkpoints.FILE_NAME)


def link_existing_run(store: Store, record: TrialRecord, described: RunMetadata, parent_run_id: str | None) -> str:
    """Make a run that stands for one that has ended; returns its id."""
    return link(
        store,
        record,
        described.name,
        parent_run_id=parent_run_id,
        settings=described.settings,
        tags={key: value for key, value in described.tags.items() if key in _OF_THIS_SWEEP},
    )


@dataclass(frozen=True)
class ReuseStatus:
    """What the store knows of a sweep's trials, by their number.

    Attributes:
        here: those that have ended in this sweep already.
        elsewhere: those that have ended in another one.
        tried: the runs of those that were begun and have not ended well.
        reasons: why trials that look the same are not reused, each with how many there are.
        bare: how many of those that have ended have lost their files.
        replaced: the runs of this sweep whose files are gone, by the number of the trial that is trained again.
    """

    here: dict[int, TrialRecord]
    elsewhere: dict[int, TrialRecord]
    tried: dict[int, list[TrialRecord]]
    reasons: dict[str, int]
    bare: int
    replaced: dict[int, str]

    def has(self, number: int) -> bool:
        """Tell whether a trial need not be trained."""
        return number in self.here or number in self.elsewhere


def find_reusable(
    store: Store, plan: Sequence[RunMetadata], run_id: str, plan_id: str, *, rerun: str, is_rerun: bool
) -> ReuseStatus:
    """Ask the store for what is known of a sweep's trials.

    Args:
        store: where.
        plan: the trials.
        run_id: of the sweep, which may be new.
        plan_id: of the sweep.
        rerun: the setting.
        is_rerun: whether only what this sweep itself has trained counts.
    """
    own = _without_half_links(store, run_id)
    needed = _that_need_answers(plan, rerun)
    here = {
        n: record
        for n, record in own.items()
        if is_settled(record) and is_as_planned(record, plan[n]) and not (n in needed and are_gone(record))
    }
    pruned = {} if is_rerun else _pruned_before(store, plan, plan_id)
    elsewhere: dict[int, TrialRecord] = {}
    tried = {}
    replaced: dict[int, str] = {}
    reasons: Counter[str] = Counter()
    for number, described in enumerate(plan):
        if number in here:
            continue
        records = [] if is_rerun else earlier_runs(store, described.trial_id)
        done = ended(records) or pruned.get(number)
        has_lost = done is not None and number in needed and are_gone(done)
        if has_lost:
            reasons["before, but their files are gone"] += 1
            if number in own:
                replaced[number] = own[number].run_id  # once it is trained again, and not before
        elif number in own and (done or not is_as_planned(own[number], described)):
            # A link stands for it from now on; or it is no result of this trial.
            store.client.delete_run(own[number].run_id)
        if has_lost:
            continue
        if done:
            elsewhere[number] = done
        elif records:
            tried[number] = records
        elif not is_rerun:
            reasons.update(_reason(store, described))
    bare = sum(are_gone(record) for record in (*here.values(), *elsewhere.values()))
    return ReuseStatus(here, elsewhere, tried, dict(reasons), bare, replaced)


def _without_half_links(store: Store, run_id: str) -> dict[int, TrialRecord]:
    """Return the trials that a sweep has already; links that were left half finished are deleted."""
    own = trials_by_job(store, run_id)
    for number, record in list(own.items()):
        if REUSED_TAG in record.tags and not is_settled(record):
            store.client.delete_run(record.run_id)
            del own[number]
    return own


def _pruned_before(store: Store, plan: Sequence[RunMetadata], plan_id: str) -> dict[int, TrialRecord]:
    """Return the trials that would be pruned again, because they were when the same sweep finished."""
    if not any(described.settings["stop.name"] == "median" for described in plan):
        return {}
    return {n: record for n, record in stopped_before(store, plan_id).items() if is_as_planned(record, plan[n])}


def _that_need_answers(plan: Sequence[RunMetadata], rerun: str) -> set[int]:
    """Return the trials whose answers to the test images must be there: a table compares variants by them."""
    seeds = Counter(described.tags["variant"] for described in plan)
    return {n for n, described in enumerate(plan) if rerun == "missing" or seeds[described.tags["variant"]] > 1}


def stopped_before(store: Store, plan_id: str) -> dict[int, TrialRecord]:
    """Return the trials, by number, that were stopped when the same sweep was run to its end: they would be again."""
    for sweep in runs_of(store, PLAN_TAG, plan_id):
        if sweep.status == "finished":
            return {n: trial for n, trial in trials_by_job(store, sweep.run_id).items() if trial.status == "stopped"}
    return {}


def _reason(store: Store, described: RunMetadata) -> list[str]:
    """Say why a finished run of the same settings is no result of this trial; empty when there is none."""
    alike = [run for run in runs_of(store, "settings_id", described.tags["settings_id"]) if run.status == "finished"]
    if not alike:
        return []
    return [", ".join(differences(alike[0].tags, alike[0].settings["threads"], described))]
