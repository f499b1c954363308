"""One legend below the axes of a figure, with sentences above its entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.reporting.plots.canvas import INK
from seedsweep.reporting.plots.labels import fitted, inches, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

SIZE = 8.5
# What an entry takes beside its text, in inches: the sample, and the room around both.
_SAMPLE = 0.75


def legend_below(figure: Figure, entries: Sequence[tuple[Artist, str]], notes: Sequence[str] = ()) -> None:
    """Put a legend at the lower edge of a figure with a constrained layout.

    Args:
        figure: which.
        entries: what stands for something, and its name; long names are wrapped, then shortened.
        notes: sentences that stand above the entries.
    """
    width = float(figure.get_figwidth()) - 0.3
    widest = max((inches(one_line(name), SIZE) for _, name in entries), default=0.0)
    columns = max(1, min(len(entries), 4, int(width / (widest + _SAMPLE))))
    if widest + _SAMPLE > width / 2:
        columns = min(len(entries), 2)
    each = width / max(columns, 1) - _SAMPLE
    legend = figure.legend(
        [handle for handle, _ in entries],
        # Set below: matplotlib leaves out of legends what begins with an underscore.
        [str(number) for number in range(len(entries))],
        loc="outside lower center",
        ncols=max(columns, 1),
        frameon=False,
        fontsize=SIZE,
        handlelength=3.2,
        columnspacing=1.5,
        title="\n".join(fitted(note, width - 0.2, SIZE, lines=3) for note in notes) or None,
        title_fontproperties={"size": SIZE},
        alignment="left",
    )
    legend.get_title().set_color(INK)
    for text, (_, name) in zip(legend.get_texts(), entries, strict=True):
        text.set_text(fitted(name, each, SIZE, lines=2))
