"""The sentences below a table: what a reader must know to read its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.trials.variants import run_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from seedsweep.reporting.statistics.resolution import Resolution
    from seedsweep.reporting.tables.table import Table
    from seedsweep.trials.records import SweepRecord

# How many rows a sentence names.
_NAMED = 10


def footnotes(table: Table, sweep: SweepRecord) -> tuple[str, ...]:
    """Return what is particular about a table's trials.

    Args:
        table: without footnotes.
        sweep: what it was made of.
    """
    return (
        *_of_data(sweep),
        *_of_trials(sweep),
        *_of_lost_trials(table),
        *_of_what_is_not_known(table),
        *_of_reported(table, sweep),
    )


def _of_data(sweep: SweepRecord) -> Iterator[str]:
    found = {trial.tags["dataset_warnings"] for trial in sweep.trials if "dataset_warnings" in trial.tags}
    for warning in sorted(found):
        yield f"Data: {warning}."


def _of_trials(sweep: SweepRecord) -> Iterator[str]:
    if deleted := len(sweep.deleted):
        were = "is not in this table: its run was" if deleted == 1 else "are not in this table: their runs were"
        names = _listed([run_name(trial.tags.get("variant", ""), trial.settings["seed"]) for trial in sweep.deleted])
        yield f"{deleted} of {sweep.planned} trials {were} deleted in MLflow ({names})."
    # A search may end before all of its budget is used; its heading counts.
    if sweep.search is None and (missing := sweep.planned - len(sweep.trials) - deleted) > 0:
        why = "their runs are no longer in MLflow" if sweep.has_ended else "they have no run in MLflow (yet)"
        yield f"{missing} of {sweep.planned} trials are not in this table: {why}."
    own = {trial.run_id for trial in (*sweep.trials, *sweep.deleted)}
    links = [trial.tags["reused_from"] for trial in sweep.trials if "reused_from" in trial.tags]
    if reused := sum(origin not in own for origin in links):
        were = "was" if reused == 1 else "were"
        yield (
            f"{reused} of these trials {were} trained for an earlier sweep: the same settings, images, versions, "
            "threads and kind of device."
        )
    if twins := sum(origin in own for origin in links):
        are = "is" if twins == 1 else "are"
        yield f"{twins} of these trials {are} the same as another row's, and trained once."


def _of_lost_trials(table: Table) -> Iterator[str]:
    if unfinished := [f"{row.variant}: {row.unfinished}" for row in table.rows if row.unfinished]:
        yield f"Not finished: {_listed(unfinished)}."
    if selected := [row.variant for row in table.rows if row.is_selected]:
        yield (
            "Other trials of these rows were stopped for being worse than most, so that their means are too good; they "
            f"have no intervals and are not compared: {_listed(selected)}."
        )
    if failed := [row.variant for row in table.rows if row.has_failed]:
        yield f"Means over the seeds that did not fail, which may be the lucky ones: {_listed(failed)}."
    if len({row.hardware for row in table.rows if row.hardware}) > 1 or any("; " in row.hardware for row in table.rows):
        yield "Not all trials were trained on the same hardware; the CSV and JSON tables have that of each row."


def explanation(table: Table) -> str:
    """Return how to read the numbers: ±, the intervals, the verdicts, and what more seeds would tell.

    Args:
        table: without footnotes.
    """
    if all(row.test is None or row.test.std is None for row in table.rows):
        return ""
    parts = ["± is the standard deviation over seeds."]
    if table.reference:
        parts += _of_differences(table)
        if table.resolution:
            parts.append(_of_resolution(table.resolution, max(len(row.seeds) for row in table.rows)))
    return " ".join(parts)


def _of_differences(table: Table) -> Iterator[str]:
    against = [row.against for row in table.rows if row.against]
    images = any(found.counts_images for found in against)
    chance = "the seeds and in the choice of the test images" if images else "the seeds, not in the test images"
    confidence = f"{100 * (1 - table.alpha):g} %"
    if any(found.low is not None for found in against):
        yield (
            f"The {confidence} intervals allow for chance in {chance}, and hold for all rows at once. A row is worse "
            "where its interval excludes 0; not told apart means undecided, not equal."
        )
    if not table.reference_is_best:
        yield f"They are to {table.reference}, if it was chosen before the results were seen."
    if any(found.verdict == "collapsed" for found in against):
        yield "Collapsed: far more mistakes than the best in all its seeds together."
    if table.look > 1:
        yield (
            f"This is table {table.look} of these rows: looking again with more seeds makes chance findings likelier, "
            f"so that after the first, at 5 %, each table is made at {100 * table.alpha:g} %."
        )


def _of_resolution(found: Resolution, n: int) -> str:
    """Say which differences how many seeds can tell, at the spread seen here."""
    text = (
        f"With {n} seeds, rows that truly differ by {_points(found.now, digits=2)} points are told apart in 4 of 5 "
        "cases"
    )
    if found.seeds:
        (first, seeds), *rest = found.seeds
        text += f"; for {_points(first)} point{'s' * (first != 0.01)} a row needs about {seeds} seeds"
        text += "".join(f", for {_points(size)} about {seeds}" for size, seeds in rest)
    if found.limit and found.limit < found.now:
        text += (
            f"; differences below {_points(found.limit, digits=2)} points cannot be seen on these test images, with "
            "any number of seeds"
        )
    return f"{text}."


def _points(difference: float, digits: int | None = None) -> str:
    return f"{100 * difference:g}" if digits is None else f"{100 * difference:.{digits}g}"


def _of_what_is_not_known(table: Table) -> Iterator[str]:
    if table.effects.reason and any(row.seeds[1:] for row in table.rows) and "combination" in table.effects.reason:
        yield f"No effects: {table.effects.reason}."
    tested = [row for row in table.rows if len(row.seeds) > 1 and not row.is_selected]
    if unread := [row.variant for row in tested if row.new_images is None]:
        which = "" if len(unread) == len(tested) else f": {_listed(unread)}"
        yield (
            "The answers to single test images cannot be read of all trials, so that chance in the choice of the test "
            f"images is not counted{which}."
        )
    if table.reference is None:
        return
    others = [
        row for row in table.rows if row.seeds and row.verdict not in ("best", "baseline") and not row.is_selected
    ]
    if alone := [row.variant for row in others if row.against is None]:
        yield f"Not compared, because they were tested on other images: {_listed(alone)}."
    if unknown := [
        row.variant
        for row in others
        if row.against and row.against.low is None and row.against.verdict not in ("collapsed", "one seed")
    ]:
        yield f"No interval, because seeds that agree to the last image show no spread: {_listed(unknown)}."
    if table.reference_is_best and next((row.verdict for row in table.rows if row.seeds), None) != "best":
        yield "The best is chosen among the rows of which all seeds finished."


def _listed(variants: Sequence[str]) -> str:
    more = len(variants) - _NAMED
    return "; ".join(variants[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _of_reported(table: Table, sweep: SweepRecord) -> Iterator[str]:
    if any(found.inside is not None for row in table.rows for found in row.reported):
        yield (
            "Reported: inside, where one further run with another seed could fall in 95 of 100 cases, by the spread "
            "seen here."
        )
    sources: dict[str, list[str]] = {}
    for trial in sweep.trials:
        if {"row", "reported_in"} <= trial.tags.keys():
            keys = sources.setdefault(trial.tags["reported_in"], [])
            if trial.tags["row"] not in keys:
                keys.append(trial.tags["row"])
    if sources:
        yield "Sources: " + "; ".join(f"{', '.join(keys)}: {source}" for source, keys in sources.items()) + "."
