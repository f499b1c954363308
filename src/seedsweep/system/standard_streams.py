"""Standard output and standard error that nothing depends on.

They may be closed, on a full disk, a pipe whose reader has left, or unable to show a character: hours of training
must not be lost for a line on the screen.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any


class TolerantStream:
    """A text stream whose `write` and `flush` never fail; all else is the stream's own.

    Args:
        stream: what is written to.

    Attributes:
        error: what the last failure was; None before one.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.error: Exception | None = None

    def write(self, text: str) -> int:
        """Write a text, or lose it."""
        try:
            self._stream.write(text)
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self.error = error
        return len(text)

    def flush(self) -> None:
        """Bring out what was written, or lose it."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def tolerate_failures() -> None:
    """Let this process write to its standard streams whatever has become of them; a second call changes nothing."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        _occupy(number)
        stream = getattr(sys, name)
        if name == "stdin" or isinstance(stream, TolerantStream):
            continue
        if stream is None:  # Python found it closed
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it is open as long as the process
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
        setattr(sys, name, TolerantStream(stream))


def _occupy(number: int) -> None:
    """Open a standard stream's descriptor where it is closed: the next file that is opened would get its number."""
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
