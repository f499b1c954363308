"""What a user sees while a sweep runs: one line for all trials, one for each running one."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType

_COLOURS = {logging.ERROR: "red", logging.WARNING: "yellow"}


class _Console(Console):
    """A console whose reader may leave: a sweep goes on without one, as with `| head`."""

    def on_broken_pipe(self) -> None:
        """Speak to nobody from now on; Rich itself would exit."""
        self.quiet = True


class Screen:
    """Shows the progress of a launch, and every record that a worker logs.

    Records with an attribute `seedsweep_epoch` (job number, epoch, epochs) move a bar and are not printed.
    Without a terminal there are no bars: a line for each start, and what the trials log.
    """

    def __init__(self, total: int) -> None:
        self.console = _Console(highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._lock = threading.Lock()
        self._all = self._bars.add_task("trials", total=total)
        self._running: dict[int, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def started(self, job: int, label: str, slot: str) -> None:
        """Show that a job runs from now on."""
        with self._lock:
            self._running[job] = self._bars.add_task(label, total=None)
        if not self.console.is_terminal:
            self._print(f"started  {label}  on {slot}", "")

    def ended(self, job: int) -> None:
        """Show that a job runs no longer."""
        with self._lock:
            self._bars.remove_task(self._running.pop(job))
            self._bars.advance(self._all)

    def retried(self, label: str, reason: str) -> None:
        """Say that a job failed and will be started again."""
        with self._lock:
            self._bars.update(self._all, advance=-1)
        self._print(f"again    {label}: {reason}", "yellow")

    def failed(self, label: str, reason: str, traceback: str) -> None:
        """Say at once that a job failed, and where."""
        if traceback:
            self._print(traceback.rstrip(), "")
        self._print(f"failed   {label}: {reason}", "red")

    def say(self, text: str) -> None:
        """Say something about the launch itself."""
        self._print(text, "yellow")

    def show(self, record: logging.LogRecord) -> None:
        """Show what a worker logged."""
        epoch = getattr(record, "seedsweep_epoch", None)
        if epoch is None:
            self._print(record.getMessage(), _COLOURS.get(record.levelno, ""))
            return
        job, done, total = epoch
        with self._lock:
            if job in self._running:
                self._bars.update(self._running[job], completed=done, total=total)

    def _print(self, text: str, style: str) -> None:
        # A text, not markup: what a trial is called or says may hold brackets.
        with contextlib.suppress(OSError):  # a log on a full disk is no reason to end a sweep
            self.console.print(Text(text, style=style), soft_wrap=True)
