"""What a user sees while a sweep runs: one line for all trials, one for each running one."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from seedsweep.launchers.time_left import EtaEstimator, about

if TYPE_CHECKING:
    from types import TracebackType

# How long a sweep without a terminal says nothing of its progress.
_QUIET_SECONDS = 60.0

_COLOURS = {logging.ERROR: "red", logging.WARNING: "yellow"}


class _Console(Console):
    """A console whose reader may leave: a sweep continues without one, as with `| head`."""

    def on_broken_pipe(self) -> None:
        """Print nothing from now on; Rich itself would exit."""
        self.quiet = True


class _Left(ProgressColumn):
    """How long all trials still take."""

    max_refresh = 1.0

    def __init__(self, pace: EtaEstimator) -> None:
        super().__init__()
        self._pace = pace

    def render(self, task: Task) -> Text:
        """Show it beside the bar that is for all of them."""
        left = self._pace.left(time.monotonic())
        return Text(f"{about(left)} left" if left is not None and task.fields.get("is_all") else "", style="cyan")


class ProgressDisplay:
    """Shows the progress of a launch, and every record that a worker logs.

    Records with an attribute `seedsweep_epoch` (job number, epoch, epochs) move a bar and are not printed. Of those
    with `seedsweep_once`, which each worker may say, the first is printed.
    Without a terminal there are no bars: a line for each start, what the trials log, and at most once a minute, when
    an epoch has ended, how far the launch has come.
    """

    def __init__(self, total: int) -> None:
        self.console = _Console(highlight=False)
        self._has_terminal = self.console.is_terminal
        self._pace = EtaEstimator(total, time.monotonic())
        self._told = time.monotonic()
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            _Left(self._pace),
            console=self.console,
            transient=True,
            disable=not self._has_terminal,
        )
        self._lock = threading.Lock()
        self._all = self._bars.add_task("trials", total=total, is_all=True)
        self._running: dict[int, TaskID] = {}
        self._said_once: set[str] = set()

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
            self._pace.started(job)
        if not self._has_terminal:
            self._print(f"started  {label}  on {slot}", "")

    def ended(self, job: int) -> None:
        """Show that a job runs no longer."""
        with self._lock:
            self._bars.remove_task(self._running.pop(job))
            self._bars.advance(self._all)
            self._pace.ended(job, time.monotonic())
        self._tell()

    def retried(self, label: str, reason: str) -> None:
        """Say that a job failed and will be started again."""
        with self._lock:
            self._bars.update(self._all, advance=-1)
            self._pace.again()
        self._print(f"retrying {label}: {reason}", "yellow")

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
            if self._is_news(record):
                self._print(record.getMessage(), _COLOURS.get(record.levelno, ""))
            return
        job, done, total = epoch
        with self._lock:
            if job in self._running:
                self._bars.update(self._running[job], completed=done, total=total)
                self._pace.epoch(job, done, total, time.monotonic())
        self._tell()

    def _is_news(self, record: logging.LogRecord) -> bool:
        if not getattr(record, "seedsweep_once", False):
            return True
        with self._lock:
            known = len(self._said_once)
            self._said_once.add(record.getMessage())
            return len(self._said_once) > known

    def _tell(self) -> None:
        """Say how far the launch has come, where no bars show it and nothing was said of it for a while."""
        with self._lock:
            now, running = time.monotonic(), len(self._running)
            left = self._pace.left(now)
            if self._has_terminal or left is None or not running or now - self._told < _QUIET_SECONDS:
                return
            self._told = now
            done = self._pace.done
        self._print(f"so far   {done} of {self._pace.total} trials, {running} running, {about(left)} left", "")

    def _print(self, text: str, style: str) -> None:
        # A text, not markup: what a trial is called or says may hold brackets.
        with contextlib.suppress(OSError):  # a log on a full disk is no reason to end a sweep
            self.console.print(Text(text, style=style), soft_wrap=True)
