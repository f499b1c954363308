"""The curves of one trial: accuracy and loss by epoch, on training and validation images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from seedsweep.trials.record import EpochMetrics

# Blue and orange of Okabe and Ito, told apart by colour-blind readers too; the dashes say it again.
_TRAINING = {"color": "#0072B2", "linestyle": "-", "marker": "o", "markersize": 3, "label": "training"}
_VALIDATION = {"color": "#D55E00", "linestyle": "--", "marker": "s", "markersize": 3, "label": "validation"}
_GUIDES = (0.90, 0.95, 1.0)


def draw_curves(epochs: Sequence[EpochMetrics], *, title: str, path: Path) -> None:
    """Write the curves of a trial as a picture.

    Args:
        epochs: its metrics by epoch.
        title: what stands above them.
        path: a .png file.
    """
    figure = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    # A name is shown as it is: dollar signs in it are no formula.
    figure.suptitle(title, parse_math=False)
    steps = [metrics.epoch for metrics in epochs]
    for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        axes.plot(steps, [metrics.values[name] for metrics in epochs], **_TRAINING)
        axes.plot(steps, [metrics.values[f"val_{name}"] for metrics in epochs], **_VALIDATION)
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        if name == "accuracy":
            for guide in _GUIDES:
                axes.axhline(guide, color="#999999", linewidth=0.6, zorder=0)
        axes.legend(frameon=False)
    figure.savefig(path)
