"""MLflow stores of tests, and data that a network learns within a second."""

import sqlite3
from contextlib import closing

import numpy as np


def put_database(directory, database):
    """Copy an empty database, with its artifacts to go where they would."""
    copy = directory / "mlflow.db"
    if copy.exists():
        return
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        rows = target.execute("SELECT experiment_id FROM experiments").fetchall()
        for (number,) in rows:
            place = f"{directory}/mlruns/{number}"
            target.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", [place, number])
        target.commit()
        target.execute("PRAGMA journal_mode=WAL")


def store_of(directory, uri=None, experiment="seedsweep"):
    """The store that commands in a directory have written to."""
    from seedsweep.tracking.locations import sqlite_uri
    from seedsweep.tracking.store import existing_store

    return existing_store(uri or sqlite_uri(directory / "mlflow.db"), experiment)


def small_data(directory):
    """Arguments for trials of a second: 300 images of 8 × 8 pixels that a network can learn."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    x = rng.integers(0, 100, size=(300, 8, 8), dtype=np.uint8)
    x[np.arange(300), y] += 150
    path = directory / "small.npz"
    np.savez(path, x_train=x, y_train=y)
    return ["data=npz", f"data.path={path}", "batch_size=32", "epochs=2"]
