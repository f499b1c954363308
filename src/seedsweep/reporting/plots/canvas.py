"""What all pictures share: their canvas, matplotlib's own defaults, and how they become files.

Not here: pyplot, which keeps figures alive behind its callers' backs.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from matplotlib import rc_context, style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DPI = 110
INK = "#333333"
FAINT = "#999999"


@contextmanager
def plain() -> Iterator[None]:
    """Draw as matplotlib does by default, whatever a user's own matplotlibrc says.

    Dollar signs are no formula in here. A character that the font lacks is shown as a box, without a warning.
    """
    with warnings.catch_warnings(), style.context("default"), rc_context({"text.parse_math": False, "font.size": 9}):
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        yield


def blank(width: float, height: float, *, layout: str | None = "constrained") -> Figure:
    """Return an empty figure of so many inches; without a layout the caller places every axes itself."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)  # type: ignore[arg-type]
    FigureCanvasAgg(figure)
    return figure


def write(figure: Figure, path: Path) -> None:
    """Write a figure as a .png file: equal figures give equal bytes.

    Raises:
        OSError: there is no room.
    """
    with plain():
        # Without matplotlib's version among the metadata.
        figure.savefig(path, format="png", metadata={"Software": None})
