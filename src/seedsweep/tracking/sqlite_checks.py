"""A database's file and a directory for artifacts, checked before MLflow touches them.

MLflow would create its tables in any database, and retries for long where it may not write.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from seedsweep.config.overrides import override, shell_word
from seedsweep.errors import UserError
from seedsweep.tracking.locations import WHERE, sqlite_file, sqlite_uri

DEFAULT_URI = "sqlite:///mlflow.db"
# Enough for a small sweep's runs; a disk with less room is as good as full.
_PROBE_BYTES = 1 << 20


def check_early(uri: str | None) -> None:
    """Check what can be checked without MLflow, whose import takes seconds.

    Args:
        uri: MLflow's tracking URI; None takes MLflow's own default.

    Raises:
        UserError: a database in a file cannot be used.
    """
    wanted = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    check_form(wanted)
    file = sqlite_file(wanted)
    if file is not None:
        check_writable(file)
        check_content(file)


def check_form(uri: str) -> None:
    """Check that an address says what it is the address of.

    Raises:
        UserError: it is a server's or a database's without its beginning.
    """
    if "://" in uri:
        return
    if uri.endswith(".db"):
        raise UserError(f"the store {uri} lacks 'sqlite:///'", where=WHERE, fix=override(WHERE, f"sqlite:///{uri}"))
    if re.fullmatch(r"[\w.-]+:\d+/?", uri):
        raise UserError(f"the store {uri} lacks 'http://'", where=WHERE, fix=override(WHERE, f"http://{uri}"))


def check_writable(file: Path) -> None:
    """Check that a database's file can be written, or made.

    Raises:
        UserError: it cannot.
    """
    if not file.parent.is_dir():
        fix = f"mkdir -p {shell_word(str(file.parent))}, or another place: tracking.uri={DEFAULT_URI}"
        raise UserError(f"cannot write {file}: there is no directory {file.parent}", where=WHERE, fix=fix)
    probe(file.parent)
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        raise _unwritable(file, "permission denied")


def check_content(file: Path) -> None:
    """Check that a file, if there is one, is MLflow's database.

    Raises:
        UserError: it is something else.
    """
    if not file.exists() or file.stat().st_size == 0:
        return
    # Only ever opened by SQLite itself: closing any other descriptor of the file would drop the locks that
    # this process' connections hold on it, and with them the database (https://sqlite.org/howtocorrupt.html, 2.2).
    try:
        with closing(_connected(file, "ro")) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            schema = None
            if tables:
                if {"alembic_version", "experiments", "runs"} <= tables:
                    schema = database.execute("SELECT version_num FROM alembic_version").fetchone()
                if schema is None:
                    raise _foreign(file, f"is a database of something else (it has the table {min(tables)})")
    except sqlite3.DatabaseError as error:
        raise _foreign(file, f"is no database that can be read ({error})") from error
    if schema is not None:
        _check_schema(file, str(schema[0]))


def let_readers_in(file: Path) -> None:
    """Let readers and a writer of a database not wait for each other, until `leave_one_file`."""
    # Another process may have it open just now: then they wait, which harms nothing.
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=WAL")


def leave_one_file(file: Path) -> None:
    """Bring all that a database holds into its one file, which can then be read without permission to write.

    Where another process has it open, that one does the rest when it closes it.
    """
    with suppress(sqlite3.OperationalError), closing(_connected(file, "rw", timeout=1)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode=DELETE")


def can_be_opened(file: Path) -> bool:
    """Tell whether a database can be read where it lies: SQLite may want to write beside it."""
    try:
        with closing(_connected(file, "ro")) as database:
            database.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return False
    except sqlite3.DatabaseError:
        return True  # it is damaged, which is said elsewhere
    return True


def copy(file: Path, directory: Path) -> Path:
    """Copy a database that no process has open, with what was not brought into its one file; returns the copy.

    Raises:
        UserError: it cannot be read.
    """
    beside = file.with_name(f"{file.name}-wal")
    try:
        for part in (file, *([beside] if beside.exists() else [])):
            shutil.copyfile(part, directory / part.name)
    except OSError as error:
        fix = "permission to read it, or another store: tracking.uri=http://HOST:PORT"
        raise UserError(f"cannot read {error.filename}: {error.strerror}", where=WHERE, fix=fix) from error
    return directory / file.name


def _connected(file: Path, mode: str, timeout: float = 5) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.as_uri()}?mode={mode}", uri=True, timeout=timeout)


def probe(directory: Path) -> None:
    """Write a file in a directory, and remove it.

    Raises:
        UserError: it cannot be written to.
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
        raise UserError(what, where=WHERE, fix=f"back it up, then: mlflow db upgrade {shell_word(sqlite_uri(file))}")
    what = f"the database {file} was written by a newer release than {mlflow} (its schema is {found})"
    raise UserError(
        what, where=WHERE, fix="pip install --upgrade mlflow, or another database: tracking.uri=sqlite:///new.db"
    )


def _unwritable(path: Path, why: str) -> UserError:
    fix = "free space or permission there, or another place: tracking.uri=sqlite:////DIRECTORY/mlflow.db"
    return UserError(f"cannot write {path}: {why}", where=WHERE, fix=fix)


def _foreign(file: Path, what: str) -> UserError:
    return UserError(f"{file} {what}", where=WHERE, fix="another file: tracking.uri=sqlite:///new.db")
