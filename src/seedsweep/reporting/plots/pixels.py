"""Images of any kind as bytes that a .png file can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Tones:
    """Which pixel values are black and white, the same for all images of a set.

    Attributes:
        black: what becomes 0.
        white: what becomes 255.
    """

    black: float
    white: float

    def of(self, images: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Return images as (n, height, width) or (n, height, width, 3) bytes; NaN is black.

        Args:
            images: (n, height, width), or the same with 1 or 3 channels last.

        Raises:
            ValueError: they have another number of dimensions or channels.
        """
        if images.ndim == 4 and images.shape[-1] == 1:
            images = images[..., 0]
        if images.ndim != 3 and not (images.ndim == 4 and images.shape[-1] == 3):
            raise ValueError(f"images of shape {images.shape} are neither grey nor RGB")
        if images.dtype == np.uint8 and (self.black, self.white) == (0, 255):
            return images.astype(np.uint8, copy=False)
        share = (images.astype(np.float32) - np.float32(self.black)) / np.float32(self.white - self.black)
        bytes_: NDArray[np.uint8] = np.rint(np.clip(np.nan_to_num(share), 0, 1) * 255).astype(np.uint8)
        return bytes_


def tones_of(images: NDArray[np.generic]) -> Tones:
    """Find out how a set of images is scaled.

    0 to 1 and 0 to 255 are taken as such, the latter where something is over 127. All else, such as -1 to 1 or
    0 to 16, is stretched from its lowest value (or 0) to its highest.
    """
    if not images.size:
        return Tones(0.0, 1.0)
    whole = images.astype(np.uint8, copy=False) if images.dtype == np.bool_ else images
    low, high = float(np.fmin.reduce(whole, axis=None)), float(np.fmax.reduce(whole, axis=None))
    low = min(low, 0.0) if np.isfinite(low) else 0.0
    if low == 0 and 127 < high <= 255:
        return Tones(0.0, 255.0)
    return Tones(low, max(high, 1.0)) if np.isfinite(high) else Tones(low, low + 1.0)
