"""What workers and their parent say to each other: log records one way, the request to stop the other.

Each worker has a connection of its own: one that is killed in the middle of a record cannot damage the others', as it
would with a queue or an event that all of them share.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import math
import os
import secrets
import sys
import time
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_STOP = "stop"

_report: Callable[[logging.LogRecord], None] | None = None
_stop, _asked = Event(), Event()


class _Sender:
    """What `QueueHandler` needs of a queue."""

    def __init__(self, report: Callable[[logging.LogRecord], None]) -> None:
        self._report = report

    def put_nowait(self, record: logging.LogRecord) -> None:
        # Where the parent is gone, the job's own log file still has the record.
        with contextlib.suppress(OSError):
            self._report(record)


class ScreenHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what standard output is when a record comes: progress bars put their own in its place.

    Named by the hydra logging configuration. Records that went past the bars would break them.
    """

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        """Standard output as it is now."""
        return sys.stdout


def console_handler() -> logging.Handler:
    """Return the handler that shows records to the user: by way of the parent in a worker, else directly.

    Named by the job logging configuration.
    """
    if _report is not None:
        return logging.handlers.QueueHandler(_Sender(_report))  # type: ignore[arg-type]
    return ScreenHandler()


def report_to(report: Callable[[logging.LogRecord], None]) -> None:
    """Send this process' records to this function from now on."""
    global _report  # noqa: PLW0603 - a process has one parent
    _report = report


def connect(address: Any, key: bytes, slot: str) -> None:
    """Send this process' records to the parent from now on, and hear when it wants the trial to stop."""
    parent = Client(address, authkey=key)
    parent.send(slot)
    report_to(parent.send)
    Thread(target=_listen, args=(parent,), name="relay-listener", daemon=True).start()


def _listen(parent: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        while parent.recv() != _STOP:
            pass
        request_stop()


def request_stop() -> None:
    """Let this process' trial stop, or end the process where the trial cannot."""
    _stop.set()
    if not _asked.is_set():
        # A task that does not ask cannot stop by itself; a trial that has not asked yet has nothing to keep.
        os._exit(1)


def stop_requested() -> bool:
    """Tell whether the parent wants this process' trial to stop; False where there is no parent."""
    _asked.set()
    return _stop.is_set()


class LogRelay:
    """The parent's end: receives the records of all workers.

    Args:
        show: called with each record, from a thread of its own for each worker.
    """

    def __init__(self, show: Callable[[logging.LogRecord], None]) -> None:
        self._show = show
        self.key = secrets.token_bytes(32)
        self._listener = Listener(authkey=self.key)
        self._closed = False
        self._readers: list[Thread] = []
        self._left: dict[str, tuple[float, float]] = {}
        self._connections: list[tuple[str, Connection]] = []
        Thread(target=self._accept, name="relay", daemon=True).start()

    @property
    def address(self) -> Any:
        """What a worker connects to."""
        return self._listener.address

    def last_left(self, slot: str) -> tuple[float, float]:
        """Return when the slot's last worker to hang up had come and when it went, on the monotonic clock."""
        return self._left.get(slot, (-math.inf, -math.inf))

    def request_stop(self, slot: str) -> None:
        """Ask a slot's worker to stop its trial, or to end where it cannot."""
        # Several: a predecessor's may not have been noticed to be closed.
        for connection in [known for name, known in list(self._connections) if name == slot]:
            with contextlib.suppress(OSError):  # it is gone
                connection.send(_STOP)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show what the workers, all ended, have still sent, and take no more connections."""
        self._closed = True
        for reader in self._readers:
            reader.join(timeout=2)
        with contextlib.suppress(OSError):
            Client(self.address, authkey=self.key).close()  # wakes the thread that waits for one
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):
                continue  # a worker that died while it introduced itself
            reader = Thread(target=self._read, args=(connection,), name="relay-worker", daemon=True)
            self._readers.append(reader)
            reader.start()

    def _read(self, connection: Connection) -> None:
        slot, came = "", time.monotonic()
        with connection, contextlib.suppress(EOFError, OSError):
            slot = connection.recv()
            self._connections.append((slot, connection))
            while True:
                self._show(connection.recv())
        if (slot, connection) in self._connections:
            self._connections.remove((slot, connection))
        self._left[slot] = (came, time.monotonic())
