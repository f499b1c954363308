"""What Ray workers tell the driver, taken in: records are shown, and a job's directory is kept as it is on its node."""

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

# How long news that was sent before a job's result may take to be here.
_LATE_SECONDS = 30.0


class EventReceiver:
    """Takes in what a worker tells, in its order, from a thread of its own.

    Attributes:
        is_lost: whether the worker does not answer any more.
    """

    def __init__(self, screen: ProgressDisplay) -> None:
        self._screen = screen
        self._taken = 0
        self._changed = threading.Condition()
        self._directory: Path | None = None
        self._others: directory_sync.DirectorySync | None = None
        self._trouble: OSError | ValueError | None = None
        self._closed = False
        self.is_lost = False

    def listen_to(self, actor: Any) -> None:
        """Take in what an actor tells from now on."""
        threading.Thread(target=self._listen, args=(actor,), name="ray-worker", daemon=True).start()

    def expect(self, directory: Path, others: directory_sync.DirectorySync | None) -> None:
        """Write what comes from now on to a job's directory."""
        with self._changed:
            self._directory, self._others, self._trouble = directory, others, None

    def take(self, news: WorkerUpdate, patience: float | None = None) -> None:
        """Take in news, after all that were told before it.

        Args:
            news: what a worker told.
            patience: seconds to wait for what was told before; None: until it is here, or this is closed.

        Raises:
            TimeoutError: what was told before did not arrive.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._taken == news.number - 1, patience):
                raise TimeoutError
            if self._closed:
                return
            self._taken = news.number
            self._changed.notify_all()
            try:
                # What follows something that could not be written would leave a gap.
                if self._directory and not self._trouble:
                    directory_sync.apply(news.changes, self._directory)
            except (OSError, ValueError) as error:
                self._trouble = error
            for record in news.records:
                self._screen.show(record)

    def take_last(self, news: WorkerUpdate) -> None:
        """Take in the last news of a job, after all that came before.

        Raises:
            WriteError: it cannot be written.
            TimeoutError: what came before did not arrive.
        """
        self.take(news, _LATE_SECONDS)
        if self._trouble:
            raise WriteError(
                f"cannot write what a trial has told to {self._directory}: {self._trouble}",
                "nothing is lost: free space or permission there, then run the same command again to resume",
            )

    def close(self) -> None:
        """Take in nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _listen(self, actor: Any) -> None:
        while not self._closed:
            try:
                news = ray.get(actor.news.remote())
            except (RayError, ConnectionError):
                self.is_lost = True
                return
            # News from after a job's result can be here before the driver has taken the result.
            self.take(news)
            with self._changed:
                others = self._others.changes() if self._others else []
            if others:
                actor.hear.remote(others)
