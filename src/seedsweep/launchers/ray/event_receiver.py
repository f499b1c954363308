"""Receives a Ray worker's updates: log records are shown, and changes of its job's directory are written here."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError

from seedsweep.errors import WriteError
from seedsweep.launchers.ray import directory_sync

if TYPE_CHECKING:
    from pathlib import Path

    from seedsweep.launchers.progress import ProgressDisplay
    from seedsweep.launchers.ray.actor import WorkerUpdate

# How long updates that were sent before a job's result may take to arrive.
_LATE_SECONDS = 30.0


class EventReceiver:
    """Receives the updates of a worker, in their order, in a thread of its own.

    Attributes:
        is_lost: whether the worker does not answer any more.
    """

    def __init__(self, screen: ProgressDisplay) -> None:
        self._screen = screen
        self._last_number = 0
        self._changed = threading.Condition()
        self._directory: Path | None = None
        self._others: directory_sync.DirectorySync | None = None
        self._write_error: OSError | ValueError | None = None
        self._closed = False
        self.is_lost = False

    def listen_to(self, actor: Any) -> None:
        """Receive the updates of an actor from now on."""
        threading.Thread(target=self._listen, args=(actor,), name="ray-worker", daemon=True).start()

    def expect(self, directory: Path, others: directory_sync.DirectorySync | None) -> None:
        """Write the changes of the next updates to a job's directory."""
        with self._changed:
            self._directory, self._others, self._write_error = directory, others, None

    def take(self, update: WorkerUpdate, patience: float | None = None) -> None:
        """Process an update, after all updates before it.

        Args:
            update: of a worker.
            patience: seconds to wait for the updates before it; None: until they arrive, or this is closed.

        Raises:
            TimeoutError: an update before it did not arrive.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._last_number == update.number - 1, patience):
                raise TimeoutError
            if self._closed:
                return
            self._last_number = update.number
            self._changed.notify_all()
            try:
                # What follows something that could not be written would leave a gap.
                if self._directory and not self._write_error:
                    directory_sync.apply(update.changes, self._directory)
            except (OSError, ValueError) as error:
                self._write_error = error
            for record in update.records:
                self._screen.show(record)

    def take_last(self, update: WorkerUpdate) -> None:
        """Process the last update of a job, after all before it.

        Raises:
            WriteError: its changes cannot be written.
            TimeoutError: an update before it did not arrive.
        """
        self.take(update, _LATE_SECONDS)
        if self._write_error:
            raise WriteError(
                f"cannot write a trial's files to {self._directory}: {self._write_error}",
                "nothing is lost: free space or permission there, then run the same command again to resume",
            )

    def close(self) -> None:
        """Process no more updates."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _listen(self, actor: Any) -> None:
        while not self._closed:
            try:
                update = ray.get(actor.next_update.remote())
            except (RayError, ConnectionError):
                self.is_lost = True
                return
            # An update from after a job's result can arrive before the driver has taken the result.
            self.take(update)
            with self._changed:
                others = self._others.changes() if self._others else []
            if others:
                actor.receive_changes.remote(others)
