"""Pickles configs for another process."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle


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
