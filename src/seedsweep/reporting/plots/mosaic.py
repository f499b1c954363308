"""A whole set of images in one picture, pixel by pixel, without axes or margins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from seedsweep.reporting.plots.pixels import tones_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# Pillow and the viewers built on it warn of pictures above 89 million pixels.
MOST_PIXELS = 80_000_000
# What is left of the last row: a grey that is neither the usual background nor ink.
_EMPTY = 128


@dataclass(frozen=True)
class Mosaic:
    """Where the images of a mosaic are: number k, counted from 0, in row k // columns and column k % columns.

    Attributes:
        rows: of images.
        columns: of images.
        shown: images in it, the first of the set.
        left_out: images that found no room.
    """

    rows: int
    columns: int
    shown: int
    left_out: int


def draw_mosaic(images: NDArray[np.generic], path: Path, *, columns: int | None = None) -> Mosaic:
    """Write images side by side, in their order, as a grey or RGB .png file.

    Args:
        images: (n, height, width), or the same with 1 or 3 channels last, at least one; bytes or fractions.
        path: a .png file.
        columns: images in a row; None makes the grid nearly square.

    Returns:
        What is where. Of a set that would have more than `MOST_PIXELS` pixels only the first images are shown.

    Raises:
        ValueError: there are no images, or they are neither grey nor RGB.
        OSError: there is no room.
    """
    canvas, mosaic = mosaic_of(images, columns=columns)
    # Pillow's own level, 6, takes more than twice as long for a tenth less.
    Image.fromarray(canvas).save(path, format="PNG", compress_level=1)
    return mosaic


def mosaic_of(images: NDArray[np.generic], *, columns: int | None = None) -> tuple[NDArray[np.uint8], Mosaic]:
    """Return the pixels that `draw_mosaic` writes, (height, width) or (height, width, 3), and what is where."""
    if not images.size:
        raise ValueError("there is no image to show")
    height, width = images.shape[1:3]
    shown = max(1, min(len(images), MOST_PIXELS // (height * width)))
    across = min(columns or math.ceil(math.sqrt(shown)), shown)
    down = math.ceil(shown / across)
    tones = tones_of(images)
    first = tones.of(images[:1])
    canvas = np.full((down * height, across * width, *first.shape[3:]), _EMPTY, dtype=np.uint8)
    # Row by row, so that a large set is never held in memory once more as numbers.
    for row in range(down):
        strip = tones.of(images[row * across : min((row + 1) * across, shown)])
        for column, image in enumerate(strip):
            canvas[row * height : (row + 1) * height, column * width : (column + 1) * width] = image
    return canvas, Mosaic(down, across, shown, len(images) - shown)
