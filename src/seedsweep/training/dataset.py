"""A data set ready to train on: split, scaled, with an identity. Loaded once a process.

Not here: where the arrays come from, see `sources`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seedsweep.errors import BadInput
from seedsweep.training import sources
from seedsweep.trials.spec import Augment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seedsweep.training.npz import RawArrays
    from seedsweep.trials.spec import Data

# Every tenth training image validates; every fifth tests where a file brings no test images.
VALIDATION_STEP = 10
TEST_STEP = 5


@dataclass(frozen=True)
class Split:
    """Images (n, height, width, channels) float32 and their labels (n,) int64."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Dataset:
    """Everything that a trial learns from and is measured on.

    Attributes:
        train: what weights are fitted to.
        validation: what is measured after every epoch.
        test: what is measured once, after the last epoch.
        classes: number of classes.
        sha256: identity of the raw arrays, before splitting and scaling.
        description: the split in words, for logs and headings.
    """

    train: Split
    validation: Split
    test: Split
    classes: int
    sha256: str
    description: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width in pixels, and channels."""
        height, width, channels = self.train.x.shape[1:]
        return height, width, channels


@lru_cache(maxsize=2)
def _read(name: str, path: str | None) -> RawArrays:
    """Read and hash once what several ways of splitting and scaling share."""
    return sources.read(name, path)


def load(data: Data) -> Dataset:
    """Load what a trial's data settings name; the second call in a process costs nothing.

    Raises:
        BadInput: the data are missing, damaged, or cannot be scaled as asked.
    """
    # How images are moved while training is the network's affair: the arrays are the same.
    return _prepared(replace(data, augment=Augment(shift=0, rotate=0, zoom=0)))


@lru_cache(maxsize=2)
def _prepared(data: Data) -> Dataset:
    return prepare(data, _read(data.name, data.path))


def prepare(data: Data, raw: RawArrays) -> Dataset:
    """Split and scale raw arrays."""
    x_train, y_train = raw.x_train, raw.y_train
    x_test, y_test = raw.x_test, raw.y_test
    note = ""
    if x_test is None or y_test is None:
        held = _every(TEST_STEP, y_train)
        if not held.any():
            raise BadInput(
                f"{len(y_train)} images are too few to test on a fifth of them",
                where="data.path",
                fix="save test images too, as x_test and y_test",
            )
        x_test, y_test = x_train[held], y_train[held]
        x_train, y_train = x_train[~held], y_train[~held]
        note = " (every fifth image tests: the file has no test images)"
    classes = int(raw.y_train.max()) + 1
    test = Split(_scaled(x_test, data.scale), y_test)
    if data.validation == "holdout":
        held = _every(VALIDATION_STEP, y_train)
        if not held.any():
            raise BadInput(
                f"{len(y_train)} training images are too few to hold a tenth out",
                where="data.validation",
                fix="data.validation=test, or more images",
            )
        train = Split(_scaled(x_train[~held], data.scale), y_train[~held])
        validation = Split(_scaled(x_train[held], data.scale), y_train[held])
        seen = f"{len(validation):,} validation"
    else:
        train, validation = Split(_scaled(x_train, data.scale), y_train), test
        seen = "validated on the test images"
    return Dataset(
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        sha256=raw.sha256,
        description=f"{_shown(data, raw)}: {len(train):,} train, {seen}, {len(test):,} test{note}",
    )


def _shown(data: Data, raw: RawArrays) -> str:
    """Return what a person knows a data set by; for a file of their own its hash says which content."""
    return f"{Path(str(data.path)).name} (sha256 {raw.sha256[:8]})" if data.name == "npz" else data.name


def _every(step: int, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark every `step`-th image in the order of class, then position: fixed, and fair to each class."""
    order = np.argsort(labels, kind="stable")
    held = np.zeros(len(labels), dtype=bool)
    held[order[step - 1 :: step]] = True
    return held


def _scaled(x: NDArray[np.generic], scale: str) -> NDArray[np.float32]:
    """Return images as (n, height, width, channels) float32; "unit" divides by the type's maximum."""
    if x.ndim == 3:
        x = x[..., np.newaxis]
    pixels = x.astype(np.float32)
    if scale == "raw":
        return pixels
    if np.issubdtype(x.dtype, np.integer):
        if x.dtype.itemsize > 2:
            raise _no_unit(f"pixels are stored as {x.dtype}, whose largest value says nothing")
        pixels /= np.float32(np.iinfo(x.dtype).max)  # type: ignore[type-var]
        return pixels
    lowest, highest = float(pixels.min()), float(pixels.max())
    if lowest < -1 or highest > 1:
        raise _no_unit(f"pixels are fractions from {lowest:g} to {highest:g}")
    return pixels


def _no_unit(reason: str) -> BadInput:
    return BadInput(
        f"cannot scale to 0–1: {reason}",
        where="data.scale",
        fix="data.scale=raw takes them as they are; or save them as uint8",
    )
