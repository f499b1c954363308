"""A project that was moved or copied: MLflow stores absolute paths, and those lead to where the project was before.

Artifacts that lie beside their database, in MLflow's own layout `mlruns/EXPERIMENT`, are found there again. Locations
of another layout were chosen by a user and stay.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from seedsweep.tracking.locations import local_path
from seedsweep.tracking.tags import DIRECTORY_TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

# Where MLflow's database keeps locations.
_RUNS, _MODELS = ("runs", "artifact_uri"), ("logged_models", "artifact_location")


def former_home(location: str, experiment_id: str, file: Path) -> Path | None:
    """Return the directory that a database was moved or copied from; None where it still lies there.

    Args:
        location: of the artifacts of one of its experiments, as a URI.
        experiment_id: of that experiment.
        file: the database.
    """
    place = local_path(location)
    if place is None or place.parts[-2:] != ("mlruns", experiment_id):
        return None
    former, home = place.parent.parent, file.parent
    if former == home or (former.exists() and former.samefile(home)):
        return None
    # Not where a user keeps the database apart from its artifacts.
    was_moved = not former.exists() or (former / file.name).exists() or (home / "mlruns" / experiment_id).exists()
    return former if was_moved else None


def present(path: Path, former: Path, home: Path) -> Path:
    """Return where a stored path is now; the stored one where the file is still there and was not brought along."""
    if not path.is_relative_to(former):
        return path
    now = home / path.relative_to(former)
    return path if path.exists() and not now.exists() else now


def follow(file: Path) -> None:
    """Let the paths that a database stores lead to its own directory, where it was moved or copied there.

    MLflow has no call for that, and without it writes to the old place: https://github.com/mlflow/mlflow/issues/3144.

    Raises:
        sqlite3.Error: it cannot be written.
    """
    with closing(sqlite3.connect(file)) as database, database:
        experiments = database.execute("SELECT experiment_id, artifact_location FROM experiments").fetchall()
        found = {number: former_home(location or "", str(number), file) for number, location in experiments}
        for former in dict.fromkeys(filter(None, found.values())):
            for number, home in found.items():
                if home == former:
                    now = (file.parent / "mlruns" / str(number)).as_uri()
                    change = "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?"
                    database.execute(change, (now, number))
            _follow_runs(database, former, file.parent)
            log.info("this project was in %s: what is stored of its files leads here now", former)


def _follow_runs(database: sqlite3.Connection, former: Path, home: Path) -> None:
    for table, column in (_RUNS, _MODELS):
        for row, path in _paths(database, f"SELECT rowid, {column} FROM {table}"):  # noqa: S608 - our own names
            if path.is_relative_to(former) and (now := present(path, former, home)) != path:
                database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (now.as_uri(), row))  # noqa: S608
    for row, directory in database.execute("SELECT rowid, value FROM tags WHERE key = ?", (DIRECTORY_TAG,)).fetchall():
        if (path := Path(directory)).is_relative_to(former):
            # Never where it was: a sweep that is resumed writes there.
            now = home / path.relative_to(former)
            database.execute("UPDATE tags SET value = ? WHERE rowid = ?", (str(now), row))


def _paths(database: sqlite3.Connection, query: str) -> Iterator[tuple[int, Path]]:
    for row, uri in database.execute(query).fetchall():
        if (path := local_path(uri or "")) is not None:
            yield row, path
