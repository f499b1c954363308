"""Hashes of arrays: the identity of a data set and of a network's weights."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def arrays_sha256(arrays: Iterable[NDArray[np.generic]]) -> str:
    """Return the SHA-256 of arrays in their order, each with its type and shape, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
