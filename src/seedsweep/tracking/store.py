"""The MLflow store: where it is, and made ready once, by the parent, before any worker writes.

The layout is MLflow's own (`mlflow.db` and `mlruns/` in the working directory), so a bare `mlflow ui` there
shows everything.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from seedsweep.errors import BadInput
from seedsweep.tracking import databases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

# Its notices about tables and migrations are about nothing that a user did.
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)
# It logs the traceback of every error that it raises, and whoever catches it says what to do.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


# What a server wants that runs and lets nobody in, by its answer.
_AT_THE_DOOR = {
    401: "MLFLOW_TRACKING_USERNAME=… MLFLOW_TRACKING_PASSWORD=… in the environment",
    403: "a user who may write there, or `mlflow server --allowed-hosts` with this address",
}


@dataclass(frozen=True)
class Store:
    """One experiment in one MLflow store.

    Attributes:
        uri: the tracking URI, absolute.
        experiment: the experiment's name.
    """

    uri: str
    experiment: str

    @property
    def file(self) -> Path | None:
        """The database's file, or None where a server keeps it."""
        return Path(self.uri.removeprefix(databases.SQLITE)) if self.uri.startswith(databases.SQLITE) else None

    @property
    def is_server(self) -> bool:
        """Whether a server stands before the database, which may be away or behind a proxy."""
        return self.uri.startswith(("http://", "https://", "databricks"))

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client for this store."""
        return MlflowClient(tracking_uri=self.uri)

    @cached_property
    def experiment_id(self) -> str:
        """The experiment's id; the experiment is made when it is not there."""
        found = self.client.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                return str(self.client.create_experiment(self.experiment))
            except MlflowException as error:
                # Two sweeps started at once: the other one was first.
                found = self.client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise error from None
        return str(found.experiment_id)


def open_store(uri: str | None, experiment: str) -> Store:
    """Find the store and make its database and experiment ready.

    Args:
        uri: MLflow's tracking URI; None takes MLflow's own default.
        experiment: the experiment's name.

    Raises:
        BadInput: it cannot be opened or written to.
    """
    store = Store(_absolute(uri or mlflow.get_tracking_uri()), experiment)
    try:
        with _alone(store):
            if store.file is not None:
                databases.check_writable(store.file)
                databases.check_content(store.file)
                _create(store.file)
            location = store.client.get_experiment(store.experiment_id).artifact_location
            if location.startswith(("/", "file:")):
                databases.probe(Path(location.removeprefix("file://")))
            if store.file is not None:
                # Readers no longer wait for writers; the mode stays with the file.
                with closing(sqlite3.connect(store.file)) as database:
                    database.execute("PRAGMA journal_mode=WAL")
    except (MlflowException, OSError, sqlite3.Error, SQLAlchemyError) as error:
        raise unusable(store.uri, error) from error
    return store


def _create(file: Path) -> None:
    """Make MLflow's database if there is none: a process that is killed meanwhile leaves none, not half of one."""
    if file.exists() and file.stat().st_size > 0:
        return
    unfinished = file.with_name(f"{file.name}.unfinished")
    for leftover in (unfinished, unfinished.with_name(f"{unfinished.name}-journal")):
        leftover.unlink(missing_ok=True)
    SqlAlchemyStore(f"{databases.SQLITE}{unfinished}", DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH).engine.dispose()  # type: ignore[no-untyped-call]
    unfinished.replace(file)


def unusable(uri: str, error: Exception) -> BadInput:
    """Build the error for a store that does not open."""
    lines = str(error).strip().splitlines()
    fix = "tracking.uri=sqlite:///mlflow.db, or the address of an MLflow server that runs"
    status = next((known for known in _AT_THE_DOOR if f"error code {known}" in str(error)), 0)
    return BadInput(
        f"cannot use the store {uri}: {lines[0] if lines else type(error).__name__}",
        where="tracking.uri",
        fix=_AT_THE_DOOR.get(status, fix),
    )


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Let one process of this machine at a time make a database: two at once break MLflow's migrations."""
    if store.file is None or os.name == "nt":
        yield
        return
    import fcntl

    name = hashlib.sha256(str(store.file).encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"seedsweep-{name}.lock"
    while True:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(path, file):
                continue  # who had it before has removed it, and others may be waiting for its successor
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_at(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def existing_store(uri: str | None, experiment: str) -> Store:
    """Find a store that sweeps have written to, and create nothing.

    Raises:
        BadInput: there is no such database or experiment.
    """
    store = Store(_absolute(uri or mlflow.get_tracking_uri()), experiment)
    missing = store.file is not None and not store.file.exists()
    try:
        databases.check_form(store.uri)
        if store.file is not None and not missing:
            databases.check_content(store.file)
        missing = missing or store.client.get_experiment_by_name(experiment) is None
    except (BadInput, MlflowException, OSError, SQLAlchemyError) as error:
        told = error if isinstance(error, BadInput) else unusable(store.uri, error)
        raise BadInput(told.what, where="--uri", fix=told.fix.replace("tracking.uri=", "--uri ")) from error
    if missing:
        raise BadInput(
            f"no sweep has been written to the experiment '{experiment}' of {store.uri}",
            where="--uri, --experiment",
            fix="python sweep.py -m model=conv3,conv4 opt=sgd,adam, or the directory in which it ran",
        )
    return store


def _absolute(uri: str) -> str:
    """Return a URI that means the same in every worker's directory."""
    if uri.startswith(databases.SQLITE) and not uri.startswith(databases.SQLITE + "/"):
        return f"{databases.SQLITE}{Path(uri.removeprefix(databases.SQLITE)).absolute()}"
    return uri
