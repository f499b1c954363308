"""A lock for creating a database: two processes that create it at once break MLflow's migrations."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def creation_lock(file: Path | None) -> Iterator[None]:
    """Let one process of this machine at a time make a database: two at once break MLflow's migrations."""
    if file is None or os.name == "nt":
        yield
        return
    import fcntl

    name = hashlib.sha256(str(file).encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"seedsweep-{name}.lock"
    while True:
        with _opened(path) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_at(path, lock):
                continue  # who had it before has removed it, and others may be waiting for its successor
            try:
                yield
            finally:
                with suppress(PermissionError):  # another user's, left by a process that was killed
                    path.unlink(missing_ok=True)
            return


def _opened(path: Path) -> IO[bytes]:
    """Open a lock file that may be another user's: to lock it, reading is enough."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_CREAT, 0o666), "rb")


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
