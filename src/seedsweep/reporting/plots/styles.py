"""Eight line styles, each with its own colour, pattern and marker, so that colour is never the only difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Style:
    """How one line looks.

    Attributes:
        color: as #rrggbb.
        linestyle: matplotlib's pattern: a word, or (offset, lengths in line widths).
        marker: matplotlib's letter.
    """

    color: str
    linestyle: Any
    marker: str


# The colours of Okabe and Ito, "Color universal design" (2008), but their yellow, which is hard to see on white.
STYLES = (
    Style("#0072B2", "-", "o"),
    Style("#D55E00", "--", "s"),
    Style("#009E73", "-.", "^"),
    Style("#CC79A7", ":", "D"),
    Style("#000000", (0, (6, 2)), "v"),
    Style("#E69F00", "-", "P"),
    Style("#56B4E9", (0, (4, 1, 1, 1, 1, 1)), "X"),
    Style("#666666", (0, (1, 2)), "<"),
)
