"""Single images with a text above each, in a grid: a sample of a set, and the images that a variant gets wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from seedsweep.reporting.plots.canvas import INK, blank, plain, write
from seedsweep.reporting.plots.labels import fitted, one_line
from seedsweep.reporting.plots.misclassified import mistakes_of
from seedsweep.reporting.plots.pixels import tones_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from seedsweep.reporting.plots.misclassified import Mistake

_SAMPLE = 9
_SIZE = 9.0
# Inches: an image's longer side, the gaps between images, a line of text.
_SIDE, _GAP, _LINE = 1.15, 0.25, 0.17


def draw_sample(
    images: NDArray[np.generic],
    labels: NDArray[np.integer],
    *,
    title: str,
    path: Path,
    names: Sequence[str] = (),
) -> None:
    """Write the first nine images of a set with their labels as a picture.

    Args:
        images: (n, height, width), or the same with 1 or 3 channels last; bytes or fractions.
        labels: (n,) their classes.
        title: what stands above them.
        path: a .png file.
        names: of the classes; none means their numbers.

    Raises:
        ValueError: the images are neither grey nor RGB.
        OSError: there is no room.
    """
    write(sample_figure(images, labels, title=title, names=names), path)


@plain()
def sample_figure(
    images: NDArray[np.generic], labels: NDArray[np.integer], *, title: str, names: Sequence[str] = ()
) -> Figure:
    """Return the picture that `draw_sample` writes."""
    texts = [_name(int(label), names) for label in labels[:_SAMPLE]]
    return _grid(images, range(len(texts)), texts, across=3, title=title, note="", empty="There are no images.")


def draw_mistakes(
    images: NDArray[np.generic],
    labels: NDArray[np.integer],
    predicted: NDArray[np.integer],
    *,
    title: str,
    path: Path,
    names: Sequence[str] = (),
    most: int = 60,
) -> None:
    """Write the images that a variant gets wrong as a picture, those wrong in most seeds first.

    Args:
        images: (n, height, width), or the same with 1 or 3 channels last; bytes or fractions.
        labels: (n,) their classes.
        predicted: (seeds, n) the classes that each seed's network answered.
        title: what stands above them.
        path: a .png file.
        names: of the classes; none means their numbers.
        most: images that are shown; the picture says how many there are.

    Raises:
        ValueError: the images are neither grey nor RGB.
        OSError: there is no room.
    """
    write(mistakes_figure(images, labels, predicted, title=title, names=names, most=most), path)


@plain()
def mistakes_figure(
    images: NDArray[np.generic],
    labels: NDArray[np.integer],
    predicted: NDArray[np.integer],
    *,
    title: str,
    names: Sequence[str] = (),
    most: int = 60,
) -> Figure:
    """Return the picture that `draw_mistakes` writes."""
    seeds = len(predicted)
    mistakes = mistakes_of(labels, predicted)
    shown = mistakes[:most]
    texts = [_mistake(mistake, names, seeds) for mistake in shown]
    always = sum(mistake.seeds == seeds for mistake in mistakes)
    which = "with one seed" if seeds == 1 else f"with at least one of {seeds} seeds, {always:,} with all of them"
    note = f"{len(mistakes):,} of {len(labels):,} images are wrong {which}."
    if len(shown) < len(mistakes):
        note += f" Shown are {len(shown)}" + ("." if seeds == 1 else ", those wrong with most seeds first.")
    across = min(10, max(5, math.ceil(math.sqrt(1.6 * len(shown)))))
    places = [mistake.position for mistake in shown]
    empty = "No image is wrong with any seed." if seeds else "There are no seeds."
    return _grid(images, places, texts, across=across, title=title, note=note, empty=empty)


def _mistake(mistake: Mistake, names: Sequence[str], seeds: int) -> str:
    answers = ", ".join(_name(answer, names) for answer in mistake.answers)
    text = f"{_name(mistake.label, names)} → {answers}"
    return text if seeds == 1 else f"{text}\n{mistake.seeds} of {seeds} seeds"


def _name(label: int, names: Sequence[str]) -> str:
    return one_line(names[label]) if label < len(names) else str(label)


def _grid(
    images: NDArray[np.generic],
    places: Sequence[int],
    texts: Sequence[str],
    *,
    across: int,
    title: str,
    note: str,
    empty: str,
) -> Figure:
    """Show some images of a set, all in its tones, or say that there are none.

    They are placed by hand: an automatic layout of sixty would take seconds.
    """
    ratio = images.shape[1] / images.shape[2] if images.ndim > 2 and images.shape[2] else 1.0
    # An image ten times as high as wide is still no narrower than a tenth.
    wide, high = (_SIDE, max(_SIDE * ratio, 0.1)) if ratio <= 1 else (max(_SIDE / ratio, 0.1), _SIDE)
    cell = max(wide, 0.95)
    above = ["\n".join(fitted(line, cell + 0.8 * _GAP, _SIZE, lines=2) for line in text.split("\n")) for text in texts]
    lines = max((text.count("\n") + 1 for text in above), default=1)
    step = high + lines * _LINE + _GAP
    width = max(across * (cell + _GAP) + _GAP, 4.0)
    left = (width - across * (cell + _GAP) + _GAP) / 2
    heading = fitted(title, width - 0.3, 11, lines=2)
    notes = fitted(note, width - 0.3, _SIZE, lines=4) if note else ""
    top = 0.1 + 0.22 * (heading.count("\n") + 1) + (_LINE * (notes.count("\n") + 1) if note else 0) + 0.1
    down = math.ceil(len(texts) / across)
    height = top + max(down * step, 0.6)
    figure = blank(width, height, layout=None)
    figure.text(0.5, 1 - 0.1 / height, heading, fontsize=11, ha="center", va="top")
    if note:
        y = 1 - (0.12 + 0.22 * (heading.count("\n") + 1)) / height
        figure.text(0.5, y, notes, fontsize=_SIZE, ha="center", va="top", color=INK)
    if not texts:
        figure.text(0.5, 0.3 / height, empty, fontsize=_SIZE, ha="center", va="center")
        return figure
    pixels = tones_of(images).of(images[list(places)])
    for number, (image, text) in enumerate(zip(pixels, above, strict=True)):
        row, column = divmod(number, across)
        x = left + column * (cell + _GAP) + (cell - wide) / 2
        y = height - top - row * step - lines * _LINE - high
        axes = figure.add_axes((x / width, y / height, wide / width, high / height))
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
        axes.set_axis_off()
        axes.set_title(text, fontsize=_SIZE, pad=2, linespacing=1.05)
    return figure
