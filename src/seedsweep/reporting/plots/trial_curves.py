"""The curves of one trial: accuracy and loss by epoch, on training and validation images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from seedsweep.reporting.plots import panels
from seedsweep.reporting.plots.canvas import blank, plain, write
from seedsweep.reporting.plots.comparable import comparable_notes
from seedsweep.reporting.plots.labels import fitted
from seedsweep.reporting.plots.legends import legend_below

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from seedsweep.metrics import EpochMetrics

# Blue and vermilion of Okabe and Ito, told apart by colour-blind readers too; dashes and markers say it again.
TRAINING: dict[str, Any] = {"color": "#0072B2", "linestyle": "-", "marker": "o"}
VALIDATION: dict[str, Any] = {"color": "#D55E00", "linestyle": "--", "marker": "s"}
_MOST_MARKERS = 20


def draw_curves(
    epochs: Sequence[EpochMetrics],
    *,
    title: str,
    path: Path,
    validated_on: str = "validation",
    only_while_training: Sequence[str] = (),
) -> None:
    """Write the curves of a trial as a picture.

    Args:
        epochs: its metrics by epoch.
        title: what stands above them.
        path: a .png file.
        validated_on: what the images are called that it was measured on after each epoch; "test" if it was those.
        only_while_training: see `comparable`; why its two curves cannot be compared.

    Raises:
        OSError: there is no room.
    """
    write(curves_figure(epochs, title=title, validated_on=validated_on, only_while_training=only_while_training), path)


@plain()
def curves_figure(
    epochs: Sequence[EpochMetrics],
    *,
    title: str,
    validated_on: str = "validation",
    only_while_training: Sequence[str] = (),
) -> Figure:
    """Return the picture that `draw_curves` writes.

    Accuracies that end high after a low beginning are shown twice: on the whole scale, and its upper end alone.
    """
    steps = [metrics.epoch for metrics in epochs]
    values = {
        name: np.array([metrics.values.get(name, np.nan) for metrics in epochs], dtype=float)
        for name in ("accuracy", "val_accuracy", "loss", "val_loss")
    }
    accuracies, losses = [values["accuracy"], values["val_accuracy"]], [values["loss"], values["val_loss"]]
    floor = panels.accuracy_floor(accuracies)
    width = 9.0 if floor is None else 11.5
    figure = blank(width, 4.0)
    figure.suptitle(fitted(title, width - 0.6, 11, lines=2), fontsize=11)
    grid = figure.subplots(1, 2 if floor is None else 3, squeeze=False)[0]
    looks = [panels.accuracy_limits(panels.finite(accuracies))]
    if floor is not None:
        looks.append(panels.close_limits(floor))
    guided = False
    for axes, limits in zip(grid, looks, strict=False):
        _plot(axes, steps, accuracies)
        panels.scale_accuracy(axes, limits)
        guided |= panels.guide(axes)
        axes.set_ylabel("accuracy" if limits == looks[0] else f"accuracy above {floor:.2f}")
    _plot(grid[-1], steps, losses)
    panels.scale_loss(grid[-1], panels.finite(losses))
    grid[-1].set_ylabel("loss")
    entries = [
        (Line2D([], [], markersize=4, **TRAINING), "training"),
        (Line2D([], [], markersize=4, **VALIDATION), validated_on),
        *([panels.guide_entry()] if guided else []),
    ]
    notes = [*_notes(steps, values), *comparable_notes(only_while_training, validated_on)]
    legend_below(figure, entries, notes)
    return figure


def _plot(axes: Axes, steps: list[int], pair: list[NDArray[np.float64]]) -> None:
    for curve, look in zip(pair, (TRAINING, VALIDATION), strict=True):
        axes.plot(
            steps,
            np.where(np.isfinite(curve), curve, np.nan),
            markersize=3.5,
            linewidth=1.3,
            markevery=max(1, len(steps) // _MOST_MARKERS),
            **look,
        )
    axes.set_xlabel("epoch")
    panels.scale_epochs(axes, max(steps, default=1))


def _notes(steps: list[int], values: dict[str, NDArray[np.float64]]) -> list[str]:
    notes = []
    if not steps:
        notes.append("No epoch was finished.")
    broken = [
        step for place, step in enumerate(steps) if not all(np.isfinite(curve[place]) for curve in values.values())
    ]
    if broken:
        notes.append(f"Not every value of epoch {broken[0]} is a number: gaps are NaN or infinite, not forgotten.")
    return notes
