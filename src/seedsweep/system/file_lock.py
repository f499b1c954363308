"""Who works in a directory: a lock that the operating system gives back when its owner is gone, however it went.

Process ids would not do: they are used again, and mean nothing on another machine.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from seedsweep.errors import WriteError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

# How long a predecessor that was killed may take to be gone.
_PATIENCE_SECONDS = 10.0
# How long others may look whether a directory is abandoned.
_LOOK_SECONDS = 0.5
_FILE_NAME = "owner.lock"


def lock(file: IO[bytes], *, seconds: float = _PATIENCE_SECONDS) -> None:
    """Take the lock of an open file; it is held until the file is closed or the process ends.

    Raises:
        WriteError: another process keeps it.
    """
    if os.name == "nt":
        return
    import fcntl

    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise WriteError(
                    f"another process works on {file.name}", "wait for it, or stop it; then run the same command again"
                ) from None
            time.sleep(0.05)
        else:
            return


def claim(directory: Path) -> IO[bytes]:
    """Make a directory one's own for as long as the file returned is open.

    Raises:
        WriteError: another process has it.
    """
    file = (directory / _FILE_NAME).open("ab")
    try:
        lock(file, seconds=_LOOK_SECONDS)
    except WriteError:
        file.close()
        raise
    return file


def claim_abandoned(directory: Path) -> IO[bytes] | None:
    """Claim a directory whose owner is gone; None where it is not, or where that is unknown."""
    if os.name == "nt":
        return None
    try:
        return claim(directory) if (directory / _FILE_NAME).is_file() else None
    except (WriteError, OSError):
        return None


def is_owned(directory: Path) -> bool:
    """Tell whether a process works in a directory; False where that is unknown."""
    if os.name == "nt":
        return False
    try:
        if (directory / _FILE_NAME).is_file():
            claim(directory).close()
    except WriteError:
        return True
    except OSError:
        return False
    return False


def is_abandoned(directory: Path) -> bool:
    """Tell whether a directory was claimed by a process that is gone; False where that is unknown."""
    claimed = claim_abandoned(directory)
    if claimed is None:
        return False
    claimed.close()
    return True
