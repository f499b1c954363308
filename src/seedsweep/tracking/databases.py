"""A database's file and a directory for artifacts, checked before MLflow touches them.

MLflow would make its tables in anybody's database, and tries for long where it may not write.
"""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from contextlib import closing
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from seedsweep.errors import BadInput

SQLITE = "sqlite:///"
_WHERE = "tracking.uri"
# Enough for a small sweep's runs; a disk with less room is as good as full.
_PROBE_BYTES = 1 << 20


def check_early(uri: str | None) -> None:
    """Check what can be checked without MLflow, whose import takes seconds.

    Args:
        uri: MLflow's tracking URI; None takes MLflow's own default.

    Raises:
        BadInput: a database in a file cannot be used.
    """
    wanted = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
    check_form(wanted)
    if wanted.startswith(SQLITE):
        file = Path(wanted.removeprefix(SQLITE)).absolute()
        check_writable(file)
        check_content(file)


def check_form(uri: str) -> None:
    """Check that an address says what it is the address of.

    Raises:
        BadInput: it is a server's or a database's without its beginning.
    """
    beginning = SQLITE if uri.endswith(".db") else "http://" if re.fullmatch(r"[\w.-]+:\d+/?", uri) else ""
    if "://" not in uri and beginning:
        raise BadInput(f"the store {uri} lacks '{beginning}'", where=_WHERE, fix=f"tracking.uri={beginning}{uri}")


def check_writable(file: Path) -> None:
    """Check that a database's file can be written, or made.

    Raises:
        BadInput: it cannot.
    """
    if not file.parent.is_dir():
        fix = f"mkdir -p '{file.parent}', or another place: tracking.uri=sqlite:///mlflow.db"
        raise BadInput(f"cannot write {file}: there is no directory {file.parent}", where=_WHERE, fix=fix)
    probe(file.parent)
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        raise _unwritable(file, "permission denied")


def check_content(file: Path) -> None:
    """Check that a file, if there is one, is MLflow's database.

    Raises:
        BadInput: it is something else.
    """
    if not file.exists() or file.stat().st_size == 0:
        return
    # Only ever opened by SQLite itself: closing any other descriptor of the file would drop the locks that
    # this process' connections hold on it, and with them the database (https://sqlite.org/howtocorrupt.html, 2.2).
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if tables and "alembic_version" not in tables:
                raise _foreign(file, f"is a database of something else (it has the table {min(tables)})")
            schema = database.execute("SELECT version_num FROM alembic_version").fetchone() if tables else None
    except sqlite3.DatabaseError as error:
        raise _foreign(file, f"is no database that can be read ({error})") from error
    if schema is not None:
        _check_schema(file, str(schema[0]))


def probe(directory: Path) -> None:
    """Write a file in a directory, and remove it.

    Raises:
        BadInput: it cannot be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _unwritable(directory, str(error.strerror).lower()) from error


def _check_schema(file: Path, found: str) -> None:
    """Check that a database's schema is the installed MLflow's, which would otherwise change it without a word."""
    spec = find_spec("mlflow")
    assert spec is not None
    assert spec.origin is not None
    versions = Path(spec.origin).parent / "store" / "db_migrations" / "versions"
    texts = [path.read_text(encoding="utf-8") for path in versions.glob("*.py")]
    known = set(re.findall(r"^revision = ['\"](\w+)", "\n".join(texts), flags=re.MULTILINE))
    former = set(re.findall(r"^down_revision = ['\"](\w+)", "\n".join(texts), flags=re.MULTILINE))
    if found in known - former:
        return
    mlflow = f"MLflow {metadata.version('mlflow')}"
    if found in known:
        what = f"the database {file} was written by an older release than {mlflow}"
        raise BadInput(what, where=_WHERE, fix=f"back it up, then: mlflow db upgrade {SQLITE}{file}")
    what = f"the database {file} was written by a newer release than {mlflow} (its schema is {found})"
    raise BadInput(what, where=_WHERE, fix="pip install --upgrade mlflow, or another database: tracking.uri=…")


def _unwritable(path: Path, why: str) -> BadInput:
    fix = "free space or permission there, or another place: tracking.uri=sqlite:////DIRECTORY/mlflow.db"
    return BadInput(f"cannot write {path}: {why}", where=_WHERE, fix=fix)


def _foreign(file: Path, what: str) -> BadInput:
    return BadInput(f"{file} {what}", where=_WHERE, fix="another file: tracking.uri=sqlite:///mlflow.db")
