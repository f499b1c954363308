"""Every error that seedsweep raises on purpose. Not here: how they are shown, see `cli`.

SeedsweepError
├── UserError           what a user typed or handed over cannot be used; exit code 2, nothing was started
├── SweepInterrupted    Ctrl-C was pressed; exit code 130 (the launcher raises LaunchInterrupted)
├── TrialsFailed        the sweep ended and some of its trials failed; exit code 1
├── SearchFailed        what proposes a sweep's trials failed; exit code 1
├── WriteError          results cannot be kept where they should be; exit code 1
└── TrialError          one trial failed; the others continue
    ├── NonFiniteLoss   its loss is no longer a finite number; never tried again
    ├── TrialCrashed    anything else that it raised
    ├── TimedOut        it took longer than it may
    ├── TrialStopped    it was asked to stop, and has
    ├── TrialPruned     the other trials of its sweep were better: it ended early, and did not fail
    └── Retryable       nothing is wrong with the trial itself: it is tried again
        ├── WorkerDied  the process that ran it is gone
        └── OutOfMemory memory did not suffice beside what else was in it

Terminated and LaunchInterrupted are KeyboardInterrupts, because Hydra must let them through.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SeedsweepError(Exception):
    """The root of this project's errors."""


class UserError(SeedsweepError):
    """Something that a user typed, or a file that a user named, cannot be used.

    Args:
        what: what is wrong, with the value received and the values allowed.
        where: the setting or the file that it is about.
        fix: what to type instead.
    """

    def __init__(self, what: str, *, where: str, fix: str) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the keyword arguments when the error travels between processes."""
        return _rebuild_user_error, (self.what, self.where, self.fix)

    def __str__(self) -> str:
        return f"error: {self.what} ({self.where})\nfix: {self.fix}"


def _rebuild_user_error(what: str, where: str, fix: str) -> UserError:
    return UserError(what, where=where, fix=fix)


class SweepInterrupted(SeedsweepError):
    """The sweep was stopped from the keyboard before it ended."""


class LaunchInterrupted(KeyboardInterrupt):
    """Ctrl-C while jobs ran.

    Attributes:
        failures: job number → error of the jobs that had failed before.
    """

    def __init__(self, failures: dict[int, BaseException]) -> None:
        super().__init__()
        self.failures = failures


class Terminated(KeyboardInterrupt):
    """Ctrl-C for the second time, or SIGTERM: the workers are killed already, and seconds are left.

    Attributes:
        code: what to exit with.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class TrialsFailed(SeedsweepError):
    """The sweep ended, and some of its trials did not."""


class SearchFailed(SeedsweepError):
    """What proposes the trials of a sweep failed, or its record is another search's."""


class WriteError(SeedsweepError):
    """Results cannot be kept where they should be.

    Args:
        what: what cannot be written, and why.
        fix: what to do.
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what, fix)
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return f"error: {self.what}\nfix: {self.fix}"


class TrialError(SeedsweepError):
    """One trial cannot end well."""


class NonFiniteLoss(TrialError):
    """The training loss of a trial became NaN or infinite.

    Args:
        metric: which loss.
        value: what it became.
        epoch: when, counted from 1.
    """

    def __init__(self, metric: str, value: float, epoch: int) -> None:
        super().__init__(metric, value, epoch)
        self.epoch = epoch

    def __str__(self) -> str:
        metric, value, epoch = self.args
        return f"{metric} became {value} in epoch {epoch}"


class TrialCrashed(TrialError):
    """Training raised something; the message names it. The traceback is kept with the trial.

    The error itself does not travel: unpickling one of TensorFlow's would import TensorFlow.
    """


class TimedOut(TrialError):
    """A trial took longer than `timeout` allows; its process was killed."""


class TrialPruned(TrialError):
    """A trial was stopped because the others of its sweep were better at the same epoch.

    Args:
        epoch: the last one that it trained.
        metrics: what that came to.
    """

    def __init__(self, epoch: int, metrics: dict[str, float]) -> None:
        super().__init__(epoch, metrics)
        self.epoch = epoch
        self.metrics = metrics

    def __str__(self) -> str:
        return f"stopped after epoch {self.epoch}, where half of the finished trials were better"


class TrialStopped(TrialError):
    """A trial was asked to stop, and has written its checkpoint."""


class Retryable(TrialError):
    """A trial was lost to something outside it."""


class WorkerDied(Retryable):
    """The process that ran a trial ended before the trial did."""


class OutOfMemory(Retryable):
    """Memory of the machine or of the GPU did not suffice."""


# What other programs call some of our settings.
_SYNONYMS = {"lr": "learning_rate", "optimizer": "opt", "optim": "opt", "wd": "weight_decay", "bs": "batch_size"}


def did_you_mean(received: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word closest to the one received, or None when none is close.

    Of a dotted path the last part may have been meant, and of any word its beginning, or its name elsewhere.
    """
    words = {word.lower(): word for word in allowed}
    above, dot, leaf = received.lower().rpartition(".")
    typed = f"{above}{dot}{_SYNONYMS.get(leaf, leaf)}"
    leaf = typed.rpartition(".")[2]
    same_leaf = [word for word in words if word.rpartition(".")[2] == leaf]
    known = [word for word in (typed, *(same_leaf if not dot else ())) if word in words]
    part_of = [word for word in words if len(leaf) > 3 and leaf in word and leaf != word]
    close = difflib.get_close_matches(typed, words, n=1, cutoff=0.6)
    closest = difflib.get_close_matches(typed, words, n=1, cutoff=0.8)
    found = known or closest or part_of or close
    return words[found[0]] if found else None


def reason(error: BaseException) -> str:
    """Return an error in one line, under the name of what went wrong first."""
    # TensorFlow's first line says only where it noticed.
    lines = [line for line in str(error).strip().splitlines() if line and line != "Graph execution error:"]
    if isinstance(error, TrialCrashed | OutOfMemory):
        return lines[0]  # which names the error that it stands for
    if isinstance(error, UserError | WriteError):
        return error.what
    if isinstance(error, NonFiniteLoss):
        return f"Diverged: {error}"  # as it stands in tables and in the tag `failure`
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
