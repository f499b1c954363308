"""A table as Markdown, HTML, CSV, LaTeX or JSON, with every text escaped for where it goes."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from seedsweep.reporting.tables.cells import TEXTS, columns, effect_columns, ranking_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from seedsweep.reporting.statistics.summary import Summary
    from seedsweep.reporting.tables.row import Row
    from seedsweep.reporting.tables.search_ranking import RankedTrial, Ranking
    from seedsweep.reporting.tables.table import Table

_AGAINST = {"difference": "value", "low": "low", "high": "high", "p_adjusted": "p_adjusted"}
_INSIDE = {True: "true", False: "false", None: "unknown"}
_MOST_EFFECTS = 40
_MOST_RANKED = 40
_EFFECTS = (
    "What changing one setting is worth, everything else averaged, and by how much two changes together are worth more "
    "than the sum of both:"
)

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 105rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1.5rem 0 }
th, td { padding: .35rem .8rem; border-bottom: 1px solid #ddd }
th, td { text-align: right; font-variant-numeric: tabular-nums }
td { white-space: nowrap }
td:first-child { white-space: normal; min-width: 9rem }
.noted td:last-child { white-space: normal; min-width: 14rem }
th:first-child, td:first-child, .noted th:last-child, .noted td:last-child { text-align: left }
dt { float: left; clear: left; width: 7rem; color: #666 } dd { margin-left: 7.5rem }
"""


def _frame(rows: Sequence[Mapping[str, str]], escaped: Callable[[str], str]) -> pd.DataFrame:
    frame = pd.DataFrame([{name: escaped(cell) for name, cell in row.items()} for row in rows])
    frame.columns = pd.Index([escaped(str(name)) for name in frame.columns])
    return frame


def _sections(table: Table, *, full: bool) -> list[tuple[str, list[dict[str, str]]]]:
    """Return the tables that stand below each other, each with what stands above it."""
    sections = [("", columns(table, full=full))] if table.rows or not table.ranking else []
    shown = [effect for effect in table.effects.effects if effect.low is not None][:_MOST_EFFECTS]
    if shown:
        more = len(table.effects.effects) - len(shown)
        rest = f" {len(shown)} of {len(table.effects.effects)}; the JSON table has all." if more else ""
        sections.append((_EFFECTS + rest, effect_columns(shown)))
    if table.ranking and table.ranking.rows:
        best = table.ranking.rows[:_MOST_RANKED]
        more = len(table.ranking.rows) - len(best)
        rest = f" The first {len(best)} of {len(table.ranking.rows)}; the CSV table has all." if more else ""
        above = "What the search tried, best first, none of it measured on the test images:"
        sections.append((above + rest, ranking_columns(table.ranking, best)))
    return sections


def _notes(table: Table) -> tuple[str, ...]:
    return (*table.footnotes, table.explanation) if table.explanation else table.footnotes


def markdown_text(text: str) -> str:
    r"""Escape what Markdown would read as markup; a newline would end the row.

    An underscore within a word is none, and most names of settings have one; nor is a bracket, as in `[32,32,64]`,
    unless an address follows, or what refers to one.
    """
    return re.sub(r"([\\|<&!`*]|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", " ".join(text.split()))


def to_markdown(table: Table, *, full: bool = False) -> str:
    """Return the table as GitHub-flavoured Markdown."""
    heading = "\n".join(f"- {label}: {markdown_text(text)}" for label, text in table.heading)
    parts = [f"# {markdown_text(table.title)}", *([markdown_text(table.verdict)] if table.verdict else []), heading]
    for above, rows in _sections(table, full=full):
        frame = _frame(rows, markdown_text)
        aligned = ["left" if name in TEXTS else "right" for name in frame.columns]
        body = frame.to_markdown(index=False, disable_numparse=True, colalign=aligned) if len(frame) else "no trials"
        parts += [markdown_text(above), body] if above else [body]
    notes = map(markdown_text, _notes(table))
    return "\n\n".join([*parts, *notes]) + "\n"


def to_html(table: Table, *, full: bool = False) -> str:
    """Return the table as one page that needs nothing else."""
    heading = "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>\n" for label, text in table.heading)
    body = ""
    for above, rows in _sections(table, full=full):
        frame = _frame(rows, str)
        noted = "noted" if "Note" in frame else None
        body += f"<p>{escape(above)}</p>\n" if above else ""
        body += f"{frame.to_html(index=False, border=0, escape=True, classes=noted)}\n"
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in _notes(table))
    title = escape(table.title)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n<p>{escape(table.verdict)}</p>\n<dl>\n{heading}</dl>\n"
        f"{body}{notes}</html>\n"
    )


def to_csv(table: Table) -> str:
    """Return one line a variant, or of a search one a trial, with unrounded numbers; accuracies are fractions of 1."""
    out = io.StringIO()
    if table.ranking:
        records = [_ranked_record(row, table.ranking) | _confirmed(row, table) for row in table.ranking.rows]
    else:
        records = [{**_record(row), "reference": table.reference} for row in table.rows]
    writer = csv.DictWriter(out, fieldnames=list(records[0]) if records else ["variant"], lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow(
            {name: spreadsheet_text(cell) if isinstance(cell, str) else cell for name, cell in record.items()}
        )
    return out.getvalue()


def _ranked_record(row: RankedTrial, ranking: Ranking) -> dict[str, Any]:
    told = asdict(row)
    score, values = told.pop("score"), told.pop("values")
    return {"suggestion": told.pop("suggestion"), **values, ranking.search.objective: score, **told}


def _confirmed(row: RankedTrial, table: Table) -> dict[str, Any]:
    """Return what a search's winner came to with fresh seeds; nothing in the lines of all others."""
    if not table.rows:
        return {}
    fresh = _record(table.rows[0])
    is_winner = table.ranking is not None and row == table.ranking.winner
    names = ("n", "seeds", *(f"test_accuracy_{part}" for part in ("mean", "std", "low", "high")))
    return {f"confirmed_{name}": fresh[name] if is_winner else None for name in names}


def spreadsheet_text(text: str) -> str:
    """Return a text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _record(row: Row) -> dict[str, Any]:
    def flat(name: str, summary: Summary | None) -> Mapping[str, float | None]:
        parts = ("mean", "std", "low", "high")
        return {f"{name}_{part}": getattr(summary, part) if summary else None for part in parts}

    against = row.against
    return {
        "variant": row.variant,
        "n": len(row.seeds),
        "seeds": " ".join(map(str, row.seeds)),
        **flat("test_accuracy", row.test),
        "new_images_low": row.new_images.low if row.new_images else None,
        "new_images_high": row.new_images.high if row.new_images else None,
        **{f"against_{name}": getattr(against, part) if against else None for name, part in _AGAINST.items()},
        "verdict": row.verdict,
        "reported_percent": " ".join(f"{found.percent:g}" for found in row.reported),
        "reported_inside": " ".join(_INSIDE[found.inside] for found in row.reported),
        **flat("val_accuracy", row.validation),
        "parameters": row.parameters,
        "train_seconds": row.train_seconds,
        "note": row.note,
        "unfinished": row.unfinished,
        "hardware": row.hardware,
    }


def to_latex(table: Table, *, full: bool = False) -> str:
    """Return tabulars for a document that uses booktabs; the heading stands before them as comments."""
    above = (("Title", table.title), ("Verdict", table.verdict), *table.heading)
    parts = [f"% {label}: {' '.join(text.split())}\n" for label, text in above if text]
    for title, rows in _sections(table, full=full):
        frame = _frame(rows, latex_text)
        aligned = "".join("l" if name in TEXTS else "r" for name in frame.columns)
        parts.append(f"\n{latex_text(title)}\n\n" if title else "")
        parts.append(frame.style.hide(axis="index").to_latex(hrules=True, column_format=aligned))
    parts += [f"\n{latex_text(note)}\n" for note in _notes(table)]
    return "".join(parts)


_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "–": "--",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "≥": r"$\geq$",
    "…": r"\dots{}",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
}


def latex_text(text: str) -> str:
    """Escape what LaTeX would read as a command."""
    return "".join(_LATEX.get(sign, sign) for sign in " ".join(text.split()))


def to_json(table: Table) -> str:
    """Return everything, unrounded; accuracies are fractions of 1."""
    return json.dumps({**asdict(table), "heading": dict(table.heading)}, indent=2, ensure_ascii=False) + "\n"


FORMATS: Mapping[str, Callable[[Table], str]] = {
    "md": to_markdown,
    "html": to_html,
    "csv": to_csv,
    "latex": to_latex,
    "json": to_json,
}
# With every column; CSV and JSON always have them.
FULL_FORMATS: Mapping[str, Callable[[Table], str]] = {
    **FORMATS,
    "md": partial(to_markdown, full=True),
    "html": partial(to_html, full=True),
    "latex": partial(to_latex, full=True),
}
