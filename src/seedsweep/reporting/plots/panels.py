"""Axes over epochs: scales on which very different values stay readable, and guide lines.

Not here: which lines are drawn on them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from seedsweep.reporting.plots.canvas import FAINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

GUIDES = (0.90, 0.95, 1.0)
GUIDE_LABEL = "guide lines at 0.90, 0.95, 1.00"
_GUIDE_SIZE = 6.5
# A second look at the upper end is given where it is at least so many times larger than the whole scale.
_WORTH_A_ZOOM = 3
_WORTH_A_LOGARITHM = 50
# A loss so many times the usual highest one is not shown whole, but so many times it is.
_FAR_ABOVE, _SHOWN_ABOVE = 50, 10


def finite(curves: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return all numbers among the values of some curves, in one row."""
    values: NDArray[np.float64] = np.concatenate([np.zeros(0), *(np.ravel(curve) for curve in curves)])
    known: NDArray[np.float64] = values[np.isfinite(values)]
    return known


def accuracy_floor(curves: Sequence[NDArray[np.float64]]) -> float | None:
    """Return where a second look at accuracies begins; None where one scale shows them all well."""
    ends = [numbers[-1] for numbers in (finite([curve]) for curve in curves) if len(numbers)]
    if not ends:
        return None
    end = float(np.median(ends))
    floor = 0.95 if end > 0.97 else 0.90 if end > 0.92 else None
    if floor is None or finite(curves).min() > 1 - _WORTH_A_ZOOM * (1 - floor):
        return None
    return floor


def accuracy_limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of a scale for accuracies, up to 1 where that takes little room."""
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if high - low >= 0.4 * (1 - low):
        high = max(high, 1.0)
    pad = max(0.05 * (high - low), 0.001)
    return low - pad, high + pad


def loss_ceiling(curves: Sequence[NDArray[np.float64]]) -> float | None:
    """Return where a scale of losses ends although a few curves go far beyond; None where all are shown whole."""
    tops = [numbers.max() for numbers in (finite([curve]) for curve in curves) if len(numbers)]
    usual = float(np.median(tops)) if tops else 0.0
    return _SHOWN_ABOVE * usual if usual > 0 and max(tops) > _FAR_ABOVE * usual else None


def ceiling_note(ceiling: float, curves: Sequence[NDArray[np.float64]]) -> str:
    """Return the sentence that a picture with such a scale carries."""
    return f"Losses above {ceiling:.3g} are cut off; the highest mean is {finite(curves).max():.3g}."


def close_limits(floor: float) -> tuple[float, float]:
    """Return the ends of the scale for a second look."""
    return floor, 1 + 0.05 * (1 - floor)


def guide(axes: Axes, *, every: bool = True) -> bool:
    """Draw the guide lines that the scale of accuracies takes in, each with its number at its right end.

    Returns whether there are any.

    Args:
        axes: with its limits set.
        every: False leaves the number of 0.95 out, where the axes is too small for three.
    """
    low, high = axes.get_ylim()
    inside = [level for level in GUIDES if low <= level <= high]
    for level in inside:
        axes.axhline(level, color=FAINT, linewidth=0.7, zorder=0)
        if every or level != 0.95:
            text = axes.text(1.01, level, f"{level:.2f}", va="center", fontsize=_GUIDE_SIZE, color="#555555")
            text.set_transform(axes.get_yaxis_transform())
    return bool(inside)


def guide_entry() -> tuple[Line2D, str]:
    """Return what a legend shows for the guide lines."""
    return Line2D([], [], color=FAINT, linewidth=0.7), GUIDE_LABEL


def scale_accuracy(axes: Axes, limits: tuple[float, float]) -> None:
    """Set the ends of a scale for accuracies, with whole numbers at its ticks."""
    axes.set_ylim(*limits)
    axes.ticklabel_format(axis="y", useOffset=False)


def scale_loss(axes: Axes, values: NDArray[np.float64]) -> None:
    """Set the ends of a scale for losses: logarithmic where they differ widely.

    Args:
        axes: which.
        values: all that are shown on it, each a number.
    """
    positive = values[values > 0]
    if not len(values) or not len(positive) or values.max() <= _WORTH_A_LOGARITHM * positive.min():
        if len(values):
            pad = 0.05 * float(values.max() - values.min()) or 0.05 * abs(float(values.max())) or 0.05
            axes.set_ylim(float(values.min()) - pad, float(values.max()) + pad)
            axes.ticklabel_format(axis="y", useOffset=False)
        return
    low, high = float(positive.min()), float(positive.max())
    axes.set_yscale("log", nonpositive="mask")
    axes.set_ylim(low / 1.2, high * 1.2)
    decades = math.log10(high / low)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3 else (1.0,), numticks=9))
    # As 0.01: the usual 10 with an exponent is a formula, and texts are none here.
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def scale_epochs(axes: Axes, last: int) -> None:
    """Set the scale of epochs, from the first to the last, which is 1 or more."""
    margin = 0.5 if last == 1 else 0.03 * (last - 1)
    axes.set_xlim(1 - margin, last + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    axes.spines[["top", "right"]].set_visible(False)
