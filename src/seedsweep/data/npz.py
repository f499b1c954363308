"""Arrays in an .npz file: read without running any code in them, and checked to be images and labels."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from seedsweep.config.overrides import override
from seedsweep.errors import UserError, did_you_mean
from seedsweep.system.hashing import arrays_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True)
class RawArrays:
    """Images and labels as they were found.

    Attributes:
        x_train: (n, height, width) or (n, height, width, channels).
        y_train: (n,) int64 labels from 0.
        x_test: like x_train, or None where the source has no test images.
        y_test: like y_train, or None.
    """

    x_train: NDArray[np.generic]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.generic] | None
    y_test: NDArray[np.int64] | None

    @cached_property
    def sha256(self) -> str:
        """The identity of the content: a hash of the arrays' types, shapes and bytes."""
        parts = [self.x_train, self.y_train]
        if self.x_test is not None and self.y_test is not None:
            parts += [self.x_test, self.y_test]
        return arrays_sha256(parts)


def read_npz(path: Path) -> RawArrays:
    """Read x_train, y_train and, where they are there, x_test and y_test from one .npz file."""
    if not path.is_file():
        raise UserError(f"no such file: {path}", where="data.path", fix=_others(path))
    try:
        # Opened here: numpy leaves a damaged file open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files if name in ("x_train", "y_train", "x_test", "y_test")}
            others = [name for name in file.files if name not in found]
    # All that numpy, zipfile and zlib were seen to raise on files that are damaged or something else.
    except (
        *(ValueError, TypeError, AttributeError, OSError, EOFError, RuntimeError, MemoryError),
        *(NotImplementedError, KeyError, SyntaxError, zipfile.BadZipFile, zlib.error, struct.error),
    ) as error:
        raise _unreadable(path, error) from error
    for name in ("x_train", "y_train"):
        if name not in found:
            raise UserError(
                f"{path} has no array '{name}'; it has: {', '.join([*found, *others]) or 'nothing'}",
                where="data.path",
                fix="numpy.savez(FILE, x_train=…, y_train=…, x_test=…, y_test=…)",
            )
    if ("x_test" in found) != ("y_test" in found):
        raise UserError(f"{path} has only one of x_test and y_test", where="data.path", fix="save both, or neither")
    _check_split(path, "train", found)
    if "x_test" in found:
        _check_split(path, "test", found)
        _check_test_matches(path, found)
    return RawArrays(
        found["x_train"],
        found["y_train"].reshape(-1).astype(np.int64),
        found.get("x_test"),
        found["y_test"].reshape(-1).astype(np.int64) if "y_test" in found else None,
    )


def _others(missing: Path) -> str:
    """Say what to type in the place of a file that is not there."""
    beside = sorted(path.name for path in missing.parent.glob("*.npz")) if missing.parent.is_dir() else []
    if not beside:
        return "data=mnist5k data.path=null needs no file; numpy.savez writes one"
    return override("data.path", str(missing.parent / (did_you_mean(missing.name, beside) or beside[0])))


def _unreadable(path: Path, error: Exception) -> UserError:
    if str(error).startswith("Object arrays"):
        what = f"{path} holds pickled Python objects, which can run code and are never loaded"
        return UserError(what, where="data.path", fix="save plain arrays: images as uint8, labels as int64")
    return UserError(
        f"{path} does not read as an .npz file, it may be cut short or of another format: {error}",
        where="data.path",
        fix="write it again with numpy.savez",
    )


def _check_split(path: Path, split: str, found: Mapping[str, NDArray[np.generic]]) -> None:
    """Check one pair of images and labels."""
    x, y = found[f"x_{split}"], found[f"y_{split}"]
    if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] not in (1, 3, 4)):
        hint = "the channels come last: x.transpose(0, 2, 3, 1)" if x.ndim == 4 and x.shape[1] in (1, 3, 4) else None
        raise UserError(
            f"x_{split} must have the shape (n, height, width) or (n, height, width, 1, 3 or 4), "
            f"got {x.shape} in {path}",
            where="data.path",
            fix=hint or f"x_{split}.reshape(n, height, width)",
        )
    if x.dtype.kind not in "biuf":  # booleans, whole numbers, fractions
        raise UserError(
            f"x_{split} must hold numbers, got {x.dtype} in {path}",
            where="data.path",
            fix="save pixels as numbers: uint8, or float32",
        )
    if np.issubdtype(x.dtype, np.floating) and not np.isfinite(x).all():
        raise UserError(
            f"x_{split} holds NaN or infinite pixels in {path}", where="data.path", fix="remove those images"
        )
    if y.ndim not in (1, 2) or (y.ndim == 2 and y.shape[1] != 1):
        raise UserError(
            f"y_{split} must have one whole number an image, got the shape {y.shape} in {path}",
            where="data.path",
            fix="one-hot labels become numbers with y.argmax(axis=1)",
        )
    if len(x) != len(y):
        raise UserError(
            f"x_{split} has {len(x):,} images and y_{split} {len(y):,} labels in {path}",
            where="data.path",
            fix="one label an image",
        )
    if x.size == 0:
        raise UserError(f"x_{split} is empty in {path}", where="data.path", fix="at least one image, of one pixel")
    _check_labels(path, split, y)


def _check_labels(path: Path, split: str, y: NDArray[np.generic]) -> None:
    fix = "number the classes 0, 1, 2, … without gaps: numpy.unique(y, return_inverse=True)[1]"
    if not (np.issubdtype(y.dtype, np.integer) or np.issubdtype(y.dtype, np.floating)):
        raise UserError(f"y_{split} must hold whole numbers, got {y.dtype} in {path}", where="data.path", fix=fix)
    values = np.unique(y)
    if np.issubdtype(y.dtype, np.floating) and not (np.isfinite(values).all() and (values == np.round(values)).all()):
        raise UserError(f"y_{split} must hold whole numbers, got {values[:5]} in {path}", where="data.path", fix=fix)
    if values[0] < 0:
        raise UserError(f"y_{split} has the negative label {values[0]} in {path}", where="data.path", fix=fix)
    if split == "train" and (len(values) < 2 or int(values[-1]) != len(values) - 1):
        raise UserError(
            f"y_train must have every label from 0 to the last, at least two; got {len(values)} labels "
            f"from {values[0]} to {values[-1]} in {path}",
            where="data.path",
            fix=fix,
        )


def _check_test_matches(path: Path, found: Mapping[str, NDArray[np.generic]]) -> None:
    x_train, x_test = found["x_train"], found["x_test"]
    if x_train.shape[1:] != x_test.shape[1:] or x_train.dtype != x_test.dtype:
        raise UserError(
            f"training images are {x_train.shape[1:]} {x_train.dtype}, "
            f"test images {x_test.shape[1:]} {x_test.dtype} in {path}",
            where="data.path",
            fix="give both the same shape and type",
        )
    highest, last = int(np.max(found["y_test"])), int(np.max(found["y_train"]))
    if highest > last:
        raise UserError(
            f"y_test has the label {highest}, the training labels end at {last} in {path}",
            where="data.path",
            fix="every class needs training images",
        )
