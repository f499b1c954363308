"""What Ctrl-C and SIGTERM do to the process that a user started.

Once: `KeyboardInterrupt`, and running trials write their checkpoints. Twice, or SIGTERM, or the terminal closed: the
workers are killed at once, `Terminated` is raised so that runs can still be closed, and after seconds the
process ends whatever it is doing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

import psutil

from seedsweep.errors import Terminated

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130
_LAST_WORDS_SECONDS = 2.0
_interrupts = 0


def handle_signals() -> None:
    """Install the handlers; in the main thread of the process that a user started."""
    signal.signal(signal.SIGINT, _on_interrupt)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # A command started with nohup must outlive the terminal.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_terminate)


def _on_interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the system's signature
    global _interrupts  # noqa: PLW0603 - signals belong to the process
    _interrupts += 1
    if _interrupts == 1:
        raise KeyboardInterrupt
    _end_now(INTERRUPTED)


def _on_terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the system's signature
    _end_now(128 + number)


def _end_now(code: int) -> None:
    kill_children()
    watchdog = threading.Timer(_LAST_WORDS_SECONDS, os._exit, [code])
    watchdog.daemon = True
    watchdog.start()
    raise Terminated(code)


def kill_children() -> None:
    """Kill every process that this one has started, and theirs."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            # Python's own and joblib's, which clean up after the others, and end with this process.
            if "resource_tracker import main" not in " ".join(child.cmdline()):
                child.kill()
