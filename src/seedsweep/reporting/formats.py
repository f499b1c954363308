"""A table as Markdown, HTML, CSV, LaTeX or JSON, with every text escaped for where it goes."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seedsweep.reporting.statistics import Summary
    from seedsweep.reporting.table import Row, Table

_MISSING = "–"

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1.5rem 0 }
th, td { padding: .35rem .8rem; border-bottom: 1px solid #ddd }
th, td { text-align: right; font-variant-numeric: tabular-nums }
th:first-child, td:first-child, .noted th:last-child, .noted td:last-child { text-align: left }
dt { float: left; clear: left; width: 7rem; color: #666 } dd { margin-left: 7.5rem }
"""


def _cells(row: Row) -> dict[str, str]:
    """Return a row as a reader sees it: accuracies in percent."""
    return {
        "Variant": row.variant,
        "n": str(len(row.seeds)),
        "Test accuracy, %": _spread(row.test),
        "95 % CI": _interval(row.test),
        "Validation accuracy, %": _spread(row.validation),
        "Parameters": _MISSING if row.parameters is None else f"{row.parameters:,}",
        "Seconds": _MISSING if row.train_seconds is None else f"{row.train_seconds:.0f}",
        "Note": row.note,
    }


def _spread(summary: Summary | None) -> str:
    if summary is None:
        return _MISSING
    mean = f"{100 * summary.mean:.2f}"
    return mean if summary.std is None else f"{mean} ± {100 * summary.std:.2f}"


def _interval(summary: Summary | None) -> str:
    if summary is None or summary.low is None or summary.high is None:
        return _MISSING
    return f"{100 * summary.low:.2f} to {100 * summary.high:.2f}"


def _frame(table: Table, escaped: Callable[[str], str]) -> pd.DataFrame:
    """Return the cells, without the columns in which nobody has anything to say."""
    frame = pd.DataFrame([{name: escaped(cell) for name, cell in _cells(row).items()} for row in table.rows])
    for column, empty in (("Note", ""), ("95 % CI", _MISSING)):
        if len(frame) and (frame[column] == empty).all():
            frame = frame.drop(columns=column)
    return frame


def markdown_text(text: str) -> str:
    r"""Escape what Markdown would read as markup; a newline would end the row."""
    return re.sub(r"([\\|<&\[\]!`*_])", r"\\\1", " ".join(text.split()))


def to_markdown(table: Table) -> str:
    """Return the table as GitHub-flavoured Markdown."""
    frame = _frame(table, markdown_text)
    numbers = ("right",) * (len(frame.columns) - 1)
    aligned = ("left", *numbers[:-1], "left") if "Note" in frame else ("left", *numbers)
    body = frame.to_markdown(index=False, disable_numparse=True, colalign=aligned) if len(frame) else "no trials"
    heading = "\n".join(f"- {label}: {markdown_text(text)}" for label, text in table.heading)
    notes = "".join(f"\n{note}\n" for note in table.footnotes)
    return f"# {markdown_text(table.title)}\n\n{heading}\n\n{body}\n{notes}"


def to_html(table: Table) -> str:
    """Return the table as one page that needs nothing else."""
    frame = _frame(table, str)
    heading = "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>\n" for label, text in table.heading)
    noted = "noted" if "Note" in frame else None
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in table.footnotes)
    title = escape(table.title)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n<dl>\n{heading}</dl>\n"
        f"{frame.to_html(index=False, border=0, escape=True, classes=noted)}\n{notes}</html>\n"
    )


def to_csv(table: Table) -> str:
    """Return one line a variant with unrounded numbers; accuracies are fractions of 1."""
    out = io.StringIO()
    records = [_record(row) for row in table.rows]
    writer = csv.DictWriter(out, fieldnames=list(records[0]) if records else ["variant"], lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow(
            {name: spreadsheet_text(cell) if isinstance(cell, str) else cell for name, cell in record.items()}
        )
    return out.getvalue()


def spreadsheet_text(text: str) -> str:
    """Return a text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _record(row: Row) -> dict[str, Any]:
    def flat(name: str, summary: Summary | None) -> Mapping[str, float | None]:
        parts = ("mean", "std", "low", "high")
        return {f"{name}_{part}": getattr(summary, part) if summary else None for part in parts}

    return {
        "variant": row.variant,
        "n": len(row.seeds),
        "seeds": " ".join(map(str, row.seeds)),
        **flat("test_accuracy", row.test),
        **flat("val_accuracy", row.validation),
        "parameters": row.parameters,
        "train_seconds": row.train_seconds,
        "note": row.note,
    }


def to_latex(table: Table) -> str:
    """Return a tabular for a document that uses booktabs; the heading stands before it as comments."""
    frame = _frame(table, latex_text)
    frame.columns = pd.Index([latex_text(str(column)) for column in frame.columns])
    heading = "".join(
        f"% {label}: {' '.join(text.split())}\n" for label, text in (("Title", table.title), *table.heading)
    )
    columns = "l" + "r" * (len(frame.columns) - 1)
    return heading + frame.style.hide(axis="index").to_latex(hrules=True, column_format=columns)


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
