"""The curves of many variants: a pair of small axes for each, all on the same scales."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from seedsweep.reporting.plots import panels
from seedsweep.reporting.plots.canvas import FAINT, INK, blank
from seedsweep.reporting.plots.labels import fitted, inches
from seedsweep.reporting.plots.seeds import band
from seedsweep.reporting.plots.trial_curves import TRAINING, VALIDATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from seedsweep.reporting.plots.seeds import Band, VariantCurves

MOST = 40
QUANTITIES = ("accuracy", "loss")
_LOOKS = {"": TRAINING, "val_": VALIDATION}
# Inches: one small axes, the gaps inside a pair and between pairs, and the margins around all.
_WIDE, _HIGH = 1.5, 1.15
_INSIDE, _BESIDE, _BELOW = 0.34, 0.22, 0.5
_LEFT, _RIGHT, _BOTTOM, _LINE = 0.65, 0.65, 0.55, 0.19


def small_multiples_figure(
    variants: Sequence[VariantCurves], *, title: str, validated_on: str, notes: Sequence[str]
) -> Figure:
    """Return small axes for each of the first forty variants: accuracy on the left, loss on the right.

    The axes are placed by hand: so many would keep an automatic layout busy for seconds.

    Args:
        variants: more than eight.
        title: what stands above them.
        validated_on: what the images are called that were measured after each epoch.
        notes: sentences that stand below the title.
    """
    shown = variants[:MOST]
    across = 3 if len(shown) <= 12 else 4
    down = math.ceil(len(shown) / across)
    pair = 2 * _WIDE + _INSIDE
    width = _LEFT + across * pair + (across - 1) * _BESIDE + _RIGHT
    folded = [{p + name: band(each, p + name) for p in _LOOKS for name in QUANTITIES} for each in shown]
    scale = _Scale(folded)
    lines = _sentences(variants, [*notes, *scale.notes], width)
    heading = fitted(title, width - 0.6, 11, lines=2)
    top = 0.1 + 0.22 * (heading.count("\n") + 1) + _LINE * len(lines) + 0.62
    height = top + down * _HIGH + (down - 1) * _BELOW + _BOTTOM
    figure = blank(width, height, layout=None)
    _head(figure, heading, lines, validated_on)
    for number, (variant, bands) in enumerate(zip(shown, folded, strict=True)):
        row, column = divmod(number, across)
        x = _LEFT + column * (pair + _BESIDE)
        y = height - top - _HIGH - row * (_HIGH + _BELOW)
        lowest = number + across >= len(shown)
        for place, name in enumerate(QUANTITIES):
            axes = figure.add_axes(((x + place * (_WIDE + _INSIDE)) / width, y / height, _WIDE / width, _HIGH / height))
            _plot(axes, {prefix: bands[prefix + name] for prefix in _LOOKS})
            scale.apply(axes, name, bands)
            outer = column == 0 if name == "accuracy" else column == across - 1 or number == len(shown) - 1
            if name == "loss":
                axes.yaxis.tick_right()
                axes.yaxis.set_label_position("right")
            axes.tick_params(labelsize=7, labelbottom=lowest)
            axes.tick_params(labelleft=outer and name == "accuracy", labelright=outer and name == "loss")
            if lowest:
                axes.set_xlabel("epoch", fontsize=7.5)
            if outer:
                axes.set_ylabel(name, fontsize=7.5)
        label = fitted(variant.label, pair, 8, lines=2)
        figure.text(x / width, (y + _HIGH + 0.06) / height, label, fontsize=8, va="bottom", linespacing=1.1)
    return figure


def _sentences(variants: Sequence[VariantCurves], notes: Sequence[str], width: float) -> list[str]:
    more = len(variants) - MOST
    left_out = [f"{more} more variants are not shown: these are the first {MOST} of {len(variants)}."]
    every = [*notes, "Each variant: accuracy on the left, loss on the right. All axes have the same scales."]
    return [
        line
        for sentence in [*every, *(left_out if more > 0 else [])]
        for line in fitted(sentence, width - _LEFT - 0.3, 8, lines=3).split("\n")
    ]


def _head(figure: Figure, heading: str, lines: list[str], validated_on: str) -> None:
    width, height = figure.get_size_inches()
    y = height - 0.1
    figure.text(0.5, y / height, heading, fontsize=11, ha="center", va="top")
    y -= 0.22 * (heading.count("\n") + 1)
    for line in lines:
        figure.text(_LEFT / width, y / height, line, fontsize=8, va="top", color=INK)
        y -= _LINE
    x = _LEFT
    samples: list[tuple[dict[str, Any], str]] = [
        (TRAINING, "training"),
        (VALIDATION, fitted(validated_on, 2.0, 8)),
        ({"color": FAINT, "linewidth": 0.7}, panels.GUIDE_LABEL),
    ]
    for look, name in samples:
        sample = Line2D([x / width, (x + 0.4) / width], [(y - 0.08) / height] * 2, markersize=3, **look)
        figure.add_artist(sample)
        figure.text((x + 0.5) / width, (y - 0.08) / height, name, fontsize=8, va="center")
        x += 0.8 + inches(name, 8)


def _plot(axes: Axes, bands: dict[str, Band]) -> None:
    for prefix, each in bands.items():
        look = _LOOKS[prefix]
        axes.fill_between(each.steps, each.low, each.high, color=look["color"], alpha=0.2, linewidth=0)
        dots: dict[str, Any] = {"markersize": 1.8, "markevery": max(1, len(each.steps) // 10), "linewidth": 1.1}
        axes.plot(each.steps, each.mean, **dots, **look)


class _Scale:
    """The scales that all small axes share; what ends below that of accuracy has its number written there."""

    def __init__(self, folded: list[dict[str, Band]]) -> None:
        means = [bands[f"{prefix}accuracy"].mean for bands in folded for prefix in _LOOKS]
        floor = panels.accuracy_floor(means)
        self._accuracies = panels.accuracy_limits(panels.finite(means))
        if floor is not None:
            self._accuracies = floor - 0.2 * (1 - floor), panels.close_limits(floor)[1]
        losses = [bands[f"{prefix}loss"].mean for bands in folded for prefix in _LOOKS]
        ceiling = panels.loss_ceiling(losses)
        self.notes = [] if ceiling is None else [panels.ceiling_note(ceiling, losses)]
        self._losses = np.minimum(panels.finite(losses), np.inf if ceiling is None else ceiling)
        self._last = max(
            (int(each.steps[-1]) for bands in folded for each in bands.values() if len(each.steps)), default=1
        )

    def apply(self, axes: Axes, name: str, bands: dict[str, Band]) -> None:
        """Set the scales of one axes."""
        panels.scale_epochs(axes, self._last)
        if name == "loss":
            panels.scale_loss(axes, self._losses)
            axes.minorticks_off()
        else:
            panels.scale_accuracy(axes, self._accuracies)
            panels.guide(axes, every=False)
        mean = bands[f"val_{name}"].mean
        known = mean[np.isfinite(mean)]
        text = ""
        if not len(known):
            text = f"no {name} is a number"
        elif name == "accuracy" and known[-1] < self._accuracies[0]:
            text = f"↓ ends at {known[-1]:.3f}"
        if text:
            axes.text(0.5, 0.08, text, transform=axes.transAxes, ha="center", fontsize=7.5, color=INK)
