"""The comparison table as data: one row a variant, best first.

Not here: making one from a sweep, see `builder`; writing one as Markdown and the like, see `formats`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seedsweep.reporting.statistics.factorial_effects import Effects
    from seedsweep.reporting.tables.row import Row
    from seedsweep.reporting.tables.search_ranking import Ranking


@dataclass(frozen=True)
class Table:
    """A heading and rows.

    Attributes:
        title: the sweep's name.
        heading: label and text of what holds for all rows.
        rows: best test accuracy first; variants without a finished trial last.
        baseline: the variant that the others are set against; None when no two can be compared.
        baseline_is_best: whether it was taken for being the best, and not asked for.
        family: the number of comparisons that the p-values allow for.
        effects: what changing one setting is worth, over a full grid.
        footnotes: what a reader must know to read the numbers.
        ranking: the ranking of a search, whose winner's fresh seeds are the rows; None for a grid.
    """

    title: str
    heading: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    baseline: str | None
    baseline_is_best: bool
    family: int
    effects: Effects
    footnotes: tuple[str, ...]
    ranking: Ranking | None = None
