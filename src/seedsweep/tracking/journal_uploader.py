"""Journals on their way to the store: in order, each entry at least once, and none of them twice to be seen.

Every entry can be told again without harm: metrics carry the time at which they were measured, and a run is
looked for before it is made.
"""

from __future__ import annotations

import logging
import shutil
import threading
from typing import TYPE_CHECKING, Any, Self

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException, RestException
from sqlalchemy.exc import SQLAlchemyError

from seedsweep.tracking.journal import JournalReader
from seedsweep.tracking.tags import DIRECTORY_TAG, FAILURE_TAG, JOURNAL_TAG, SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from seedsweep.tracking.store import Store

log = logging.getLogger(__name__)

# Characters; the column of MLflow's database.
TAG_LIMIT = 8000
# MLflow takes that many metrics at a time.
_BATCH = 1000

# What a store that does not answer, or cannot write just now, raises through MLflow.
TRANSIENT_ERRORS = (MlflowException, SQLAlchemyError, OSError)
# What it raises when it has understood and says no: telling it again would not help.
_REFUSALS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
# Without it, an uploader in the middle of a call and the recovery of what it left would create a run twice.
_one_at_a_time = threading.Lock()
_LOOK_SECONDS, _LONGEST_DELAY_SECONDS = 0.5, 5.0
# A call to a server that hangs is not waited for.
_JOIN_SECONDS = 10.0


def is_refusal(error: Exception, store: Store) -> bool:
    """Tell whether the store itself has said no; what a proxy before it says may pass."""
    itself = RestException if store.is_server else MlflowException
    return isinstance(error, itself) and error.error_code in _REFUSALS


def deliver(journal: JournalReader, store: Store) -> str | None:
    """Tell the store what it does not have yet of a journal.

    Returns:
        The run's id; None while nothing was written.

    Raises:
        MlflowException, SQLAlchemyError, OSError: the store is away, or refuses; what it has is remembered.
    """
    with _one_at_a_time:
        return _deliver(journal, store)


def _deliver(journal: JournalReader, store: Store) -> str | None:
    known = journal.delivered
    run_id, metrics = known.run_id, []
    for entry in journal.entries(known.size):
        if "start" in entry:
            run_id = _started(store, journal.directory, entry["start"], entry["time"])
        assert run_id is not None
        if "metrics" in entry:
            metrics += [Metric(name, value, entry["time"], entry["step"]) for name, value in entry["metrics"].items()]
            if len(metrics) < _BATCH - 100:
                continue
        _log_metrics(store, run_id, metrics)
        metrics = []
        _tell(journal, store, run_id, entry)
        journal.note_delivered(run_id, entry["ends_at"])
    if metrics:
        assert run_id is not None
        _log_metrics(store, run_id, metrics)
        journal.note_delivered(run_id, entry["ends_at"])
    return run_id


def _tell(journal: JournalReader, store: Store, run_id: str, entry: Mapping[str, Any]) -> None:
    if "tags" in entry:
        store.client.log_batch(run_id, tags=as_tags(entry["tags"]))
    elif "files" in entry:
        files = journal.directory / entry["files"]
        if files.is_dir():
            store.client.log_artifacts(run_id, str(files))
            shutil.rmtree(files)
    elif "end" in entry:
        store.client.set_terminated(run_id, entry["end"], end_time=entry["time"])


def _log_metrics(store: Store, run_id: str, metrics: Sequence[Metric]) -> None:
    if metrics:
        store.client.log_batch(run_id, metrics=metrics)


def as_tags(tags: Mapping[str, str]) -> list[RunTag]:
    """Return tags as MLflow takes them, cut to what its database holds."""
    return [RunTag(name, value[:TAG_LIMIT]) for name, value in tags.items()]


def _started(store: Store, directory: Path, start: Mapping[str, Any], milliseconds: int) -> str:
    """Return the id of a run, made now or by an earlier attempt."""
    found = store.client.search_runs([store.experiment_id], f"tags.{JOURNAL_TAG} = '{start['key']}'")
    # The directory in which the journal lies here: it may have been written on another machine, or was moved since.
    tags = {**SOURCE, JOURNAL_TAG: start["key"], **start["tags"], DIRECTORY_TAG: str(directory)}
    params = start["params"]
    for twin in found[1:]:  # made by a call whose answer was lost, and came late
        store.client.delete_run(twin.info.run_id)
    if found:
        run = found[0]
        # A param cannot change, and what can have changed is what things are called.
        params = {name: value for name, value in params.items() if name not in run.data.params}
        store.client.update_run(run.info.run_id, status="RUNNING")
        if FAILURE_TAG in run.data.tags:
            store.client.delete_tag(run.info.run_id, FAILURE_TAG)
    else:
        cut = {tag.key: tag.value for tag in as_tags(tags)}
        run = store.client.create_run(store.experiment_id, start_time=milliseconds, tags=cut, run_name=start["name"])
    entities = [Param(name, value) for name, value in params.items()]
    store.client.log_batch(run.info.run_id, params=entities, tags=as_tags(tags))
    return str(run.info.run_id)


class JournalUploader:
    """Delivers journals as they grow, from a thread of its own.

    Args:
        store: where to.
        directories: of the trials whose journals it looks after; they may not exist yet.
    """

    def __init__(self, store: Store, directories: Iterable[Path]) -> None:
        self._store = store
        self._seen: dict[Path, int] = dict.fromkeys(directories, 0)
        self._done = threading.Event()
        self._in_trouble = False
        self._thread = threading.Thread(target=self._work, name="courier", daemon=True)

    def add(self, directory: Path) -> None:
        """Look after one more journal."""
        self._seen.setdefault(directory, 0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the delivery that is under way; what is left is for `settling`."""
        self._done.set()
        self._thread.join(_JOIN_SECONDS)

    def _work(self) -> None:
        delay = _LOOK_SECONDS
        while not self._done.wait(delay):
            trouble = None
            for directory, seen in list(self._seen.items()):
                journal = JournalReader(directory)
                if (size := journal.size) == seen or trouble or self._done.is_set():
                    continue
                try:
                    deliver(journal, self._store)
                except TRANSIENT_ERRORS as error:
                    if is_refusal(error, self._store):
                        log.warning("the store refuses the run in %s: %s", directory, first_line(error))
                    else:
                        trouble = error
                        continue
                self._seen[directory] = size
            self._say(trouble)
            delay = min(2 * delay, _LONGEST_DELAY_SECONDS) if trouble else _LOOK_SECONDS

    def _say(self, trouble: Exception | None) -> None:
        if trouble and not self._in_trouble:
            log.warning("the store does not answer; results are kept and delivered later (%s)", first_line(trouble))
        elif self._in_trouble and not trouble:
            log.warning("the store answers again")
        self._in_trouble = trouble is not None


def first_line(error: Exception) -> str:
    """Return an error's first line, or its name where it has no words."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
