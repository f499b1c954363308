"""What the computing libraries raise, told apart by what can be done about it."""

from __future__ import annotations

import errno

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


def is_no_room(error: BaseException) -> bool:
    """Tell whether something could not be written where it should be."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM
