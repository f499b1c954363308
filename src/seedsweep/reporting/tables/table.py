"""The comparison table as data: one row a variant, best first.

Not here: making one from a sweep, see `builder`; writing one as Markdown and the like, see `formats`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seedsweep.reporting.statistics.factorial_effects import Effects
    from seedsweep.reporting.statistics.resolution import Resolution
    from seedsweep.reporting.tables.row import Row
    from seedsweep.reporting.tables.search_ranking import Ranking


@dataclass(frozen=True)
class Table:
    """A heading and rows.

    Attributes:
        title: the sweep's name.
        verdict: what the rows' verdicts say, in one sentence; empty when no two rows can be compared.
        heading: label and text of what holds for all rows.
        rows: best test accuracy first; variants without a finished trial last.
        reference: the variant that the others are set against; None when no two can be compared.
        reference_is_best: whether it was taken because it is the best, and not asked for.
        alpha: the chance that some row is called worse, or better, that is not.
        look: which table of the same rows this is: 1 for the first, more after each one with other seeds.
        resolution: which differences how many seeds can tell; None when no two rows can be compared.
        effects: what changing one setting is worth, over a full grid.
        footnotes: what is particular about these trials: which did not finish, which are not compared.
        explanation: how to read the numbers; empty where there is no spread.
        ranking: the ranking of a search, whose winner's fresh seeds are the rows; None for a grid.
    """

    title: str
    verdict: str
    heading: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    reference: str | None
    reference_is_best: bool
    alpha: float
    look: int
    resolution: Resolution | None
    effects: Effects
    footnotes: tuple[str, ...]
    explanation: str
    ranking: Ranking | None = None
