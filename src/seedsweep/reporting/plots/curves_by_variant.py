"""The curves of several variants: up to eight in one set of axes.

Not here: more than eight, see `small_multiples`; means over seeds, see `seeds`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from seedsweep.reporting.plots import panels
from seedsweep.reporting.plots.canvas import blank, plain, write
from seedsweep.reporting.plots.comparable import comparable_notes
from seedsweep.reporting.plots.labels import fitted, one_line
from seedsweep.reporting.plots.legends import legend_below
from seedsweep.reporting.plots.seeds import band, spell_seeds
from seedsweep.reporting.plots.small_multiples import QUANTITIES, small_multiples_figure
from seedsweep.reporting.plots.styles import STYLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from seedsweep.reporting.plots.seeds import Band, VariantCurves
    from seedsweep.reporting.plots.styles import Style

_MOST_MARKERS = 10


def draw_variant_curves(
    variants: Sequence[VariantCurves],
    *,
    title: str,
    path: Path,
    validated_on: str = "validation",
    only_while_training: Sequence[str] = (),
) -> None:
    """Write the curves of variants as a picture: means over seeds, and bands from the lowest to the highest seed.

    Args:
        variants: in the order in which they are shown; beyond eight each has axes of its own, and of more than
            forty the first forty are shown.
        title: what stands above them.
        path: a .png file.
        validated_on: what the images are called that were measured after each epoch; "test" if it was those.
        only_while_training: see `comparable`, of any of the networks.

    Raises:
        OSError: there is no room.
    """
    write(
        variant_curves_figure(
            variants, title=title, validated_on=validated_on, only_while_training=only_while_training
        ),
        path,
    )


@plain()
def variant_curves_figure(
    variants: Sequence[VariantCurves],
    *,
    title: str,
    validated_on: str = "validation",
    only_while_training: Sequence[str] = (),
) -> Figure:
    """Return the picture that `draw_variant_curves` writes: columns are quantities, rows are kinds of images."""
    notes = ["Lines are means over seeds; bands reach from the lowest to the highest seed."]
    notes += comparable_notes(only_while_training, validated_on)
    if len(variants) > len(STYLES):
        return small_multiples_figure(variants, title=title, validated_on=validated_on, notes=notes)
    return _overlaid(variants, title, ("training", validated_on), notes)


def _overlaid(variants: Sequence[VariantCurves], title: str, kinds: tuple[str, str], notes: list[str]) -> Figure:
    """Draw all variants into the same axes: one row for each kind of images."""
    rows = [{name: [band(each, prefix + name) for each in variants] for name in QUANTITIES} for prefix in ("", "val_")]
    means = {name: [each.mean for row in rows for each in row[name]] for name in QUANTITIES}
    floor, ceiling = panels.accuracy_floor(means["accuracy"]), panels.loss_ceiling(means["loss"])
    if ceiling is not None:
        notes = [*notes, panels.ceiling_note(ceiling, means["loss"])]
    columns = ["accuracy", "loss"] if floor is None else ["accuracy", f"accuracy above {floor:.2f}", "loss"]
    width = 4.2 * len(columns)
    figure = blank(width, 6.2 + 0.15 * len(variants))
    figure.suptitle(fitted(title, width - 0.6, 11, lines=2), fontsize=11)
    grid = figure.subplots(2, len(columns), sharex=True, sharey="col", squeeze=False)
    for axes_row, row, kind in zip(grid, rows, kinds, strict=True):
        for axes, column in zip(axes_row, columns, strict=True):
            _plot(axes, row[column.split()[0]])
            axes.set_ylabel(f"{fitted(kind, 1.0, 9)} {column}")
    for axes, column in zip(grid[0], columns, strict=True):
        bands = [each for row in rows for each in row[column.split()[0]]]
        values = panels.finite([curve for each in bands for curve in (each.low, each.high)])
        if column == "loss":
            panels.scale_loss(axes, values if ceiling is None else np.minimum(values, ceiling))
        elif column == "accuracy" or floor is None:
            panels.scale_accuracy(axes, panels.accuracy_limits(values))
        else:
            panels.scale_accuracy(axes, panels.close_limits(floor))
    last = max((len(each.steps) for each in rows[0]["loss"]), default=0) or 1
    for axes in grid.flat:
        panels.scale_epochs(axes, last)
    guided = [panels.guide(axes) for axes in grid[:, :-1].flat]
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    entries = [_entry(*one) for one in zip(STYLES, variants, rows[0]["loss"], strict=False)]
    legend_below(figure, [*entries, *([panels.guide_entry()] if any(guided) else [])], notes)
    return figure


def _entry(style: Style, variant: VariantCurves, folded: Band) -> tuple[Line2D, str]:
    sample = Line2D([], [], color=style.color, linestyle=style.linestyle, marker=style.marker, markersize=4.5)
    return sample, f"{one_line(variant.label)} ({spell_seeds(folded)})"


def _plot(axes: Axes, bands: list[Band]) -> None:
    for style, each in zip(STYLES, bands, strict=False):
        axes.fill_between(each.steps, each.low, each.high, color=style.color, alpha=0.15, linewidth=0)
        axes.plot(
            each.steps,
            each.mean,
            color=style.color,
            linestyle=style.linestyle,
            marker=style.marker,
            markersize=4,
            linewidth=1.3,
            markevery=max(1, len(each.steps) // _MOST_MARKERS),
        )
