"""A trial's state after an epoch, in one file: written whole or not at all, and read only when undamaged.

A `.keras` file would not do: it forgets the state of dropout's random numbers, and a trial resumed from it
drifts away from the uninterrupted one. Not here: what is in the arrays, see `trainer`.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seedsweep.metrics import EpochMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

log = logging.getLogger(__name__)

FILE_NAME = "checkpoint.bin"
_MAGIC = b"seedsweep checkpoint 2\n"
_DIGEST_BYTES = 32


@dataclass(frozen=True)
class Checkpoint:
    """Everything that the rest of a trial follows from.

    Attributes:
        training_id: of the trials whose state it is, see `trials.fingerprint`.
        history: what each epoch so far came to, from epoch 1.
        train_seconds: wall time of those epochs.
        arrays: all variables of the network, then all of its optimizer, in Keras' order; then those of the network
            after its best epoch, where they are kept.
    """

    training_id: str
    history: Sequence[EpochMetrics]
    train_seconds: float
    arrays: Sequence[NDArray[np.generic]]

    @property
    def epoch(self) -> int:
        """The last epoch that is in it; 0 before the first."""
        return len(self.history)


@dataclass(frozen=True)
class CheckpointConfig:
    """How a trial's state is kept.

    Attributes:
        training_id: of the trials whose state it is, see `trials.fingerprint`.
        path: the checkpoint's file.
        every: epochs between two checkpoints; the last epoch always has one.
        stop: tells whether the trial is to end after the batch that it is in.
    """

    training_id: str
    path: Path
    every: int
    stop: Callable[[], bool]


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint at a path. A concurrent reader sees the old or the new one.

    Raises:
        OSError: there is no room, or no permission; what stood there still does.
    """
    told = {
        "training_id": checkpoint.training_id,
        "train_seconds": checkpoint.train_seconds,
        "history": [dict(metrics.values) for metrics in checkpoint.history],
        # NumPy would save an array of bfloat16 as bytes without a type.
        "dtypes": [str(array.dtype) for array in checkpoint.arrays],
        "shapes": [array.shape for array in checkpoint.arrays],
    }
    header = json.dumps(told).encode()
    parts = [header, b"\n", *(np.ascontiguousarray(array).tobytes() for array in checkpoint.arrays)]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    # Beside the target: a rename is atomic within one file system only.
    unfinished = _unfinished(path)
    try:
        with unfinished.open("wb") as file:
            file.write(_MAGIC)
            file.write(digest.digest())
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def remove(path: Path) -> None:
    """Remove a checkpoint, and what a write that was killed has left beside it."""
    path.unlink(missing_ok=True)
    _unfinished(path).unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".unfinished")


def read(path: Path, training_id: str, epochs: int) -> Checkpoint | None:
    """Return the checkpoint at a path, or None where there is none that this trial of some epochs can resume from.

    A damaged one, or another trial's, is said and passed over: the trial then starts again and ends with
    the same weights.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("cannot read %s (%s): the trial starts again", path, error.strerror)
        return None
    body = content[len(_MAGIC) + _DIGEST_BYTES :]
    expected = _MAGIC + hashlib.sha256(body).digest()
    if content[: len(expected)] != expected:
        log.warning("%s is damaged: the trial starts again", path)
        return None
    stream = io.BytesIO(body)
    told = json.loads(stream.readline())
    if told["training_id"] != training_id or len(told["history"]) > epochs:
        return None
    arrays = []
    for dtype, shape in zip(told["dtypes"], told["shapes"], strict=True):
        kind = np.dtype(dtype)
        arrays.append(np.frombuffer(stream.read(kind.itemsize * int(np.prod(shape))), kind).reshape(shape))
    history = [EpochMetrics(epoch, values) for epoch, values in enumerate(told["history"], start=1)]
    return Checkpoint(training_id, history, told["train_seconds"], arrays)


def furthest(directories: Iterable[Path], training_id: str, epochs: int) -> Checkpoint | None:
    """Return the checkpoint with the most epochs in it that `read` gives, or None where no directory has one."""
    found = (read(directory / FILE_NAME, training_id, epochs) for directory in directories)
    return max((known for known in found if known), key=lambda known: known.epoch, default=None)
