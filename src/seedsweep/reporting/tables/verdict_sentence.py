"""The verdicts of a table in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedsweep.reporting.tables.row import Row

# How many rows the sentence names.
_NAMED = 3


def verdict_sentence(rows: Sequence[Row]) -> str:
    """Return which row has the highest mean, which cannot be told apart from it, and which are worse.

    Args:
        rows: of a table, best first.

    Returns:
        Empty when no two rows can be compared.
    """
    reference = next((row for row in rows if row.verdict in ("best", "baseline")), None)
    if reference is None:
        has_single = any(row.verdict == "one seed" for row in rows)
        return "No verdict: one seed says nothing about the spread. seed=1,2,3 adds seeds." if has_single else ""
    mean = f" ({100 * reference.test.mean:.2f} %)" if reference.test else ""
    if reference.verdict == "baseline":
        what = "is the baseline"
    elif reference is rows[0]:
        what = "has the highest mean"
    else:
        what = "has the highest mean of the rows that can be compared"
    parts = [f"{reference.variant} {what}{mean}"]
    if better := _of(rows, "better"):
        parts.append(f"{_named(better)} {_is(better)} better than it")
    if tied := _of(rows, "not told apart"):
        parts.append(f"{len(reference.seeds)} seeds cannot tell {_named(tied)} apart from it")
    if worse := _of(rows, "worse"):
        parts.append(f"{_named(worse)} {_is(worse)} worse than it")
    if collapsed := _of(rows, "collapsed"):
        parts.append(f"{_named(collapsed)} collapsed")
    if single_seed := _of(rows, "one seed"):
        parts.append(f"{_named(single_seed)} {_has(single_seed)} one seed and no verdict")
    return "; ".join(parts) + "."


def _of(rows: Sequence[Row], verdict: str) -> list[str]:
    return [row.variant for row in rows if row.verdict == verdict]


def _named(variants: Sequence[str]) -> str:
    if len(variants) > _NAMED:
        return f"{len(variants)} rows"
    return ", ".join(variants[:-1]) + " and " + variants[-1] if len(variants) > 1 else variants[0]


def _is(variants: Sequence[str]) -> str:
    return "is" if len(variants) == 1 else "are"


def _has(variants: Sequence[str]) -> str:
    return "has" if len(variants) == 1 else "have"
