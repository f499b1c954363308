"""By how much pixels are divided: decided by the training images' content, and the same for the test images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seedsweep.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Test images whose largest pixel differs by more than this factor from the training images' are on another scale.
_LARGEST_FACTOR = 16


def divisor(scale: str | float, x_train: NDArray[np.generic], x_test: NDArray[np.generic]) -> float | None:
    """Return what all pixels are divided by; None where they stay as they are.

    Args:
        scale: the setting `data.scale`: "unit" divides by the largest pixel of the training images, whatever type
            holds them, unless all of them are fractions of 1 already; "raw" does not divide; a number is the divisor.
        x_train: all training images as they were found, those for validation among them.
        x_test: the test images.

    Raises:
        UserError: pixels are negative, or the test images are on another scale, so that it is not clear what "unit" is.
    """
    if scale == "raw":
        return None
    if not isinstance(scale, str):
        return scale
    (lowest, highest), (test_lowest, test_highest) = _range(x_train), _range(x_test)
    if highest == lowest == 0:
        raise UserError(
            "every pixel of the training images is 0", where="data.path", fix="images with something on them"
        )
    is_fraction = np.issubdtype(x_train.dtype, np.floating) and lowest >= -1 and highest <= 1
    if lowest < 0 and not is_fraction:
        raise _not_clear(f"pixels of the training images go from {lowest:g} to {highest:g}")
    largest, test_largest = (max(-low, high) for low, high in ((lowest, highest), (test_lowest, test_highest)))
    low, high = sorted((largest, test_largest))
    if high > _LARGEST_FACTOR * low or (test_lowest < 0 <= lowest):
        raise _not_clear(
            f"pixels of the training images go from {lowest:g} to {highest:g}, of the test images from "
            f"{test_lowest:g} to {test_highest:g}"
        )
    return None if is_fraction or highest == 1 else highest


def scaled(x: NDArray[np.generic], by: float | None) -> NDArray[np.float32]:
    """Return images as (n, height, width, channels) float32, divided by a number where there is one."""
    pixels = (x[..., np.newaxis] if x.ndim == 3 else x).astype(np.float32)
    if by is not None:
        pixels /= np.float32(by)
    if x.dtype.itemsize > pixels.itemsize and not np.isfinite(pixels).all():
        what = f"pixels up to {float(np.abs(x).max()):g} do not fit into 32 bits"
        raise UserError(what, where="data.path", fix="save smaller numbers")
    return pixels


def _range(x: NDArray[np.generic]) -> tuple[float, float]:
    return float(x.min()), float(x.max())


def _not_clear(what: str) -> UserError:
    return UserError(
        f"cannot scale to 0–1: {what}",
        where="data.scale",
        fix="data.scale=raw takes them as they are, data.scale=255 divides them by 255",
    )
