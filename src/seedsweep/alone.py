"""A trial that no sweep looks after: it asks for earlier runs, delivers its own results, and prints its table."""

from __future__ import annotations

import logging
import signal
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig

from seedsweep import reuse
from seedsweep.app import train_tracked
from seedsweep.errors import CannotWrite, TimedOut, TrialCrashed
from seedsweep.reporting.table import table_of
from seedsweep.tracking.answers import are_gone
from seedsweep.tracking.delivery import Courier
from seedsweep.tracking.journal import Outbox
from seedsweep.tracking.reading import read_sweep
from seedsweep.tracking.settling import settle
from seedsweep.tracking.store import open_store
from seedsweep.trials import ownership

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seedsweep.config import RunConfig
    from seedsweep.described import Described
    from seedsweep.tracking.store import Store
    from seedsweep.training.dataset import Dataset

log = logging.getLogger(__name__)


def train_alone(run: RunConfig, dataset: Dataset, described: Described) -> dict[str, float]:
    """Train one trial, unless it was trained before, and print the table of it.

    Returns:
        The final value of each metric.

    Raises:
        TrialError: the trial did not end well; its run says why.
        CannotWrite: its run cannot be kept.
    """
    described.say_dataset()
    with closing(open_store(run.tracking.uri, run.tracking.experiment)) as store:
        return _train(store, run, dataset, described)


def _train(store: Store, run: RunConfig, dataset: Dataset, described: Described) -> dict[str, float]:
    reuse.mend(store)
    rerun = run.execution.rerun
    earlier = [] if rerun == "true" else reuse.earlier_runs(store, described.trial_id)
    done = reuse.ended(earlier)
    if done and not (rerun == "missing" and are_gone(done)):
        log.info("reused: %s was trained before, as run %s; rerun=true trains it again", described.name, done.run_id)
        if are_gone(done):
            log.warning("its network and its answers are gone; rerun=missing trains it again")
        _show(store, reuse.link_ended(store, done, described, None))
        if done.status != "finished":
            raise TrialCrashed(done.tags.get("failure", done.status))
        return dict(done.metrics)
    directory = reuse.own_directory(earlier) or Path(HydraConfig.get().runtime.output_dir)
    with ownership.claim(directory):
        if rerun == "true":
            reuse.forget_checkpoint(directory)
        reuse.fetch_checkpoint(reuse.directories(earlier), described, directory)
        try:
            with Courier(store, [directory]), _limited(run.execution.timeout):
                metrics = train_tracked(run, dataset, described, directory)
        finally:
            run_id = settle(store, directory, "interrupted") if Outbox(directory).exists else None
    if run_id is None:
        what = f"{described.name} is not recorded: its run was deleted in MLflow while it was trained"
        raise CannotWrite(what, "the same command trains it again")
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
    log.info("\n%s", table_of(read_sweep(store, run_id)).markdown())
