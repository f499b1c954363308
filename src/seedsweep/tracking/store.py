"""The MLflow store: where it is, and made ready once, by the parent, before any worker writes.

The layout is MLflow's own (`mlflow.db` and `mlruns/` in the working directory), so a bare `mlflow ui` there
shows everything.
"""

from __future__ import annotations

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
from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from seedsweep.config.overrides import shell_word
from seedsweep.errors import UserError
from seedsweep.tracking import sqlite_checks
from seedsweep.tracking.creation_lock import creation_lock
from seedsweep.tracking.locations import local_path, sqlite_file, sqlite_uri
from seedsweep.tracking.moved_projects import follow, former_home, present

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow.entities import Experiment

# Its notices about tables and migrations are about nothing that a user did.
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)
# It logs the traceback of every error that it raises; the caller says what to do.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


# What to do where a server refuses access, by its status code.
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
        copied_from: the database that this one is a copy of, to be read where it cannot be written; None: no copy.
    """

    uri: str
    experiment: str
    copied_from: Path | None = None

    @cached_property
    def file(self) -> Path | None:
        """The database's file, or None where a server keeps it."""
        return sqlite_file(self.uri)

    @property
    def is_server(self) -> bool:
        """Whether a server stands before the database, which may be away or behind a proxy."""
        return self.uri.startswith(("http://", "https://", "databricks"))

    @property
    def shown(self) -> str:
        """What a user calls it."""
        return sqlite_uri(self.copied_from) if self.copied_from else self.uri

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client for this store."""
        return MlflowClient(tracking_uri=self.uri)

    @cached_property
    def _database(self) -> SqlAlchemyStore:
        """MLflow's own access to a database in a file; it shares its connections with the client."""
        assert self.file is not None
        return _open_database(self.file, self.uri)

    @cached_property
    def experiment_id(self) -> str:
        """The experiment's id; the experiment is made when it is not there.

        Raises:
            UserError: it was deleted.
        """
        found = self.find_experiment()
        if found is None:
            try:
                maker = self.client if self.file is None else self._database
                return str(maker.create_experiment(self.experiment))
            except MlflowException as error:
                # Two sweeps started at once: the other one was first.
                found = self.find_experiment()
                if found is None:
                    raise error from None
        return str(found.experiment_id)

    def find_experiment(self) -> Experiment | None:
        """Return the experiment, or None where there is none of this name.

        Raises:
            UserError: it was deleted: MLflow would find it, and refuse all that is written to it.
        """
        found = self.client.get_experiment_by_name(self.experiment)
        if found is not None and found.lifecycle_stage == LifecycleStage.DELETED:
            raise UserError(
                f"the experiment '{self.experiment}' was deleted in MLflow",
                where="tracking.experiment",
                fix=self.command(f"experiments restore --experiment-id {found.experiment_id}"),
            )
        return found

    def command(self, arguments: str) -> str:
        """Return how MLflow's own command is typed for this store."""
        is_default = self.file == Path("mlflow.db").absolute() and "MLFLOW_TRACKING_URI" not in os.environ
        return (
            f"mlflow {arguments}" if is_default else f"MLFLOW_TRACKING_URI={shell_word(self.shown)} mlflow {arguments}"
        )

    def artifacts(self, uri: str) -> str:
        """Return where artifacts are whose stored URI may lead to where the project was before."""
        place = local_path(uri)
        if self._former_home is None or place is None:
            return uri
        return present(place, self._former_home, self._home).as_uri()

    @cached_property
    def _former_home(self) -> Path | None:
        if self.file is None:
            return None
        location = self.client.get_experiment(self.experiment_id).artifact_location
        return former_home(location, self.experiment_id, self._home / self.file.name)

    @property
    def _home(self) -> Path:
        """The directory in which the database lies, and its artifacts beside it."""
        assert self.file is not None
        return (self.copied_from or self.file).parent

    def close(self) -> None:
        """Close all connections; a SQLite database is one file then, which readers without write access can open."""
        if self.file is not None:
            self._database.engine.dispose()
            sqlite_checks.leave_one_file(self.file)


def _open_database(file: Path, uri: str) -> SqlAlchemyStore:
    """Open MLflow's database in a file, with its artifacts beside it; it is made where it is missing."""
    # A URI, because MLflow decodes a path too: in a directory with %41 in its name it would write elsewhere.
    return SqlAlchemyStore(uri, (file.parent / "mlruns").as_uri())  # type: ignore[no-untyped-call]


def open_store(uri: str | None, experiment: str) -> Store:
    """Find the store and make its database and experiment ready.

    Args:
        uri: MLflow's tracking URI; None takes MLflow's own default.
        experiment: the experiment's name.

    Raises:
        UserError: it cannot be opened or written to.
    """
    store = Store(_absolute(uri or mlflow.get_tracking_uri()), experiment)
    try:
        with creation_lock(store.file):
            if store.file is not None:
                sqlite_checks.check_writable(store.file)
                sqlite_checks.check_content(store.file)
                _create(store.file)
                follow(store.file, experiment)
            location = local_path(store.client.get_experiment(store.experiment_id).artifact_location)
            if location is not None:
                sqlite_checks.probe(location)
            if store.file is not None:
                sqlite_checks.let_readers_in(store.file)
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
    _open_database(unfinished, sqlite_uri(unfinished)).engine.dispose()
    unfinished.replace(file)


def unusable(uri: str, error: Exception) -> UserError:
    """Build the error for a store that does not open."""
    lines = str(error).strip().splitlines()
    fix = "tracking.uri=sqlite:///mlflow.db, or the address of an MLflow server that runs"
    status = next((known for known in _AT_THE_DOOR if f"error code {known}" in str(error)), 0)
    return UserError(
        f"cannot use the store {uri}: {lines[0] if lines else type(error).__name__}",
        where="tracking.uri",
        fix=_AT_THE_DOOR.get(status, fix),
    )


@contextmanager
def reading(uri: str | None, experiment: str) -> Iterator[Store]:
    """Give a store that sweeps have written to, to be read; see `existing_store`."""
    with tempfile.TemporaryDirectory() as scratch, closing(existing_store(uri, experiment, Path(scratch))) as store:
        yield store


def existing_store(uri: str | None, experiment: str, scratch: Path | None = None) -> Store:
    """Find a store that sweeps have written to, and create nothing.

    Args:
        uri: MLflow's tracking URI; None takes MLflow's own default.
        experiment: the experiment's name.
        scratch: a directory for a copy of a database that cannot be opened where it lies, as one in a read-only
            directory whose last writer was killed.

    Raises:
        UserError: there is no such database or experiment.
    """
    try:
        store = Store(_absolute(uri or mlflow.get_tracking_uri()), experiment)
        sqlite_checks.check_form(store.uri)
        file = store.file
        missing = file is not None and not (file.exists() and file.stat().st_size)
        if file is not None and not missing:
            if scratch is not None and not sqlite_checks.can_be_opened(file):
                copy = sqlite_checks.copy(file, scratch)
                store, file = Store(sqlite_uri(copy), experiment, copied_from=file), copy
            sqlite_checks.check_content(file)
        missing = missing or store.find_experiment() is None
    except (UserError, MlflowException, OSError, SQLAlchemyError) as error:
        told = error if isinstance(error, UserError) else unusable(store.uri, error)
        where = told.where.replace("tracking.", "--")
        fix = told.fix.replace("tracking.uri=", "--uri ").replace("tracking.experiment=", "--experiment ")
        raise UserError(told.what, where=where, fix=fix) from error
    if missing:
        raise UserError(
            f"no sweep has been written to the experiment '{experiment}' of {store.shown}",
            where="--uri, --experiment",
            fix="python sweep.py -m model=conv3,conv4 opt=sgd,adam, or the directory in which it ran",
        )
    return store


def _absolute(uri: str) -> str:
    """Return a URI that means the same in every worker's directory."""
    file = sqlite_file(uri)
    if file is None:
        return uri
    _, mark, options = uri.partition("?")
    return sqlite_uri(file) + mark + options
