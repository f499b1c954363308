"""Reuse of earlier runs: results of finished trials, checkpoints to resume from, and a trial's own directory.

Not here: what a checkpoint holds, see `training.checkpoints`; how results reach the store, see `tracking`.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedsweep.runner.run_metadata import differences
from seedsweep.system import file_lock
from seedsweep.tracking import abandoned_sweeps
from seedsweep.tracking.journal import JournalReader
from seedsweep.tracking.predictions import are_gone
from seedsweep.tracking.run_queries import runs_of, trials_by_job
from seedsweep.tracking.run_writer import link
from seedsweep.tracking.tags import DESCRIBING_TAGS, DIVERGED_TAG, PARENT_TAG, PLAN_TAG, REUSED_TAG
from seedsweep.training import checkpoints

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from seedsweep.runner.run_metadata import RunMetadata
    from seedsweep.tracking.store import Store
    from seedsweep.trials.records import TrialRecord

log = logging.getLogger(__name__)


def earlier_runs(store: Store, trial_id: str) -> list[TrialRecord]:
    """Return the runs of a trial, the latest first."""
    return runs_of(store, "trial_id", trial_id)


def has_result(record: TrialRecord, *, tested: bool = True) -> bool:
    """Tell whether a run has a result that training again would repeat: it finished, or diverged.

    Args:
        record: its run.
        tested: whether it must have been measured on the test images, which the trials of a search are not.
    """
    if record.status == "finished":
        return "test_accuracy" in record.metrics or not tested
    return record.status == "failed" and DIVERGED_TAG in record.tags


def needs_no_training(record: TrialRecord, *, tested: bool = True) -> bool:
    """Tell whether a trial of this sweep needs no more training: it has a result, or was pruned.

    Args:
        record: its run.
        tested: see `has_result`.
    """
    return has_result(record, tested=tested) or record.status == "stopped"


def is_of_these_images(record: TrialRecord, metadata: RunMetadata) -> bool:
    """Tell whether a run was trained on a trial's images: the file may have changed before the worker read it."""
    return record.tags.get("dataset_sha256") == metadata.tags["dataset_sha256"]


def is_as_planned(record: TrialRecord, metadata: RunMetadata) -> bool:
    """Tell whether a run has a trial's images and settings: files may have changed before the worker read them."""
    # The same trial may have other settings by name: the path of its images, for example, is only a name for them.
    as_planned = any(record.tags.get(tag) == metadata.tags[tag] for tag in ("settings_id", "trial_id"))
    return as_planned and is_of_these_images(record, metadata)


def best_result(records: Sequence[TrialRecord], *, tested: bool = True) -> TrialRecord | None:
    """Return the run that a trial takes its result from: one with its files, and no link, if possible."""
    done = [record for record in records if has_result(record, tested=tested)]
    return min(done, key=lambda record: (are_gone(record), REUSED_TAG in record.tags), default=None)


def own_directory(records: Sequence[TrialRecord]) -> Path | None:
    """Return the directory in which a single trial was interrupted, to resume its run there."""
    alone = [record for record in records if PARENT_TAG not in record.tags and not has_result(record)]
    places = (
        place
        for place in abandoned_sweeps.directories(alone)
        if JournalReader(place).exists and file_lock.is_abandoned(place)
    )
    return next(places, None)


def fetch_checkpoint(places: Iterable[Path], metadata: RunMetadata, directory: Path) -> None:
    """Copy the furthest checkpoint that a trial can resume from, unless it has one as far.

    Args:
        places: where to look: the directories of its earlier runs, or of those that it resumes.
        metadata: the trial.
        directory: its own.

    Raises:
        OSError: it cannot be written.
    """
    kind = (metadata.training_id, int(metadata.settings["epochs"]))
    own = checkpoints.furthest([directory], *kind)
    found = checkpoints.furthest([place for place in places if place != directory], *kind)
    if found and (own is None or found.epoch > own.epoch):
        directory.mkdir(parents=True, exist_ok=True)
        checkpoints.write(directory / checkpoints.FILE_NAME, found)


def forget_checkpoint(directory: Path) -> None:
    """Remove what an earlier sweep may have left in a directory that it shared."""
    checkpoints.remove(directory / checkpoints.FILE_NAME)


def link_existing_run(store: Store, record: TrialRecord, metadata: RunMetadata, parent_run_id: str | None) -> str:
    """Create a run that links to an existing one and has its results; returns its id."""
    return link(
        store,
        record,
        metadata.name,
        parent_run_id=parent_run_id,
        settings=metadata.settings,
        tags={key: value for key, value in metadata.tags.items() if key in DESCRIBING_TAGS},
    )


@dataclass(frozen=True)
class ReuseStatus:
    """What the store knows of a sweep's trials, by their number.

    Attributes:
        in_this_sweep: the runs of those that this sweep has results of.
        in_other_sweeps: the runs of those that another sweep has results of.
        unfinished: the runs of those that were started and have no result.
        reasons: why finished trials of the same settings are not used → how many there are.
        without_files: how many of those with results have lost their files.
        to_replace: the runs of this sweep whose files are gone, of trials that are trained again.
    """

    in_this_sweep: dict[int, TrialRecord]
    in_other_sweeps: dict[int, TrialRecord]
    unfinished: dict[int, list[TrialRecord]]
    reasons: dict[str, int]
    without_files: int
    to_replace: dict[int, str]

    def has(self, number: int) -> bool:
        """Tell whether a trial need not be trained."""
        return number in self.in_this_sweep or number in self.in_other_sweeps


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
    in_this_sweep = {
        n: record
        for n, record in own.items()
        if needs_no_training(record) and is_as_planned(record, plan[n]) and not (n in needed and are_gone(record))
    }
    pruned = {} if is_rerun else _pruned_before(store, plan, plan_id)
    in_other_sweeps: dict[int, TrialRecord] = {}
    unfinished = {}
    to_replace: dict[int, str] = {}
    reasons: Counter[str] = Counter()
    for number, metadata in enumerate(plan):
        if number in in_this_sweep:
            continue
        records = [] if is_rerun else earlier_runs(store, metadata.trial_id)
        done = best_result(records) or pruned.get(number)
        has_lost = done is not None and number in needed and are_gone(done)
        if has_lost:
            reasons["before, but their files are gone"] += 1
            if number in own:
                to_replace[number] = own[number].run_id  # once it is trained again, and not before
        elif number in own and (done or not is_as_planned(own[number], metadata)):
            # A link replaces it; or it is no result of this trial.
            store.client.delete_run(own[number].run_id)
        if has_lost:
            continue
        if done:
            in_other_sweeps[number] = done
        elif records:
            unfinished[number] = records
        elif not is_rerun:
            reasons.update(_reason(store, metadata))
    without_files = sum(are_gone(record) for record in (*in_this_sweep.values(), *in_other_sweeps.values()))
    return ReuseStatus(in_this_sweep, in_other_sweeps, unfinished, dict(reasons), without_files, to_replace)


def _without_half_links(store: Store, run_id: str) -> dict[int, TrialRecord]:
    """Return the trials that a sweep has already; links that were left half finished are deleted."""
    own = trials_by_job(store, run_id)
    for number, record in list(own.items()):
        if REUSED_TAG in record.tags and not needs_no_training(record):
            store.client.delete_run(record.run_id)
            del own[number]
    return own


def _pruned_before(store: Store, plan: Sequence[RunMetadata], plan_id: str) -> dict[int, TrialRecord]:
    """Return the trials that would be pruned again, because they were when the same sweep finished."""
    if not any(metadata.settings["stop.name"] == "median" for metadata in plan):
        return {}
    return {n: record for n, record in stopped_before(store, plan_id).items() if is_as_planned(record, plan[n])}


def _that_need_answers(plan: Sequence[RunMetadata], rerun: str) -> set[int]:
    """Return the trials whose answers to the test images must be there: a table compares variants by them."""
    seeds = Counter(metadata.tags["variant"] for metadata in plan)
    return {n for n, metadata in enumerate(plan) if rerun == "missing" or seeds[metadata.tags["variant"]] > 1}


def stopped_before(store: Store, plan_id: str) -> dict[int, TrialRecord]:
    """Return the trials, by number, that were stopped when the same sweep was run to its end: they would be again."""
    for sweep in runs_of(store, PLAN_TAG, plan_id):
        if sweep.status == "finished":
            return {n: trial for n, trial in trials_by_job(store, sweep.run_id).items() if trial.status == "stopped"}
    return {}


def _reason(store: Store, metadata: RunMetadata) -> list[str]:
    """Say why a finished run of the same settings is no result of this trial; empty when there is none."""
    alike = [run for run in runs_of(store, "settings_id", metadata.tags["settings_id"]) if run.status == "finished"]
    if not alike:
        return []
    return [", ".join(differences(alike[0].tags, alike[0].settings["threads"], metadata))]
