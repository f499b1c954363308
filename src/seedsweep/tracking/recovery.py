"""What processes that are gone have left in journals: closed, and delivered."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, TypeVar

from mlflow.exceptions import MlflowException

from seedsweep.errors import UserError, WriteError
from seedsweep.tracking.journal import Journal, JournalReader, journals_of
from seedsweep.tracking.journal_uploader import TRANSIENT_ERRORS, deliver, first_line, is_refusal
from seedsweep.tracking.tags import FAILURE_TAG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from seedsweep.tracking.store import Store

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# What a store raises that refuses, or is away.
StoreError = MlflowException

# How long the end of a sweep waits for a server that is away; a file has no reason to take long.
_SERVER_SECONDS, _FILE_SECONDS = 120.0, 5.0
_PAUSE_SECONDS = 1.0


def settle(store: Store, directory: Path, reason: str, status: str = "KILLED") -> str | None:
    """Deliver what is left of the journal in a directory; a run that has not ended is closed first.

    Args:
        store: where to.
        directory: of a trial that no process works on any more.
        reason: why the run ends, if it has not.
        status: how it ends, if it has not.

    Returns:
        The run's id; None when the store refuses it.

    Raises:
        WriteError: the store does not take it, or the journal cannot be written; it stays where it is.
    """
    journal = JournalReader(directory)
    if not journal.exists:
        return None  # its process was killed before it said anything
    if journal.status is None:
        with contextlib.closing(Journal(directory)) as journal:
            # Other launchers' trials outlive their sweep: this one may have ended while its lock was waited for.
            if journal.status is None:
                journal.append({"tags": {FAILURE_TAG: reason}})
                journal.append({"end": status})
    run_id = _deliver(journal, store)
    journal.clear()
    return run_id


def settle_all(store: Store, directory: Path, run_id: str, reason: str) -> None:
    """Settle the journals of a sweep's trials, or of a trial by itself, in and below its directory.

    Args:
        store: where to.
        directory: of the sweep, or of the trial.
        run_id: of the sweep.
        reason: why runs end that have not.

    Raises:
        WriteError: see `settle`.
    """
    for journal in (JournalReader(directory), *journals_of(directory, run_id)):
        settle(store, journal.directory, reason)


def _deliver(journal: JournalReader, store: Store) -> str | None:
    try:
        return with_retries(store, lambda: deliver(journal, store))
    except MlflowException as refusal:
        check_kept(store, journal.directory)
        # The run was deleted, for example: asking again at every start would not help.
        log.warning("the store refuses the run in %s: %s", journal.directory, first_line(refusal))
        journal.set_aside()
        return None


def check_kept(store: Store, directory: Path) -> None:
    """Check that a store's experiment is still there, after a refusal.

    Args:
        store: that has refused something.
        directory: where the results are kept meanwhile.

    Raises:
        WriteError: it was deleted.
    """
    try:
        store.find_experiment()
    except TRANSIENT_ERRORS:
        return  # it is away, and may have the experiment
    except UserError as deleted:
        what = f"cannot write to the store {store.uri}: {deleted.what}; what was trained is kept in {directory}"
        raise WriteError(what, f"{deleted.fix}, then run the same command again") from deleted


def unwritten(store: Store, directory: Path, run_id: str, error: MlflowException) -> WriteError:
    """Build the error for a store that is away, or refuses to write a sweep's own run, as after its deletion."""
    if not is_refusal(error, store):
        return not_taken(store, error)
    try:
        check_kept(store, directory)
    except WriteError as deleted:
        return deleted
    fix = f"{store.command(f'runs restore --run-id {run_id}')}, if it was deleted; then run the same command again"
    return WriteError(f"the store {store.uri} refuses the sweep's run {run_id}: {first_line(error)}", fix)


def with_retries(store: Store, call: Callable[[], Answer]) -> Answer:
    """Ask the store, again and again while it does not answer, but not for ever.

    Raises:
        WriteError: it does not answer.
        MlflowException: it refuses.
    """
    patience = _SERVER_SECONDS if store.file is None else _FILE_SECONDS
    deadline = time.monotonic() + patience
    while True:
        try:
            return call()
        except TRANSIENT_ERRORS as error:
            if is_refusal(error, store):
                raise
            if time.monotonic() > deadline:
                raise not_taken(store, error) from error
            time.sleep(_PAUSE_SECONDS)


def try_once(store: Store, call: Callable[[], Answer], otherwise: Answer) -> Answer:
    """Ask the store once, for something that can be done without.

    Raises:
        MlflowException: it refuses.
    """
    try:
        return call()
    except TRANSIENT_ERRORS as error:
        if is_refusal(error, store):
            raise
        log.debug("the store does not answer: %s", first_line(error))
        return otherwise


def not_taken(store: Store, error: Exception) -> WriteError:
    """Build the error for a store that cannot be written."""
    why = first_line(error)
    place = f"to the store {store.uri}"
    if isinstance(error, OSError) and error.strerror:
        place, why = str(error.filename or store.uri), error.strerror
    elif "disk is full" in str(error):
        why = "the disk is full"
    return WriteError(
        f"cannot write {place}: {why}",
        "nothing is lost: remove the cause, then run the same command again to upload what is finished and resume",
    )
