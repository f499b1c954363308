"""Pickles configs for another process, and opens them there."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle

from seedsweep.system.gc_pause import gc_paused


def packed(configs: Any) -> bytes:
    """Return something pickled that holds configs, in half the time that cloudpickle takes.

    A class of the program that was started, a structured config's say, goes along with it as cloudpickle sends it:
    another process may not find it under its name.
    """
    try:
        pickled = pickle.dumps(configs, pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError):
        pickled = b"__main__"
    return bytes(cloudpickle.dumps(configs)) if b"__main__" in pickled else pickled


def unpacked(pickled: bytes) -> Any:
    """Return what was packed."""
    with gc_paused():
        return pickle.loads(pickled)  # noqa: S301 - by ourselves
