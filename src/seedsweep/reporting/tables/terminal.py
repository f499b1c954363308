"""The comparison table in a terminal: as wide as it is, with the verdicts in colour and in words."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from seedsweep.reporting.tables.cells import TEXTS, columns, effect_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seedsweep.reporting.tables.table import Table

_STYLES = {
    "best": "bold green",
    "baseline": "bold",
    "better": "green",
    "not told apart": "yellow",
    "worse": "red",
    "collapsed": "bold red",
    "failed": "red",
}
# What is left out first where a terminal is too narrow.
_LEAVE_OUT = ("Seconds", "Parameters", "Reported, %", "n", "Behind the best, points", "Against the baseline, points")
# A variant's name may be broken between its words to this width.
_NAME_WIDTH = 24
_SPACE = 2


def to_terminal(table: Table, *, width: int | None = None, explain: bool = False) -> str:
    """Return the table as text for a terminal, with its colours.

    Columns are left out, the least important first, until the rest fits; no number is broken.

    Args:
        table: the table.
        width: in characters; None: the terminal's.
        explain: whether to add the heading, the effects, and how to read the numbers.
    """
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=width, highlight=False)
    if table.verdict:
        console.print(Text(table.verdict, style="bold"), end="\n\n")
    if explain:
        for label, line in table.heading:
            console.print(Text.assemble((f"{label}: ", "dim"), line))
        console.print()
    if table.rows:
        console.print(_grid(columns(table), console.width))
        console.print()
    if explain and table.effects.effects:
        console.print("What changing one setting is worth, averaged over the others:", end="\n\n")
        console.print(_grid(effect_columns(table.effects.effects), console.width))
        console.print()
    for note in (*table.footnotes, *([table.explanation] if explain and table.explanation else [])):
        console.print(Text(note, style="" if explain else "dim"), end="\n\n")
    return text.getvalue().rstrip() + "\n"


def _grid(rows: Sequence[Mapping[str, str]], width: int) -> RichTable:
    shown = list(rows[0])
    for name in _LEAVE_OUT:
        if _width(rows, shown) > width and name in shown:
            shown.remove(name)
    grid = RichTable(box=box.SIMPLE_HEAD, padding=(0, _SPACE // 2), show_edge=False, pad_edge=False)
    for place, name in enumerate(shown):
        grid.add_column(
            Text(name, style="bold"),
            justify="left" if name in TEXTS else "right",
            no_wrap=place > 0,
            overflow="ellipsis" if place else "fold",
        )
    for row in rows:
        grid.add_row(
            *(Text(row[name], style=_STYLES.get(row[name], "") if name == "Verdict" else "") for name in shown)
        )
    return grid


def _width(rows: Sequence[Mapping[str, str]], shown: Sequence[str]) -> int:
    """Return how wide these columns are at least; the first, which may be broken, counts with its least width."""
    widths = [max(cell_len(text) for text in (name, *(row[name] for row in rows))) for name in shown]
    return min(widths[0], _NAME_WIDTH) + sum(widths[1:]) + (_SPACE + 1) * (len(shown) - 1)
