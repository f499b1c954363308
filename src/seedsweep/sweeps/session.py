"""A sweep that is under way: its directory, its run in the store, and how both are left.

Not here: which trials it has, see `grid` and `search_run`.
"""

from __future__ import annotations

import logging
import shlex
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import OmegaConf, read_write

from seedsweep.config.function_overrides import short_overrides
from seedsweep.config.overrides import override
from seedsweep.config.reproduce import typed_overrides
from seedsweep.errors import (
    LaunchInterrupted,
    SweepInterrupted,
    Terminated,
    TrialsFailed,
    UserError,
    WriteError,
    reason,
)
from seedsweep.launchers.hydra.job import failures_of
from seedsweep.tracking import sqlite_checks
from seedsweep.tracking.tags import DIRECTORY_TAG, PLAN_TAG, RERUN_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

    from seedsweep.config.run_config import RunConfig
    from seedsweep.sweeps.plan import PlannedTrial
    from seedsweep.tracking.abandoned_sweeps import Interrupted
    from seedsweep.tracking.run_writer import SweepWriter
    from seedsweep.tracking.store import Store
    from seedsweep.trials.records import SweepRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepSession:
    """A sweep whose parent run is open.

    Attributes:
        store: where its results go.
        directory: its own.
        parent: its run.
        plan_id: what makes it the same sweep as another one.
        resumed: whether an earlier start of the same sweep left it unfinished.
        starts_over: whether nothing that was trained before this start counts.
        is_rerun: whether nothing that was trained before this sweep counts.
    """

    store: Store
    directory: Path
    parent: SweepWriter
    plan_id: str
    resumed: bool
    starts_over: bool
    is_rerun: bool

    def fetch_checkpoint(self, planned: PlannedTrial, places: Sequence[Path]) -> None:
        """Let a trial resume from the furthest of its checkpoints.

        Args:
            planned: the trial.
            places: directories that may have one, besides its own.

        Raises:
            WriteError: there is no room.
        """
        from seedsweep.runner import reuse

        place = self.directory / planned.place
        try:
            if self.starts_over:
                reuse.forget_checkpoint(place)
            reuse.fetch_checkpoint(places, planned.metadata, place)
        except OSError as error:
            raise cannot_write(error, self.directory) from error

    def launch_overrides(self, planned: PlannedTrial) -> list[str]:
        """Return the overrides to launch a trial with."""
        return planned.launch_overrides(self.store.uri, self.parent.run_id, self.directory)

    def settle(self, trials: Sequence[PlannedTrial], failures: Mapping[int, BaseException]) -> int:
        """Close and deliver what workers that are gone have left, and write down trials that never opened a run.

        Returns:
            How many trials the store refuses, as it does when their runs were deleted.

        Args:
            trials: that were handed to the launcher.
            failures: job number → error of those that failed.

        Raises:
            WriteError: there is no room.
        """
        from seedsweep.tracking.journal import Journal, JournalReader
        from seedsweep.tracking.recovery import settle
        from seedsweep.tracking.trial_logger import TrialWriter

        refused = 0
        for planned in trials:
            error = failures.get(planned.number)
            place = self.directory / planned.place
            try:
                if error and not JournalReader(place).exists:
                    journal, metadata = Journal(place), planned.metadata
                    TrialWriter(
                        journal,
                        metadata.name,
                        parent_run_id=self.parent.run_id,
                        settings=metadata.settings,
                        tags=metadata.tags,
                    )
                    journal.close()
                if JournalReader(place).exists:
                    why, status = (reason(error), "FAILED") if error else ("interrupted", "KILLED")
                    refused += settle(self.store, place, why, status) is None
            except OSError as problem:
                raise cannot_write(problem, place) from problem
        return refused

    def publish(self, sweep: SweepRecord, *, pictures: bool) -> None:
        """Show and store the sweep's results."""
        from seedsweep.sweeps.publish import publish

        publish(self.parent, sweep, self.directory, pictures=pictures)

    def close(self, status: str) -> None:
        """Close the sweep's run."""
        from seedsweep.tracking.recovery import with_retries

        with_retries(self.store, lambda: self.parent.close(status))

    def interrupted(self) -> SweepInterrupted:
        """Return what to raise after Ctrl-C, when everything is settled."""
        command = "the same command without rerun=true" if self.starts_over else "the same command"
        return SweepInterrupted(f"interrupted: finished trials are in the table; run {command} again to resume")


@dataclass(frozen=True)
class LaunchOutcome:
    """The end of a launch.

    Attributes:
        results: of the jobs, in their order; empty after Ctrl-C.
        failures: position → error of those that failed.
        stop: Ctrl-C, if that ended it.
    """

    results: list[JobReturn]
    failures: dict[int, BaseException]
    stop: KeyboardInterrupt | None = None


def run_launch(launch: Callable[[], list[JobReturn]]) -> LaunchOutcome:
    """Run a launch; Ctrl-C ends it and is returned.

    Raises:
        Terminated: Ctrl-C for the second time, or SIGTERM.
    """
    try:
        results = launch()
    except Terminated:
        raise
    except KeyboardInterrupt as interrupt:
        return LaunchOutcome([], interrupt.failures if isinstance(interrupt, LaunchInterrupted) else {}, interrupt)
    return LaunchOutcome(results, failures_of(results))


@contextmanager
def open_sweep(config: DictConfig, run: RunConfig, identity: str, tags: Mapping[str, str]) -> Iterator[SweepSession]:
    """Open a sweep: the one that an earlier start of it left unfinished, or a new one.

    However the block is left, its run is closed.

    Args:
        config: the sweep's own config.
        run: the checked config of one of its trials.
        identity: of the sweep, see `trials.fingerprint.plan_id`.
        tags: of a new one.

    Raises:
        UserError: its directory or its store cannot be used.
    """
    sqlite_checks.check_early(run.tracking.uri)
    new_directory, made = _make_directory(config)
    from seedsweep.system import file_lock
    from seedsweep.tracking import abandoned_sweeps
    from seedsweep.tracking.recovery import StoreError, settle_all, unwritten

    fresh = run.execution.rerun == "true"
    with closing(_open_store(run, made)) as store:
        abandoned_sweeps.close_abandoned_runs(store)
        before = None if fresh else abandoned_sweeps.interrupted_sweep(store, identity)
        if not fresh and before is None and (other := abandoned_sweeps.find_running_duplicate(store, identity)):
            log.warning("this sweep is already running in %s; shared trials will be trained twice", other)
        directory = before.directory if before else new_directory
        if made and new_directory != directory:
            new_directory.rmdir()
        with file_lock.claim(directory):
            _keep_config(config, directory)
            if before:
                parent = _resume(store, before)
            else:
                parent = _start(store, config, run, directory, {PLAN_TAG: identity, **tags})
            try:
                is_rerun = before.is_rerun if before else fresh
                yield SweepSession(store, directory, parent, identity, before is not None, fresh, is_rerun)
            except (SweepInterrupted, TrialsFailed, WriteError):
                raise  # its run is closed, or cannot be
            except StoreError as error:
                raise unwritten(store, directory, parent.run_id, error) from error
            except BaseException as error:
                settle_all(store, directory, parent.run_id, "interrupted")
                parent.close("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
                raise


def _open_store(run: RunConfig, made: Sequence[Path]) -> Store:
    """Open the store; where it cannot be used, remove the directories that were made for the sweep."""
    from seedsweep.tracking.store import open_store

    try:
        return open_store(run.tracking.uri, run.tracking.experiment)
    except UserError:
        for place in made:
            place.rmdir()
        raise


def _keep_config(config: DictConfig, directory: Path) -> None:
    """Write the sweep's config into its directory, which is where launchers look for it."""
    with read_write(config.hydra):
        config.hydra.sweep.dir = str(directory)
    OmegaConf.save(config, directory / "multirun.yaml")


def _resume(store: Store, before: Interrupted) -> SweepWriter:
    from seedsweep.tracking.recovery import settle_all
    from seedsweep.tracking.run_writer import SweepWriter

    parent = SweepWriter(store, before.run_id)
    parent.reopen()
    settle_all(store, before.directory, before.run_id, "interrupted")
    log.info("resuming sweep %s: %s", before.run_id, before.name)
    return parent


def _start(store: Store, config: DictConfig, run: RunConfig, directory: Path, tags: Mapping[str, str]) -> SweepWriter:
    from seedsweep.tracking.run_writer import start_sweep

    name = run.tracking.name or " ".join(typed_overrides(config.hydra)) or "sweep"
    own = {"reproduce": _command(config), DIRECTORY_TAG: str(directory)}
    rerun = {RERUN_TAG: "true"} if run.execution.rerun == "true" else {}
    parent = start_sweep(store, name, {**own, **tags, **rerun})
    log.info("sweep %s: %s", parent.run_id, name)
    return parent


def cannot_write(error: OSError, place: Path) -> WriteError:
    """Return what to raise when a sweep's own files cannot be written."""
    return WriteError(
        f"cannot write to {error.filename or place}: {error.strerror}",
        "nothing is lost: free space or permission there, then run the same command again to resume",
    )


def _make_directory(config: DictConfig) -> tuple[Path, list[Path]]:
    """Make the sweep's directory before anything is written elsewhere; returns too what was made, innermost first."""
    directory = Path(config.hydra.sweep.dir).absolute()
    missing = [place for place in (directory, *directory.parents) if not place.exists()]
    try:
        sqlite_checks.probe(directory)
    except UserError as error:
        fix = f"{override('hydra.sweep.dir', f'{tempfile.gettempdir()}/multirun')}, or where else you may write"
        raise UserError(error.what, where="hydra.sweep.dir", fix=fix) from error
    return directory, missing


def _command(config: DictConfig) -> str:
    """Return the command line that starts this sweep again."""
    overrides = [str(text) for text in (*config.hydra.overrides.task, *config.hydra.overrides.hydra)]
    return shlex.join(["python", "sweep.py", "-m", *short_overrides(overrides)])
