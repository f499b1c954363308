"""A grid: all trials are known beforehand. Plan them, reuse earlier runs, train the rest, publish one table.

Not here: which lists of overrides a sweep has (the sweeper) and where they run (the launcher); a sweep that
decides what comes next by what came before, see `search_run`.
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
from seedsweep.tracking.tags import PLANNED_TAG, ROW_TAGS
from seedsweep.trials.fingerprint import plan_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hydra.core.config_loader import ConfigLoader
    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

    from seedsweep.launchers.resources import WorkerSlot
    from seedsweep.runner.reuse import ReuseStatus
    from seedsweep.runner.run_metadata import RunMetadata
    from seedsweep.sweeps.plan import PlannedTrial
    from seedsweep.sweeps.session import SweepSession
    from seedsweep.trials.records import SweepRecord

log = logging.getLogger(__name__)


def run_sweep(
    config: DictConfig,
    config_loader: ConfigLoader,
    job_overrides: Sequence[Sequence[str]],
    launch: Callable[[list[list[str]]], list[JobReturn]],
    slots: Callable[[], Sequence[WorkerSlot]],
) -> list[JobReturn]:
    """Check a sweep's trials, train those that no earlier run spares, and close with the table.

    Args:
        config: the sweep's own config.
        config_loader: composes a trial's config from its overrides.
        job_overrides: one list a trial.
        launch: runs one job for each list of overrides that it is given.
        slots: returns where jobs will run, as far as that is known.

    Returns:
        What the launcher returned.

    Raises:
        UserError: one of the trials cannot be used; nothing was started.
        TrialsFailed: some trials did not end well; the others are in the table.
        WriteError: results could not be stored; they are kept beside the sweep.
        SweepInterrupted: Ctrl-C.
    """
    plan = plan_sweep(config, config_loader, job_overrides, slots)
    for described in {planned.described.tags["dataset"]: planned.described for planned in plan}.values():
        described.say_dataset()
    identity = plan_id(_identity(planned.described) for planned in plan)
    with open_sweep(config, plan[0].run, identity, {PLANNED_TAG: str(len(plan))}) as sweep:
        from seedsweep.runner import reuse
        from seedsweep.tracking.recovery import with_retries

        def find() -> ReuseStatus:
            return reuse.find_reusable(
                sweep.store,
                [planned.described for planned in plan],
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
    underway: SweepSession
    known: ReuseStatus

    def run(self, launch: Callable[[list[list[str]]], list[JobReturn]]) -> list[JobReturn]:
        twins = self._duplicates()
        numbers = [n for n in range(len(self.plan)) if not self.known.has(n) and n not in twins]
        came = run_launch(lambda: self._launch(launch, numbers))
        failures = {numbers[place]: error for place, error in came.failures.items()}
        self.underway.settle([self.plan[number] for number in numbers], failures)
        unfinished = self._close(twins, "KILLED" if came.stop else None)
        if came.stop:
            raise self.underway.interrupted() from came.stop
        for error in failures.values():
            if isinstance(error, WriteError):
                raise error
        unfinished = max(unfinished, len(failures))
        if unfinished:
            ended = sum(result.status in (JobStatus.COMPLETED, JobStatus.FAILED) for result in came.results)
            idle = len(numbers) - ended
            failed = f"{unfinished - idle} of {len(self.plan)} trials failed"
            raise TrialsFailed(f"{failed}, {idle} were not started" if idle else failed)
        return came.results

    def _launch(self, launch: Callable[[list[list[str]]], list[JobReturn]], numbers: Sequence[int]) -> list[JobReturn]:
        """Train, while what the trials write down is delivered."""
        from seedsweep.tracking import abandoned_sweeps
        from seedsweep.tracking.journal_uploader import JournalUploader

        self._say_plan(numbers)
        self._link_elsewhere()
        if not numbers:
            return []
        for n in numbers:
            self.underway.fetch_checkpoint(self.plan[n], abandoned_sweeps.directories(self.known.tried.get(n, [])))
        with JournalUploader(self.underway.store, [self.underway.directory / self.plan[n].place for n in numbers]):
            return launch([self.underway.told(self.plan[n]) for n in numbers])

    def _duplicates(self) -> dict[int, int]:
        """Return the trials that another one stands for: they differ in their words only, or in who stops them.

        A trial that may be pruned never substitutes for one that may not.
        """
        leaders: dict[str, int] = {}
        for stoppable in (False, True):
            for n, planned in enumerate(self.plan):
                if (planned.run.trial.stop.name == "median") == stoppable:
                    leaders.setdefault(planned.described.trial_id, n)
        numbers = {n: leaders[planned.described.trial_id] for n, planned in enumerate(self.plan)}
        return {n: twin for n, twin in numbers.items() if twin != n and not self.known.has(n)}

    def _say_plan(self, numbers: Sequence[int]) -> None:
        again = len(self.known.tried.keys() & set(numbers))
        reused = len(self.plan) - len(numbers)
        log.info("plan: %d cached, %d to resume, %d new", reused, again, len(numbers) - again)
        for why, count in self.known.reasons.items():
            log.info("not cached (%d trial%s): trained %s", count, "s" * (count > 1), why)
        if self.known.bare:
            log.warning(
                "cached without files, which were deleted: %d; rerun=missing trains them again", self.known.bare
            )

    def _link_elsewhere(self) -> None:
        from seedsweep.runner import reuse
        from seedsweep.tracking.recovery import with_retries

        for number, record in self.known.elsewhere.items():
            described, store, parent = self.plan[number].described, self.underway.store, self.underway.parent.run_id
            with_retries(store, partial(reuse.link_existing_run, store, record, described, parent))

    def _close(self, twins: Mapping[int, int], status: str | None) -> int:
        """Publish what the sweep came to and close its run; returns how many trials did not finish."""
        from seedsweep.tracking.recovery import with_retries

        sweep = with_retries(self.underway.store, lambda: self._read(twins))
        draws = status is None and self.plan[0].run.execution.pictures
        self.underway.publish(sweep, pictures=draws)
        unfinished = len(self.plan) - sum(trial.status in ("finished", "stopped") for trial in sweep.trials)
        self.underway.close(status or ("FAILED" if unfinished else "FINISHED"))
        return unfinished

    def _read(self, twins: Mapping[int, int]) -> SweepRecord:
        """Link the twins of trials that have ended, and return all trials."""
        from seedsweep.runner import reuse
        from seedsweep.tracking.run_queries import read_sweep, trials_by_job

        store, parent_run_id = self.underway.store, self.underway.parent.run_id
        trials = trials_by_job(store, parent_run_id)
        for number, run_id in self.known.replaced.items():
            if number in trials and trials[number].run_id != run_id:
                store.client.delete_run(run_id)
        for number, twin in twins.items():
            described = self.plan[number].described
            if twin in trials and reuse.is_settled(trials[twin]) and number not in trials:
                if reuse.is_of_these_images(trials[twin], described):
                    reuse.link_existing_run(store, trials[twin], described, parent_run_id)
                else:
                    log.warning("not taken for %s: the images changed while the sweep ran", described.name)
        return read_sweep(store, parent_run_id)


def _identity(described: RunMetadata) -> str:
    """Return what makes a trial the same one in two plans: with other words for it, both would stand in one table.

    A rule by which the others stop it decides whether it has an end, and not what its weights are then.
    """
    row = {name: described.tags[name] for name in ROW_TAGS if name in described.tags}
    told = {name: str(value) for name, value in described.settings.items() if name.startswith(("stop.", "model.name"))}
    return f"{described.trial_id} {sorted(told.items())} {sorted(row.items())}"
