"""Several trials, wired: a plan, what earlier runs spare it, one parent run, and one table at the end.

Not here: which lists of overrides a sweep has (the sweeper) and where they run (the launcher).
"""

from __future__ import annotations

import logging
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobStatus
from omegaconf import OmegaConf

from seedsweep.app import typed_overrides
from seedsweep.errors import (
    BadInput,
    CannotWrite,
    LaunchInterrupted,
    SweepInterrupted,
    Terminated,
    TrialsFailed,
    reason,
)
from seedsweep.launching.worker import error_of
from seedsweep.planning import plan_sweep
from seedsweep.tracking import databases
from seedsweep.tracking.tags import ROW_TAGS
from seedsweep.trials.identity import plan_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hydra.core.config_loader import ConfigLoader
    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

    from seedsweep.described import Described
    from seedsweep.launching.slots import Slot
    from seedsweep.planning import Planned
    from seedsweep.reuse import Standing
    from seedsweep.tracking.runs import SweepWriter
    from seedsweep.tracking.store import Store
    from seedsweep.trials.record import SweepRecord

log = logging.getLogger(__name__)


def run_sweep(
    config: DictConfig,
    config_loader: ConfigLoader,
    job_overrides: Sequence[Sequence[str]],
    launch: Callable[[list[list[str]]], list[JobReturn]],
    slots: Sequence[Slot],
) -> list[JobReturn]:
    """Check a sweep's trials, train those that no earlier run spares, and close with the table.

    Args:
        config: the sweep's own config.
        config_loader: composes a trial's config from its overrides.
        job_overrides: one list a trial.
        launch: runs one job for each list of overrides that it is given.
        slots: where jobs will run, as far as that is known.

    Returns:
        What the launcher returned.

    Raises:
        BadInput: one of the trials cannot be used; nothing was started.
        TrialsFailed: some trials did not end well; the others are in the table.
        CannotWrite: results could not be stored; they are kept beside the sweep.
        SweepInterrupted: Ctrl-C.
    """
    plan = plan_sweep(config, config_loader, job_overrides, slots)
    for description in dict.fromkeys(planned.described.tags["dataset"] for planned in plan):
        log.info("data: %s", description)
    new_directory, is_new = _make_directory(config)
    databases.check_early(plan[0].run.tracking.uri)
    from seedsweep import reuse
    from seedsweep.tracking import ownership
    from seedsweep.tracking.runs import SweepWriter, start_sweep
    from seedsweep.tracking.settling import settle_all
    from seedsweep.tracking.store import open_store
    from seedsweep.tracking.tags import DIRECTORY_TAG, PLAN_TAG, PLANNED_TAG

    tracking, fresh = plan[0].run.tracking, plan[0].run.execution.rerun
    store = open_store(tracking.uri, tracking.experiment)
    reuse.mend(store)
    identity = plan_id(_identity(planned.described) for planned in plan)
    before = None if fresh else reuse.interrupted_sweep(store, identity)
    directory = before.directory if before else new_directory
    if is_new and new_directory != directory:
        new_directory.rmdir()
    with ownership.claim(directory):
        OmegaConf.save(config, directory / "multirun.yaml")
        name = tracking.name or " ".join(typed_overrides(config.hydra)) or "sweep"
        if before:
            name = before.name
            parent = SweepWriter(store, before.run_id)
            parent.reopen()
            settle_all(store, directory, before.run_id, "interrupted")
        else:
            tags = {
                "reproduce": _command(config),
                DIRECTORY_TAG: str(directory),
                PLAN_TAG: identity,
                PLANNED_TAG: str(len(plan)),
            }
            parent = start_sweep(store, name, tags)
        log.info("%s %s: %s", "going on with sweep" if before else "sweep", parent.run_id, name)
        known = reuse.nothing_known() if fresh else reuse.standing(store, [p.described for p in plan], parent.run_id)
        return _Sweep(plan, store, directory, parent, known).run(launch)


@dataclass(frozen=True)
class _Sweep:
    """A sweep whose parent run is open."""

    plan: Sequence[Planned]
    store: Store
    directory: Path
    parent: SweepWriter
    known: Standing

    @property
    def _is_rerun(self) -> bool:
        return self.plan[0].run.execution.rerun

    def run(self, launch: Callable[[list[list[str]]], list[JobReturn]]) -> list[JobReturn]:
        from seedsweep.tracking.settling import settle_all

        try:
            return self._run(launch)
        except (SweepInterrupted, TrialsFailed, CannotWrite):
            raise  # its run is closed, or cannot be
        except BaseException as error:
            settle_all(self.store, self.directory, self.parent.run_id, "interrupted")
            self.parent.close("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
            raise

    def _run(self, launch: Callable[[list[list[str]]], list[JobReturn]]) -> list[JobReturn]:
        results: list[JobReturn] = []
        failures: dict[int, BaseException] = {}
        stop: KeyboardInterrupt | None = None
        twins = self._twins()
        numbers = [n for n in range(len(self.plan)) if not self.known.has(n) and n not in twins]
        try:
            self._say_plan(numbers)
            self._link_elsewhere()
            if numbers:
                results = self._launch(launch, numbers)
            failures = {numbers[i]: error for i, error in failures_of(results).items()}
        except Terminated:
            raise
        except KeyboardInterrupt as interrupt:
            stop = interrupt
            early = interrupt.failures if isinstance(interrupt, LaunchInterrupted) else {}
            failures = {numbers[i]: error for i, error in early.items()}
        self._settle(numbers, failures)
        unfinished = self._close(twins, "KILLED" if stop else None)
        if stop:
            command = "the same command without rerun=true" if self._is_rerun else "the same command"
            raise SweepInterrupted(f"interrupted: what is finished is in the table; {command} goes on") from stop
        for error in failures.values():
            if isinstance(error, CannotWrite):
                raise error
        if unfinished:
            idle = len(numbers) - sum(result.status in (JobStatus.COMPLETED, JobStatus.FAILED) for result in results)
            failed = f"{unfinished - idle} of {len(self.plan)} trials failed"
            raise TrialsFailed(f"{failed}, {idle} were not started" if idle else failed)
        return results

    def _launch(self, launch: Callable[[list[list[str]]], list[JobReturn]], numbers: Sequence[int]) -> list[JobReturn]:
        """Train, while what the trials write down is delivered."""
        from seedsweep import reuse
        from seedsweep.tracking.delivery import Courier

        places = [self.directory / self.plan[n].place for n in numbers]
        try:
            for n, place in zip(numbers, places, strict=True):
                if self._is_rerun:
                    reuse.forget_checkpoint(place)
                reuse.fetch_checkpoint(self.known.tried.get(n, []), self.plan[n].described.trial_id, place)
        except OSError as error:
            raise _cannot_write(error, self.directory) from error
        with Courier(self.store, places):
            return launch([self.plan[n].told(self.store.uri, self.parent.run_id, self.directory) for n in numbers])

    def _twins(self) -> dict[int, int]:
        """Return the trials that differ from an earlier one in what they are called only."""
        first: dict[str, int] = {}
        numbers = {n: first.setdefault(planned.described.trial_id, n) for n, planned in enumerate(self.plan)}
        return {n: twin for n, twin in numbers.items() if twin != n and not self.known.has(n)}

    def _say_plan(self, numbers: Sequence[int]) -> None:
        again = len(self.known.tried.keys() & set(numbers))
        reused = len(self.plan) - len(numbers)
        log.info("plan: %d reused, %d to retry, %d new", reused, again, len(numbers) - again)
        for why, count in self.known.reasons.items():
            log.info("not reused: %d trained before %s", count, why)

    def _link_elsewhere(self) -> None:
        from seedsweep import reuse

        for number, record in self.known.elsewhere.items():
            reuse.link_ended(self.store, record, self.plan[number].described, self.parent.run_id)

    def _settle(self, numbers: Sequence[int], failures: Mapping[int, BaseException]) -> None:
        """Close and deliver what workers that are gone have left, and write down trials that never opened a run."""
        from seedsweep.tracking.journal import Journal, Outbox
        from seedsweep.tracking.settling import settle
        from seedsweep.tracking.writing import TrialWriter

        for number in numbers:
            planned, error = self.plan[number], failures.get(number)
            place = self.directory / planned.place
            try:
                if error and not Outbox(place).exists:
                    journal, described = Journal(place), planned.described
                    TrialWriter(
                        journal,
                        described.name,
                        parent_run_id=self.parent.run_id,
                        settings=described.settings,
                        tags=described.tags,
                    )
                    journal.close()
                if Outbox(place).exists:
                    settle(
                        self.store, place, reason(error) if error else "interrupted", "FAILED" if error else "KILLED"
                    )
            except OSError as problem:
                raise _cannot_write(problem, place) from problem

    def _close(self, twins: Mapping[int, int], status: str | None) -> int:
        """Publish what the sweep came to and close its run; returns how many trials did not finish."""
        from seedsweep.report import publish
        from seedsweep.tracking.settling import patiently

        sweep = patiently(self.store, lambda: self._read(twins))
        draws = status is None and self.plan[0].run.execution.pictures
        publish(self.parent, sweep, self.directory, pictures=draws)
        unfinished = len(self.plan) - sum(trial.status == "finished" for trial in sweep.trials)
        patiently(self.store, lambda: self.parent.close(status or ("FAILED" if unfinished else "FINISHED")))
        return unfinished

    def _read(self, twins: Mapping[int, int]) -> SweepRecord:
        """Link the twins of trials that have ended, and return all trials."""
        from seedsweep import reuse
        from seedsweep.tracking.reading import read_sweep, trials_by_job

        trials = trials_by_job(self.store, self.parent.run_id)
        for number, twin in twins.items():
            if twin in trials and reuse.has_ended(trials[twin]) and number not in trials:
                described = self.plan[number].described
                reuse.link_ended(self.store, trials[twin], described, self.parent.run_id)
        return read_sweep(self.store, self.parent.run_id)


def _identity(described: Described) -> str:
    """Return what makes a trial the same one in two plans: a row with other words would leave both in one table."""
    row = {name: described.tags[name] for name in ROW_TAGS if name in described.tags}
    return f"{described.trial_id} {sorted(row.items())}" if row else described.trial_id


def _cannot_write(error: OSError, place: Path) -> CannotWrite:
    return CannotWrite(
        f"cannot write to {error.filename or place}: {error.strerror}",
        "nothing is lost: free space or permission there, and the same command goes on",
    )


def failures_of(results: Sequence[JobReturn]) -> dict[int, BaseException]:
    """Return position → error of the jobs that failed."""
    return {place: error_of(result) for place, result in enumerate(results) if result.status is JobStatus.FAILED}


def _make_directory(config: DictConfig) -> tuple[Path, bool]:
    """Make the sweep's directory before anything is written elsewhere; tells too whether it is new."""
    directory = Path(config.hydra.sweep.dir).absolute()
    is_new = not directory.exists()
    try:
        databases.probe(directory)
    except BadInput as error:
        fix = "hydra.sweep.dir=DIRECTORY that you may write to"
        raise BadInput(error.what, where="hydra.sweep.dir", fix=fix) from error
    return directory, is_new


def _command(config: DictConfig) -> str:
    """Return the command line that starts this sweep again."""
    overrides = [*config.hydra.overrides.task, *config.hydra.overrides.hydra]
    return shlex.join(["python", "sweep.py", "-m", *map(str, overrides)])
