"""Accuracy by variant, one row each, the best on top: means, intervals, seeds and reported values.

Not here: the scales, see `accuracy_scale`; any statistics.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from seedsweep.reporting.plots.accuracy_scale import best_first, scale_of
from seedsweep.reporting.plots.canvas import blank, plain, write
from seedsweep.reporting.plots.labels import fitted, inches
from seedsweep.reporting.plots.legends import legend_below

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from seedsweep.reporting.plots.accuracy_scale import AccuracyRow

MOST = 60
_SIZE = 8.0
_BLUE, _ORANGE = "#0072B2", "#D55E00"
_LABELS = 3.3  # inches that the names may take
# Lanes inside a row, so that nothing hides anything: 1 is the distance between two rows.
_REPORTED_LANE, _SEEDS_LANE = -0.26, 0.26
_MEANS: dict[str | None, tuple[dict[str, Any], str]] = {
    "best": ({"marker": "o", "markerfacecolor": _BLUE}, "mean, the best"),
    "baseline": ({"marker": "o", "markerfacecolor": _BLUE}, "mean, the baseline"),
    "not told apart": (
        {"marker": "o", "fillstyle": "right", "markerfacecolor": _BLUE, "markerfacecoloralt": "white"},
        "mean, not told apart from {}",
    ),
    "better": ({"marker": "^", "markerfacecolor": _BLUE}, "mean, better than {}"),
    "worse": ({"marker": "o", "markerfacecolor": "white"}, "mean, worse than {}"),
    "collapsed": ({"marker": "X", "markerfacecolor": "white"}, "mean, collapsed"),
    "one seed": ({"marker": "s", "markerfacecolor": _BLUE}, "one seed, no verdict"),
    None: ({"marker": "s", "markerfacecolor": "white"}, "mean, not compared with {}"),
}
_SEED: dict[str, Any] = {"marker": ".", "color": "#000000", "markersize": 3.5, "linestyle": "none"}
_REPORTED: dict[str, Any] = {
    "marker": "D",
    "markerfacecolor": "none",
    "markeredgecolor": _ORANGE,
    "markersize": 4.5,
    "linestyle": "none",
}
_INTERVAL: dict[str, Any] = {"color": _BLUE, "linewidth": 1.6}
_WIDE: dict[str, Any] = {"color": "#56B4E9", "linewidth": 5, "alpha": 0.45, "solid_capstyle": "butt"}


def draw_accuracies(rows: Sequence[AccuracyRow], *, title: str, path: Path, baseline: str | None = None) -> None:
    """Write the accuracies of variants as a picture.

    Where some lie far below the rest there are two scales side by side: one for all, and a close one, at whose
    left edge an arrow with its number stands for each mean below it.

    Args:
        rows: in any order; of more than sixty the best are shown, and the picture says so.
        title: what stands above them.
        path: a .png file.
        baseline: the baseline variant that the user chose; None if it is the best one.

    Raises:
        OSError: there is no room.
    """
    write(accuracies_figure(rows, title=title, baseline=baseline), path)


@plain()
def accuracies_figure(rows: Sequence[AccuracyRow], *, title: str, baseline: str | None = None) -> Figure:
    """Return the picture that `draw_accuracies` writes."""
    ordered = best_first(rows)
    shown = ordered[:MOST]
    scale = scale_of(shown)
    names = [fitted(row.label, _LABELS, _SIZE, lines=2) for row in shown]
    each = 0.34 if any("\n" in name for name in names) else 0.27
    width = max((inches(line, _SIZE) for name in names for line in name.split("\n")), default=0) + 6.6
    width += 1.6 if scale.close else 0
    figure = blank(width, 1.9 + each * max(len(shown), 1))
    figure.suptitle(fitted(title, width - 0.6, 11, lines=2), fontsize=11)
    if scale.close:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 3))
        _fill(left, shown, scale.whole, small=True)
        _fill(right, shown, scale.close, small=False)
        left.set_xlabel("whole scale, %")
        right.set_xlabel("test accuracy, %")
    else:
        left = right = figure.subplots()
        _fill(left, shown, scale.whole, small=False)
        left.set_xlabel("test accuracy, %")
    left.set_yticks(range(len(shown)), names, fontsize=_SIZE)
    left.set_ylim(max(len(shown), 1) - 0.4, -0.6)
    for y, row in enumerate(shown):
        text = f"{100 * row.mean:.2f}" if math.isfinite(row.mean) else "none"
        right.text(1.015, y, text, transform=right.get_yaxis_transform(), va="center", fontsize=_SIZE)
    right.text(1.015, 1, "mean, %", transform=right.transAxes, va="bottom", fontsize=_SIZE)
    notes = _notes(ordered, scale.close or scale.whole)
    if baseline is not None:
        notes.append(fitted(f"The baseline is {baseline}.", width - 0.6, _SIZE, lines=2))
    legend_below(figure, _entries(shown, "the best" if baseline is None else "the baseline"), notes)
    return figure


def _fill(axes: Axes, rows: list[AccuracyRow], limits: tuple[float, float], *, small: bool) -> None:
    low, high = (100 * end for end in limits)
    axes.set_xlim(low, high)
    axes.grid(axis="y", color="#EEEEEE", linewidth=0.7)
    axes.grid(axis="x", color="#E4E4E4", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if small else 8))
    axes.ticklabel_format(axis="x", useOffset=False)
    for y, row in enumerate(rows):
        for interval, look in ((row.wide, _WIDE), (row.interval, _INTERVAL)):
            if interval is not None:
                axes.plot([100 * end for end in interval], [y, y], zorder=2, **look)
        axes.plot(
            [100 * value for value in row.reported], [y + _REPORTED_LANE] * len(row.reported), zorder=4, **_REPORTED
        )
        axes.plot([100 * value for value in row.seeds], [y + _SEEDS_LANE] * len(row.seeds), zorder=3, **_SEED)
        if 100 * row.mean >= low:
            axes.plot([100 * row.mean], [y], zorder=5, **_mean_look(row.verdict))
        elif math.isfinite(row.mean):
            axes.annotate(
                f"◀ {100 * row.mean:.2f}",
                (0, y),
                xycoords=axes.get_yaxis_transform(),
                xytext=(2, 0),
                textcoords="offset points",
                va="center",
                fontsize=_SIZE,
                color=_BLUE,
                # An interval may pass behind it.
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
                zorder=6,
            )


def _mean_look(verdict: str | None) -> dict[str, Any]:
    return {"markeredgecolor": _BLUE, "markersize": 6, "linestyle": "none", **_MEANS[verdict][0]}


def _entries(rows: list[AccuracyRow], base: str) -> list[tuple[Line2D, str]]:
    """Return what the legend explains: what is there, and nothing else."""

    def line(look: dict[str, Any]) -> Line2D:
        return Line2D([], [], **look)

    verdicts = {row.verdict for row in rows}
    means = [(verdict, text.format(base)) for verdict, (_, text) in _MEANS.items() if verdict in verdicts]
    entries = [(line(_mean_look(verdict)), text) for verdict, text in means]
    if any(row.interval for row in rows):
        entries.append((line(_INTERVAL), "95 % interval over seeds"))
    if any(row.wide for row in rows):
        entries.append((line(_WIDE), "95 % interval for new seeds and images"))
    if any(row.seeds for row in rows):
        entries.append((line(_SEED), "one seed"))
    if any(row.reported for row in rows):
        entries.append((line(_REPORTED), "reported"))
    return entries


def _notes(ordered: list[AccuracyRow], limits: tuple[float, float]) -> list[str]:
    notes = []
    if len(ordered) > MOST:
        notes.append(f"{len(ordered) - MOST} more variants are not shown: these are the best {MOST} of {len(ordered)}.")
    intervals = [interval for row in ordered[:MOST] for interval in (row.interval, row.wide) if interval]
    if any(low < limit < high for low, high in intervals for limit in limits):
        notes.append("Intervals are clipped at the axis limits.")
    return notes
