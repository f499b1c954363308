"""A project that was moved or copied: MLflow stores absolute paths, and those lead to where the project was before.

Artifacts that lie beside their database, in MLflow's own layout `mlruns/EXPERIMENT`, are found there again. Locations
of another layout were chosen by a user and stay.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from seedsweep.tracking.locations import local_path
from seedsweep.tracking.tags import DIRECTORY_TAG

log = logging.getLogger(__name__)

# Where MLflow's database keeps locations: table, column, and which rows are still written to, as unfinished runs are.
_LOCATIONS = (("runs", "artifact_uri", "status != 'FINISHED'"), ("logged_models", "artifact_location", "0"))


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
    if former == home or (exists(former) and former.samefile(home)):
        return None
    # Not where a user keeps the database apart from its artifacts.
    was_moved = not exists(former) or exists(former / file.name) or exists(home / "mlruns" / experiment_id)
    return former if was_moved else None


def exists(path: Path) -> bool:
    """Tell whether a file can be found; what lies in a directory that is closed to this user cannot."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises PermissionError before Python 3.12


def present(path: Path, former: Path, home: Path) -> Path:
    """Return where a stored path is now; the stored one where the file is still there and was not brought along."""
    if not path.is_relative_to(former):
        return path
    now = home / path.relative_to(former)
    return path if exists(path) and not exists(now) else now


def follow(file: Path, experiment: str) -> None:
    """Let the paths that a database stores lead to its own directory, where it was moved or copied there.

    A path changes only if its file was brought along: a disk that is away comes back. New files of the experiment that
    is used are written beside the database all the same.

    MLflow has no call for that, and without it writes to the old place: https://github.com/mlflow/mlflow/issues/3144.

    Raises:
        sqlite3.Error: it cannot be written.
    """
    with closing(sqlite3.connect(file)) as database, database:
        experiments = database.execute("SELECT experiment_id, name, artifact_location FROM experiments").fetchall()
        found = {
            number: former
            for number, name, location in experiments
            if (former := former_home(location or "", str(number), file)) is not None
            and (name == experiment or exists(former) or exists(file.parent / "mlruns" / str(number)))
        }
        for former in dict.fromkeys(found.values()):
            for number, home in found.items():
                if home == former:
                    now = (file.parent / "mlruns" / str(number)).as_uri()
                    change = "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?"
                    database.execute(change, (now, number))
            _follow_runs(database, former, file.parent)
            log.info("this project was in %s: what is stored of its files leads here now", former)


def _follow_runs(database: sqlite3.Connection, former: Path, home: Path) -> None:
    for table, column, is_written in _LOCATIONS:
        rows = database.execute(f"SELECT rowid, {column}, {is_written} FROM {table}").fetchall()  # noqa: S608 - our own
        for row, uri, will_be_written in rows:
            path = local_path(uri or "")
            if path is None or not path.is_relative_to(former):
                continue
            now = home / path.relative_to(former)
            if exists(now) or will_be_written:
                database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (now.as_uri(), row))  # noqa: S608
    for row, directory in database.execute("SELECT rowid, value FROM tags WHERE key = ?", (DIRECTORY_TAG,)).fetchall():
        if (path := Path(directory)).is_relative_to(former):
            now = home / path.relative_to(former)
            # Of a copy also what was not brought along: a sweep that is resumed would write to the original.
            if exists(now) or exists(former):
                database.execute("UPDATE tags SET value = ? WHERE rowid = ?", (str(now), row))
