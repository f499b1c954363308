"""A data set ready to train on: split, scaled, with an identity. Loaded once a process.

Not here: where the arrays come from, see `sources`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seedsweep.config.trial_config import Augment
from seedsweep.data import scaling, sources
from seedsweep.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from seedsweep.config.trial_config import Data
    from seedsweep.data.npz import RawArrays

# Every tenth training image validates; every fifth tests where a file brings no test images.
VALIDATION_STEP = 10
TEST_STEP = 5
# How many classes a sentence names.
_NAMED = 10


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
        warnings: what makes results on it less than they seem, a sentence each.
    """

    train: Split
    validation: Split
    test: Split
    classes: int
    sha256: str
    description: str
    warnings: tuple[str, ...] = ()

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
        UserError: the data are missing, damaged, or cannot be scaled as asked.
    """
    # How images are moved while training is the network's affair: the arrays are the same.
    return _prepared(replace(data, augment=Augment(shift=0, rotate=0, zoom=0)))


@lru_cache(maxsize=2)
def _prepared(data: Data) -> Dataset:
    return prepare(data, _read(data.name, data.path))


def prepare(data: Data, raw: RawArrays) -> Dataset:
    """Split and scale raw arrays.

    Raises:
        UserError: they cannot be scaled as asked, or a class would have no training image.
    """
    x_train, y_train = raw.x_train, raw.y_train
    x_test, y_test = raw.x_test, raw.y_test
    note = ""
    if x_test is None or y_test is None:
        held = _every(TEST_STEP, y_train)
        if not held.any():
            raise UserError(
                f"{len(y_train)} images are too few to test on a fifth of them",
                where="data.path",
                fix="save test images too, as x_test and y_test",
            )
        x_test, y_test = x_train[held], y_train[held]
        x_train, y_train = x_train[~held], y_train[~held]
        note = " (every fifth image is held out for testing: the file has no test images)"
    by = scaling.divisor(data.scale, x_train, x_test)
    test = Split(scaling.scaled(x_test, by), y_test)
    if data.validation == "holdout":
        held = _every(VALIDATION_STEP, y_train)
        if not held.any():
            raise UserError(
                f"{len(y_train)} training images are too few to hold a tenth out",
                where="data.validation",
                fix="data.validation=test, or more images",
            )
        train = Split(scaling.scaled(x_train[~held], by), y_train[~held])
        validation = Split(scaling.scaled(x_train[held], by), y_train[held])
        seen = f"{len(validation):,} validation"
    else:
        train, validation = Split(scaling.scaled(x_train, by), y_train), test
        seen = "validated on the test images"
    classes = int(raw.y_train.max()) + 1
    _check_all_train(train.y, classes)
    pixels = "as they are" if by is None else f"divided by {by:g}"
    return Dataset(
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        sha256=raw.sha256,
        description=(f"{_shown(data, raw)}: {len(train):,} train, {seen}, {len(test):,} test{note}; pixels {pixels}"),
        warnings=tuple(_warnings(validation.y, y_test, classes, x_train, x_test)),
    )


def _check_all_train(y_train: NDArray[np.int64], classes: int) -> None:
    """Check that each class has an image to learn from.

    Raises:
        UserError: one has none.
    """
    if missing := _missing(y_train, classes):
        raise UserError(
            f"{_classes(missing, classes)} no training image: all of them are held out to validate or test",
            where="data.path",
            fix="more images of these classes, or none of them in the file; data.validation=test holds fewer out",
        )


def _warnings(
    y_validation: NDArray[np.int64],
    y_test: NDArray[np.int64],
    classes: int,
    x_train: NDArray[np.generic],
    x_test: NDArray[np.generic],
) -> Iterator[str]:
    for what, labels in (("validation", y_validation), ("test", y_test)):
        if missing := _missing(labels, classes):
            yield f"{_classes(missing, classes)} no {what} image: the {what} accuracy does not measure that"
    known = {image.tobytes() for image in x_train}
    if twice := sum(image.tobytes() in known for image in x_test):
        are = "is also a training image" if twice == 1 else "are also training images"
        yield f"{twice:,} of the {len(x_test):,} test images {are}: the test accuracy is too high"


def _missing(labels: NDArray[np.int64], classes: int) -> list[int]:
    return [int(label) for label in np.flatnonzero(np.bincount(labels, minlength=classes) == 0)]


def _classes(some: Sequence[int], classes: int) -> str:
    listed = ", ".join(map(str, some[:_NAMED])) + (", …" if len(some) > _NAMED else "")
    return f"class {listed} has" if len(some) == 1 else f"{len(some)} of {classes} classes ({listed}) have"


def _shown(data: Data, raw: RawArrays) -> str:
    """Return what a person knows a data set by; for a file of their own its hash says which content."""
    return f"{Path(str(data.path)).name} (sha256 {raw.sha256[:8]})" if data.name == "npz" else data.name


def _every(step: int, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark every `step`-th image in the order of class, then position: fixed, and fair to each class."""
    order = np.argsort(labels, kind="stable")
    held = np.zeros(len(labels), dtype=bool)
    held[order[step - 1 :: step]] = True
    return held
