"""What a trial and the libraries that compute it raise, told apart by what can be done about it."""

from __future__ import annotations

import errno
import logging
import traceback
from typing import TYPE_CHECKING

from seedsweep.errors import OutOfMemory, SeedsweepError, TrialCrashed, WriteError, reason

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory did not suffice, of the machine or of its GPU.

    TensorFlow raises ResourceExhaustedError, PyTorch OutOfMemoryError, and JAX an error of many meanings
    whose text begins with a status.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "ResourceExhaustedError", "OutOfMemoryError"}) or (
        ("JaxRuntimeError" in names or "XlaRuntimeError" in names) and str(error).startswith("RESOURCE_EXHAUSTED")
    )


def is_disk_full(error: BaseException) -> bool:
    """Tell whether something could not be written where it should be."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def wrap_exception(error: BaseException, name: str, directory: Path) -> BaseException:
    """Return what a trial raised as one of our errors, or itself where it is one or says to stop.

    Args:
        error: what it raised.
        name: what people call the trial.
        directory: what it writes to.
    """
    if isinstance(error, SeedsweepError | KeyboardInterrupt) or _is_requeued(error):
        return error
    if is_disk_full(error):
        assert isinstance(error, OSError)
        return disk_full_error(error, directory)
    if is_out_of_memory(error):
        return OutOfMemory(reason(error))
    log.error("%s crashed", name, exc_info=error)
    return TrialCrashed(reason(error))


def disk_full_error(error: OSError, directory: Path) -> WriteError:
    """Build the error for a directory that cannot be written to."""
    return WriteError(
        f"cannot write {error.filename or directory}: {error.strerror}",
        "nothing is lost: free space or permission there, then run the same command again to resume",
    )


def _is_requeued(error: BaseException) -> bool:
    """Tell whether submitit ends this process to begin its job again, in the handler of a signal that it gets then."""
    if not isinstance(error, SystemExit):
        return False
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals["__name__"]).startswith("submitit.")
