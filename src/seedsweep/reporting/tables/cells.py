"""What a reader sees in each cell: accuracies in percent, differences in percentage points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.reporting.tables.heading import score, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedsweep.reporting.statistics.comparison import Difference
    from seedsweep.reporting.statistics.factorial_effects import Effect
    from seedsweep.reporting.statistics.summary import Summary
    from seedsweep.reporting.tables.row import Reported, Row
    from seedsweep.reporting.tables.search_ranking import RankedTrial, Ranking
    from seedsweep.reporting.tables.table import Table

MISSING = "–"
# Columns of texts; all others hold numbers.
TEXTS = ("Variant", "Verdict", "Change", "Note", "Values")
# What the compact table leaves out; the CSV and JSON tables have all of it.
_ONLY_FULL = ("95 % CI", "… with new images", "p (Holm)", "Validation accuracy, %", "Note")
# These stand always, so that tables of one kind look alike.
_ALWAYS = ("Variant", "Test accuracy, %", "Verdict", "Parameters", "Seconds")


def columns(table: Table, *, full: bool = False) -> list[dict[str, str]]:
    """Return each row's cells by column. Empty columns are omitted.

    Args:
        table: the table.
        full: whether to add each row's own intervals, p-values, validation accuracy, number of seeds and notes.
    """
    rows = [_row(row, table) for row in table.rows]
    used = {name for row in rows for name, cell in row.items() if cell not in ("", MISSING)}
    left_out = set() if full else {*_ONLY_FULL}
    if not full and len({len(row.seeds) for row in table.rows}) == 1:
        left_out.add("n")
    if all(row.settings.get("data.validation") == "test" for row in table.rows):
        left_out.add("Validation accuracy, %")
    kept = (used | {*_ALWAYS}) - left_out
    return [{name: cell for name, cell in row.items() if name in kept} for row in rows]


def effect_columns(effects: Sequence[Effect]) -> list[dict[str, str]]:
    """Return each effect's cells by column."""
    return [
        {
            "Change": " and ".join(map(_change, effect.factors, effect.references, effect.levels)),
            "Worth, points": _signed(effect.value),
            "95 % CI": _points(effect.low, effect.high),
            "p (Holm)": _p(effect.p_adjusted),
        }
        for effect in effects
    ]


def ranking_columns(ranking: Ranking, rows: Sequence[RankedTrial]) -> list[dict[str, str]]:
    """Return the cells by column of some of a search's trials. Empty columns are omitted."""
    told = [
        {
            "Suggestion": str(row.suggestion),
            "Values": ", ".join(f"{axis}={short(value)}" for axis, value in row.values.items()),
            ranking.search.objective: MISSING if row.score is None else score(ranking.search, row.score),
            "Epochs": str(row.epochs),
            "Bracket": MISSING if row.bracket is None else str(row.bracket),
            "Rung": MISSING if row.rung is None else str(row.rung),
            "Note": row.note,
        }
        for row in rows
    ]
    used = [name for name in told[0] if any(row[name] not in ("", MISSING) for row in told)] if told else []
    return [{name: row[name] for name in used} for row in told]


def _change(factor: str, reference: str, level: str) -> str:
    return f"{factor.removesuffix('.name')}: {reference} → {level}"


def _row(row: Row, table: Table) -> dict[str, str]:
    difference = "Behind the best, points" if table.reference_is_best else "Against the baseline, points"
    unfinished = "" if row.test else row.unfinished.partition(":")[0]
    return {
        "Variant": row.variant,
        "n": str(len(row.seeds)),
        "Test accuracy, %": _spread(row.test),
        "95 % CI": _percents(row.test.low, row.test.high) if row.test else MISSING,
        "… with new images": _percents(row.new_images.low, row.new_images.high) if row.new_images else MISSING,
        difference: _difference(row.against, sign=-1 if table.reference_is_best else 1),
        "Verdict": row.verdict or unfinished or MISSING,
        "p (Holm)": _p(row.against.p_adjusted) if row.against else MISSING,
        "Reported, %": ", ".join(map(_reported, row.reported)) or MISSING,
        "Validation accuracy, %": _spread(row.validation),
        "Parameters": MISSING if row.parameters is None else f"{row.parameters:,}",
        "Seconds": MISSING if row.train_seconds is None else f"{row.train_seconds:.0f}",
        "Note": "; ".join(filter(None, (row.note, row.unfinished))),
    }


def _spread(summary: Summary | None) -> str:
    if summary is None:
        return MISSING
    mean = f"{100 * summary.mean:.2f}"
    return mean if summary.std is None else f"{mean} ± {100 * summary.std:.2f}"


def _percents(low: float | None, high: float | None) -> str:
    return MISSING if low is None or high is None else f"{100 * low:.2f} to {100 * high:.2f}"


def _points(low: float | None, high: float | None) -> str:
    return MISSING if low is None or high is None else f"{_signed(low)} to {_signed(high)}"


def _signed(difference: float) -> str:
    """Return points with their sign; nothing has none."""
    text = f"{100 * difference:+.2f}"
    return "0.00" if text in ("-0.00", "+0.00") else text


def _difference(found: Difference | None, sign: int) -> str:
    """Return the difference in points and its interval: "0.12 (-0.01 to 0.25)"; behind the best is a positive one."""
    if found is None:
        return MISSING
    if found.verdict == "collapsed":
        return f"{100 * sign * found.value:.0f}"
    shown = _plain if sign < 0 else _signed
    value = shown(sign * found.value)
    if found.low is None or found.high is None:
        return value
    low, high = sorted((sign * found.low, sign * found.high))
    return f"{value} ({shown(low)} to {shown(high)})"


def _plain(difference: float) -> str:
    text = f"{100 * difference:.2f}"
    return "0.00" if text == "-0.00" else text


def _p(value: float | None) -> str:
    if value is None:
        return MISSING
    # What is just below 0.05 is not rounded up to it.
    return "< 0.001" if value < 0.001 else f"{min(value, 0.04994):.4f}" if 0.0495 <= value < 0.05 else f"{value:.3f}"


def _reported(found: Reported) -> str:
    if found.inside is None:
        return f"{found.percent:g}"
    return f"{found.percent:g} {'inside' if found.inside else 'outside'}"
