"""Which classes a variant takes for which others, pooled over its seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from seedsweep.reporting.plots.canvas import INK, blank, plain, write
from seedsweep.reporting.plots.labels import fitted, inches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

# With more classes there is no room for numbers in the cells, nor for every class's name.
MOST_WITH_NUMBERS = 30
_RIGHT = "#DCE6EC"
_LONGEST_NAME = 1.4  # inches


def draw_confusion(
    counts: NDArray[np.integer], *, title: str, path: Path, seeds: int, names: Sequence[str] = ()
) -> None:
    """Write a confusion matrix as a picture, coloured by errors alone: right answers would outshine them.

    Args:
        counts: (classes, classes) answers by true class, then predicted class, over all seeds.
        title: what stands above it.
        path: a .png file.
        seeds: how many were pooled.
        names: of the classes; none means their numbers.

    Raises:
        OSError: there is no room.
    """
    write(confusion_figure(counts, title=title, seeds=seeds, names=names), path)


@plain()
def confusion_figure(counts: NDArray[np.integer], *, title: str, seeds: int, names: Sequence[str] = ()) -> Figure:
    """Return the picture that `draw_confusion` writes."""
    classes = len(counts)
    numbered = classes <= MOST_WITH_NUMBERS
    side = max(3.2, (0.5 if classes <= 15 else 0.36) * classes) if numbered else 8.0
    figure = blank(side + 2.0, side + 1.3)
    errors = counts.astype(float)
    np.fill_diagonal(errors, np.nan)
    wrong, total = int(np.nansum(errors)), int(counts.sum())
    pooled = "1 seed" if seeds == 1 else f"{seeds} seeds together"
    note = f"{wrong:,} of {total:,} answers are wrong ({pooled})." if wrong else f"None of {total:,} answers is wrong."
    figure.suptitle(f"{fitted(title, side + 1.6, 10.5, lines=2)}\n{note}", fontsize=10.5)
    axes = figure.subplots()
    axes.set_facecolor(_RIGHT)  # which shows where there are no errors to count: on the diagonal
    most = max(float(np.nanmax(errors, initial=0)), 1.0)
    image = axes.imshow(errors, cmap="Oranges", vmin=0, vmax=most, interpolation="nearest")
    axes.set(xlabel="predicted class", ylabel="true class")
    shown = [fitted(names[k], _LONGEST_NAME, 8) if k < len(names) else str(k) for k in range(classes)]
    if numbered:
        cell = side / classes
        upright = any(inches(name, 8) > 0.9 * cell for name in shown)
        axes.set_xticks(range(classes), shown, fontsize=8, rotation=90 if upright else 0)
        axes.set_yticks(range(classes), shown, fontsize=8)
        _write_numbers(axes, counts, 0.85 * cell, most)
        axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1)
        axes.tick_params(which="both", length=0)
    else:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    if wrong:
        bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, label="wrong answers")
        bar.ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        bar.outline.set_visible(False)
    axes.spines[:].set_visible(False)
    return figure


def _write_numbers(axes: Axes, counts: NDArray[np.integer], room: float, most: float) -> None:
    """Write each count that is not 0 into its cell, in the largest font that fits them all."""
    longest = max((f"{int(count):,}" for count in counts.ravel()), key=lambda text: inches(text, 8), default="0")
    size = min(9.0, 8 * room / inches(longest, 8))
    for (true, predicted), count in np.ndenumerate(counts):
        if count or true == predicted:
            dark = true != predicted and count > 0.6 * most
            color = "white" if dark else INK
            text = axes.text(predicted, true, f"{int(count):,}", ha="center", va="center", fontsize=size, color=color)
            # It lies inside the axes: measuring hundreds of them would only cost the layout seconds.
            text.set_in_layout(False)
