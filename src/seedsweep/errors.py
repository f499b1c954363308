"""Every error that seedsweep raises on purpose. Not here: how they are shown, see `cli`.

SeedsweepError
├── BadInput            what a user typed or handed over cannot be used; exit code 2, nothing was started
├── SweepInterrupted    somebody pressed Ctrl-C; exit code 130
├── TrialsFailed        the sweep ended and some of its trials failed; exit code 1
└── TrialError          one trial cannot end well; its siblings go on
    ├── Diverged        its loss is no longer a finite number
    └── WorkerDied      the process that ran it is gone
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SeedsweepError(Exception):
    """The root of this project's errors."""


class BadInput(SeedsweepError):
    """Something that a user typed, or a file that a user named, cannot be used.

    Args:
        what: what is wrong, with the value received and the values allowed.
        where: the setting or the file that it is about.
        fix: what to type instead, or None when `what` already says it.
    """

    def __init__(self, what: str, *, where: str, fix: str | None = None) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the keyword arguments when the error travels between processes."""
        return _rebuild_bad_input, (self.what, self.where, self.fix)

    def __str__(self) -> str:
        lines = f"error: {self.what} ({self.where})"
        return f"{lines}\nfix: {self.fix}" if self.fix else lines


def _rebuild_bad_input(what: str, where: str, fix: str | None) -> BadInput:
    return BadInput(what, where=where, fix=fix)


class SweepInterrupted(SeedsweepError):
    """The sweep was stopped from the keyboard before it ended."""


class TrialsFailed(SeedsweepError):
    """The sweep ended, and some of its trials did not."""


class TrialError(SeedsweepError):
    """One trial cannot end well."""


class Diverged(TrialError):
    """The training loss of a trial became NaN or infinite."""


class WorkerDied(TrialError):
    """The process that ran a trial ended before the trial did."""


def did_you_mean(received: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word closest to the one received, or None when none is close."""
    close = difflib.get_close_matches(received, list(allowed), n=1, cutoff=0.6)
    return close[0] if close else None
