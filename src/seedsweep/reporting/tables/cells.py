"""What a reader sees in each cell: accuracies in percent, differences in percentage points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.reporting.tables.footnotes import score, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedsweep.reporting.statistics.comparison import Comparison
    from seedsweep.reporting.statistics.factorial_effects import Effect
    from seedsweep.reporting.statistics.summary import Summary
    from seedsweep.reporting.tables.row import Reported, Row
    from seedsweep.reporting.tables.search_ranking import RankedTrial, Ranking
    from seedsweep.reporting.tables.table import Table

MISSING = "–"
# Columns of texts; all others hold numbers.
TEXTS = ("Variant", "Change", "Note", "Values")


def columns(table: Table) -> list[dict[str, str]]:
    """Return each row's cells by column. Empty columns are omitted."""
    rows = [_row(row, table) for row in table.rows]
    # These stand always, so that tables of one kind look alike.
    kept = {"Variant", "n", "Test accuracy, %", "Validation accuracy, %", "Parameters", "Seconds"}
    told = {name for row in rows for name, cell in row.items() if cell not in ("", MISSING)} | kept
    return [{name: cell for name, cell in row.items() if name in told} for row in rows]


def effect_columns(effects: Sequence[Effect]) -> list[dict[str, str]]:
    """Return each effect's cells by column."""
    return [
        {
            "Change": " and ".join(map(_change, effect.factors, effect.references, effect.levels)),
            "Worth, points": _signed(effect.value),
            "95 % CI": _points(effect.low, effect.high),
            "p (Holm)": _p(effect.adjusted),
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
    base = "best" if table.baseline_is_best else "baseline"
    against = row.against
    return {
        "Variant": row.variant,
        "n": str(len(row.seeds)),
        "Test accuracy, %": _spread(row.test),
        "95 % CI": _percents(row.test.low, row.test.high) if row.test else MISSING,
        "… with new images": _percents(row.new_images.low, row.new_images.high) if row.new_images else MISSING,
        f"Against the {base}": base if row.is_baseline else _against(against),
        "p (Holm)": _p(against.adjusted) if against else MISSING,
        "Seeds needed": str(against.needed) if against and against.needed else MISSING,
        "Reported, %": ", ".join(map(_reported, row.reported)) or MISSING,
        "Validation accuracy, %": _spread(row.validation),
        "Parameters": MISSING if row.parameters is None else f"{row.parameters:,}",
        "Seconds": MISSING if row.train_seconds is None else f"{row.train_seconds:.0f}",
        "Note": row.note,
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


def _against(found: Comparison | None) -> str:
    """Return the difference, its interval and whether it counts: "-0.12 (-0.25 to +0.01) tied"."""
    if found is None or found.difference is None or found.seeds < 2:
        return MISSING
    if found.low is None:
        return _signed(found.difference)
    return f"{_signed(found.difference)} ({_points(found.low, found.high)}) {found.verdict}"


def _p(value: float | None) -> str:
    if value is None:
        return MISSING
    # What is just below 0.05 is not rounded up to it.
    return "< 0.001" if value < 0.001 else f"{min(value, 0.04994):.4f}" if 0.0495 <= value < 0.05 else f"{value:.3f}"


def _reported(found: Reported) -> str:
    if found.inside is None:
        return f"{found.percent:g}"
    return f"{found.percent:g} {'inside' if found.inside else 'outside'}"
