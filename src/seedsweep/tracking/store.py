"""The MLflow store: where it is, and made ready once, by the parent, before any worker writes.

The layout is MLflow's own (`mlflow.db` and `mlruns/` in the working directory), so a bare `mlflow ui` there
shows everything.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# MLflow reports its use to its makers unless told not to, and reads this when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from seedsweep.errors import BadInput

# Its notices about tables and migrations are about nothing that a user did.
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)

_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Store:
    """One experiment in one MLflow store.

    Attributes:
        uri: the tracking URI, absolute.
        experiment: the experiment's name.
    """

    uri: str
    experiment: str

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
    """
    store = Store(_absolute(uri or mlflow.get_tracking_uri()), experiment)
    _ = store.experiment_id
    if store.uri.startswith(_SQLITE):
        # Readers no longer wait for writers; the mode stays with the file.
        with closing(sqlite3.connect(store.uri.removeprefix(_SQLITE))) as database:
            database.execute("PRAGMA journal_mode=WAL")
    return store


def existing_store(uri: str | None, experiment: str) -> Store:
    """Find a store that sweeps have written to, and create nothing.

    Raises:
        BadInput: there is no such database or experiment.
    """
    store = Store(_absolute(uri or mlflow.get_tracking_uri()), experiment)
    missing = store.uri.startswith(_SQLITE) and not Path(store.uri.removeprefix(_SQLITE)).exists()
    if missing or store.client.get_experiment_by_name(experiment) is None:
        raise BadInput(
            f"no sweep has been written to the experiment '{experiment}' of {store.uri}",
            where="--uri" if missing else "--experiment",
            fix="python sweep.py -m model=conv3,conv4 opt=sgd,adam, or the directory in which it ran",
        )
    return store


def _absolute(uri: str) -> str:
    """Return a URI that means the same in every worker's directory."""
    if uri.startswith(_SQLITE) and not uri.startswith(_SQLITE + "/"):
        return f"{_SQLITE}{Path(uri.removeprefix(_SQLITE)).absolute()}"
    return uri
