"""A grid: all trials are known beforehand. Plan them, reuse earlier runs, train the rest, publish one table.

Not here: which lists of overrides a sweep has (the sweeper) and where they run (the launcher); a sweep that
decides the next trials from the results of earlier ones, see `search_run`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hydra.core.utils import JobStatus

from seedsweep.errors import TrialsFailed, WriteError
from seedsweep.sweeps.plan import plan_sweep
from seedsweep.sweeps.session import open_sweep, run_launch
from seedsweep.tracking.tags import PLANNED_TAG, VARIANTS_TAG
from seedsweep.trials.fingerprint import plan_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

    from seedsweep.launchers.hydra.composing import Compositions
    from seedsweep.launchers.resources import WorkerSlot
    from seedsweep.runner.reuse import ReuseStatus
    from seedsweep.sweeps.plan import PlannedTrial
    from seedsweep.sweeps.session import SweepSession
    from seedsweep.trials.records import SweepRecord

log = logging.getLogger(__name__)


def run_sweep(
    config: DictConfig,
    compositions: Compositions,
    job_overrides: Sequence[Sequence[str]],
    launch: Callable[[list[list[str]]], list[JobReturn]],
    slots: Callable[[], Sequence[WorkerSlot]],
) -> list[JobReturn]:
    """Check a sweep's trials, train those that have no result yet, and publish the table.

    Args:
        config: the sweep's own config.
        compositions: composes a trial's config from its overrides.
        job_overrides: one list a trial.
        launch: runs one job for each list of overrides that it is given.
        slots: returns where jobs will run; empty if that is not known.

    Returns:
        What the launcher returned.

    Raises:
        UserError: one of the trials cannot be used; nothing was started.
        TrialsFailed: some trials did not end well; the others are in the table.
        WriteError: results could not be stored; they are kept beside the sweep.
        SweepInterrupted: Ctrl-C.
    """
    plan = plan_sweep(config, compositions, job_overrides, slots)
    for metadata in {planned.metadata.tags["dataset"]: planned.metadata for planned in plan}.values():
        metadata.log_dataset()
    identity = plan_id(planned.metadata.identity for planned in plan)
    tags = {PLANNED_TAG: str(len(plan))}
    variants = sorted({planned.metadata.variant_id for planned in plan})
    if len(variants) < len(plan):  # with one seed a row there are no verdicts that a later table could look at again
        tags[VARIANTS_TAG] = plan_id(variants)
    with open_sweep(config, plan[0].run, identity, tags) as sweep:
        from seedsweep.runner import reuse
        from seedsweep.tracking.recovery import with_retries

        def find() -> ReuseStatus:
            return reuse.find_reusable(
                sweep.store,
                [planned.metadata for planned in plan],
                sweep.parent.run_id,
                identity,
                rerun=plan[0].run.execution.rerun,
                is_rerun=sweep.is_rerun,
            )

        known = with_retries(sweep.store, find)
        return _Sweep(plan, sweep, known).run(launch)


@dataclass(frozen=True)
class _Sweep:
    """A sweep of trials that are all known."""

    plan: Sequence[PlannedTrial]
    session: SweepSession
    known: ReuseStatus

    def run(self, launch: Callable[[list[list[str]]], list[JobReturn]]) -> list[JobReturn]:
        duplicates = self._duplicates()
        numbers = [n for n in range(len(self.plan)) if not self.known.has(n) and n not in duplicates]
        outcome = run_launch(lambda: self._launch(launch, numbers))
        failures = {numbers[place]: error for place, error in outcome.failures.items()}
        self.session.settle([self.plan[number] for number in numbers], failures)
        unfinished = self._close(duplicates, "KILLED" if outcome.stop else None)
        if outcome.stop:
            raise self.session.interrupted() from outcome.stop
        for error in failures.values():
            if isinstance(error, WriteError):
                raise error
        unfinished = max(unfinished, len(failures))
        if unfinished:
            ended = sum(result.status in (JobStatus.COMPLETED, JobStatus.FAILED) for result in outcome.results)
            idle = len(numbers) - ended
            failed = f"{unfinished - idle} of {len(self.plan)} trials failed"
            raise TrialsFailed(f"{failed}, {idle} were not started" if idle else failed)
        return outcome.results

    def _launch(self, launch: Callable[[list[list[str]]], list[JobReturn]], numbers: Sequence[int]) -> list[JobReturn]:
        """Train, while what the trials write down is delivered."""
        from seedsweep.tracking import abandoned_sweeps
        from seedsweep.tracking.journal_uploader import JournalUploader

        self._say_plan(numbers)
        self._link_other_sweeps()
        if not numbers:
            return []
        for n in numbers:
            self.session.fetch_checkpoint(self.plan[n], abandoned_sweeps.directories(self.known.unfinished.get(n, [])))
        with JournalUploader(self.session.store, [self.session.directory / self.plan[n].place for n in numbers]):
            return launch([self.session.launch_overrides(self.plan[n]) for n in numbers])

    def _duplicates(self) -> dict[int, int]:
        """Return the trials that another one has the result of: they differ in names only, or in their pruning.

        A trial that may be pruned never substitutes for one that may not.
        """
        leaders: dict[str, int] = {}
        for stoppable in (False, True):
            for n, planned in enumerate(self.plan):
                if (planned.run.trial.stop.name == "median") == stoppable:
                    leaders.setdefault(planned.metadata.trial_id, n)
        numbers = {n: leaders[planned.metadata.trial_id] for n, planned in enumerate(self.plan)}
        return {n: original for n, original in numbers.items() if original != n and not self.known.has(n)}

    def _say_plan(self, numbers: Sequence[int]) -> None:
        resumed = len(self.known.unfinished.keys() & set(numbers))
        cached = len(self.plan) - len(numbers)
        log.info("plan: %d cached, %d to resume, %d new", cached, resumed, len(numbers) - resumed)
        for why, count in self.known.reasons.items():
            log.info("not cached (%d trial%s): trained %s", count, "s" * (count > 1), why)
        if self.known.without_files:
            log.warning(
                "cached without files, which were deleted: %d; rerun=missing trains them again",
                self.known.without_files,
            )

    def _link_other_sweeps(self) -> None:
        from seedsweep.runner import reuse
        from seedsweep.tracking.recovery import with_retries

        for number, record in self.known.in_other_sweeps.items():
            metadata, store, parent = self.plan[number].metadata, self.session.store, self.session.parent.run_id
            with_retries(store, partial(reuse.link_existing_run, store, record, metadata, parent))

    def _close(self, duplicates: Mapping[int, int], status: str | None) -> int:
        """Publish the sweep's results and close its run; returns how many trials did not finish."""
        from seedsweep.tracking.recovery import with_retries

        sweep = with_retries(self.session.store, lambda: self._read(duplicates))
        draws = status is None and self.plan[0].run.execution.pictures
        self.session.publish(sweep, pictures=draws)
        unfinished = len(self.plan) - sum(trial.status in ("finished", "stopped") for trial in sweep.trials)
        self.session.close(status or ("FAILED" if unfinished else "FINISHED"))
        return unfinished

    def _read(self, duplicates: Mapping[int, int]) -> SweepRecord:
        """Link the duplicates of trials that have ended, and return all trials."""
        from seedsweep.runner import reuse
        from seedsweep.tracking.run_queries import read_sweep, trials_by_job

        store, parent_run_id = self.session.store, self.session.parent.run_id
        trials = trials_by_job(store, parent_run_id)
        for number, run_id in self.known.to_replace.items():
            if number in trials and trials[number].run_id != run_id:
                store.client.delete_run(run_id)
        for number, original in duplicates.items():
            metadata = self.plan[number].metadata
            if original in trials and reuse.needs_no_training(trials[original]) and number not in trials:
                if reuse.is_of_these_images(trials[original], metadata):
                    reuse.link_existing_run(store, trials[original], metadata, parent_run_id)
                else:
                    log.warning("no result for %s: the images changed while the sweep ran", metadata.name)
        return read_sweep(store, parent_run_id)
