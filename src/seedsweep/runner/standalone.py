"""A trial that no sweep looks after: it asks for earlier runs, delivers its own results, and prints its table."""

from __future__ import annotations

import logging
import signal
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig

from seedsweep.errors import TimedOut, TrialCrashed, WriteError
from seedsweep.reporting.tables.builder import table_of
from seedsweep.reporting.tables.formats import to_markdown
from seedsweep.reporting.tables.terminal import to_terminal
from seedsweep.runner import reuse
from seedsweep.runner.tracked_training import train_tracked
from seedsweep.system import file_lock
from seedsweep.tracking import abandoned_sweeps
from seedsweep.tracking.journal import JournalReader
from seedsweep.tracking.journal_uploader import JournalUploader
from seedsweep.tracking.predictions import are_gone
from seedsweep.tracking.recovery import settle
from seedsweep.tracking.run_queries import read_sweep
from seedsweep.tracking.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seedsweep.config.run_config import RunConfig
    from seedsweep.data.dataset import Dataset
    from seedsweep.runner.run_metadata import RunMetadata
    from seedsweep.tracking.store import Store

log = logging.getLogger(__name__)


def train_standalone(run: RunConfig, dataset: Dataset, metadata: RunMetadata) -> dict[str, float]:
    """Train one trial, unless it was trained before, and print the table of it.

    Returns:
        The final value of each metric.

    Raises:
        TrialError: the trial did not end well; its run says why.
        WriteError: its run cannot be kept.
    """
    metadata.log_dataset()
    with closing(open_store(run.tracking.uri, run.tracking.experiment)) as store:
        return _train(store, run, dataset, metadata)


def _train(store: Store, run: RunConfig, dataset: Dataset, metadata: RunMetadata) -> dict[str, float]:
    abandoned_sweeps.close_abandoned_runs(store)
    rerun = run.execution.rerun
    earlier = [] if rerun == "true" else reuse.earlier_runs(store, metadata.trial_id)
    done = reuse.best_result(earlier)
    if done and not (rerun == "missing" and are_gone(done)):
        log.info("cached: %s was trained before, as run %s; rerun=true trains it again", metadata.name, done.run_id)
        if are_gone(done):
            log.warning("its network and its answers are gone; rerun=missing trains it again")
        _show(store, reuse.link_existing_run(store, done, metadata, None))
        if done.status != "finished":
            raise TrialCrashed(done.tags.get("failure", done.status))
        return dict(done.metrics)
    directory = reuse.own_directory(earlier) or Path(HydraConfig.get().runtime.output_dir)
    with file_lock.claim(directory):
        if rerun == "true":
            reuse.forget_checkpoint(directory)
        reuse.fetch_checkpoint(abandoned_sweeps.directories(earlier), metadata, directory)
        try:
            with JournalUploader(store, [directory]), _limited(run.execution.timeout):
                metrics = train_tracked(run, dataset, metadata, directory)
        finally:
            run_id = settle(store, directory, "interrupted") if JournalReader(directory).exists else None
    if run_id is None:
        what = f"{metadata.name} is not recorded: its run was deleted in MLflow while it was trained"
        raise WriteError(what, "run the same command again to train it")
    _show(store, run_id)
    return metrics


@contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    """End a trial that takes too long, at the end of the batch that it is in."""
    if seconds is None or not hasattr(signal, "setitimer"):
        yield
        return

    def end(number: int, frame: object) -> None:  # noqa: ARG001 - the system's signature
        raise TimedOut(f"took longer than timeout={seconds:g} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _show(store: Store, run_id: str) -> None:
    table = table_of(read_sweep(store, run_id))
    log.info("\n%s", to_terminal(table) if sys.stdout.isatty() else to_markdown(table))
