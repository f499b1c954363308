"""The comparison table: one row a variant, its seeds folded, best first.

Not here: how it is written as Markdown and the like, see `formats`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from seedsweep.reporting import formats
from seedsweep.reporting.statistics import Summary, summarize
from seedsweep.trials.variants import Told, name_variants, variant_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seedsweep.trials.record import SweepRecord, TrialRecord
    from seedsweep.trials.variants import Key


@dataclass(frozen=True)
class Row:
    """One variant.

    Attributes:
        variant: its name.
        seeds: of the finished trials, ascending.
        test: test accuracy over the seeds, as fractions; None when no trial finished.
        validation: likewise, of the validation images after the last epoch.
        parameters: number of weights; None when no trial finished.
        train_seconds: mean wall time of the epochs; None when no trial finished.
        note: what happened to the trials that did not finish.
    """

    variant: str
    seeds: tuple[int, ...]
    test: Summary | None
    validation: Summary | None
    parameters: int | None
    train_seconds: float | None
    note: str


@dataclass(frozen=True)
class Table:
    """A heading and rows.

    Attributes:
        title: the sweep's name.
        heading: label and text of what holds for all rows.
        rows: best test accuracy first; variants without a finished trial last.
        footnotes: what a reader must know to read the numbers.
    """

    title: str
    heading: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        return formats.FORMATS["md"](self)


def table_of(sweep: SweepRecord) -> Table:
    """Fold a sweep's trials into a table."""
    # Named afresh: only the whole sweep shows what differs in it.
    told = [
        Told(trial.settings, trial.tags.get("dataset_sha256", ""), trial.tags.get("row_title", ""))
        for trial in sweep.trials
    ]
    variants: dict[Key, tuple[str, list[TrialRecord]]] = {}
    for name, identity, trial in zip(name_variants(told), told, sweep.trials, strict=True):
        variants.setdefault(variant_key(identity), (name, []))[1].append(trial)
    rows = [_row(name, trials) for name, trials in variants.values()]
    # Equal accuracies stand in the order of their names, so that the same sweep gives the same table.
    rows.sort(key=lambda row: (row.test is None, -row.test.mean if row.test else 0.0, row.variant))
    return Table(title=sweep.name, heading=_heading(sweep), rows=tuple(rows), footnotes=_footnotes(rows, sweep))


def _row(variant: str, trials: Sequence[TrialRecord]) -> Row:
    finished = [trial for trial in trials if trial.status == "finished"]
    if not finished:
        return Row(variant, (), None, None, None, None, _note(trials))
    return Row(
        variant=variant,
        seeds=tuple(sorted(int(trial.settings["seed"]) for trial in finished)),
        test=summarize([trial.metrics["test_accuracy"] for trial in finished]),
        validation=summarize([trial.metrics["val_accuracy"] for trial in finished]),
        parameters=int(finished[0].tags["parameters"]),
        train_seconds=fmean(trial.metrics["train_seconds"] for trial in finished),
        note=_note(trials),
    )


def _note(trials: Sequence[TrialRecord]) -> str:
    unfinished = Counter(
        (trial.status, trial.tags.get("failure", "")) for trial in trials if trial.status != "finished"
    )
    parts = []
    for (status, failure), count in unfinished.items():
        times = f"{count} {status}" if len(trials) > 1 else status
        parts.append(f"{times}: {failure}" if failure else times)
    return "; ".join(parts)


def _heading(sweep: SweepRecord) -> tuple[tuple[str, str], ...]:
    def all_of(name: str) -> str:
        return ", ".join(_in_order(trial.settings[name] for trial in sweep.trials))

    def tagged(name: str) -> str:
        return "; ".join(_in_order(trial.tags[name] for trial in sweep.trials if name in trial.tags))

    seeds, epochs, batch = all_of("seed"), all_of("epochs"), all_of("batch_size")
    splits = all_of("data.validation").replace("holdout", "a tenth of the training images, held out")
    return (
        ("Data", tagged("dataset")),
        ("Validation", splits.replace("test", "the test images themselves")),
        ("Training", f"epochs: {epochs}; seeds: {seeds}; batch size: {batch}; {all_of('precision')}"),
        ("Hardware", f"{tagged('hardware')}; CPU threads a trial: {all_of('threads')}"),
        ("Versions", tagged("versions")),
        ("Sweep", f"{sweep.run_id}, {sweep.started}"),
    )


def _in_order(values: Iterable[str]) -> list[str]:
    """Return each value once: numbers by size, other texts as they came."""
    distinct = list(dict.fromkeys(values))
    try:
        return sorted(distinct, key=float)
    except ValueError:
        return distinct


def _footnotes(rows: Sequence[Row], sweep: SweepRecord) -> tuple[str, ...]:
    notes = []
    if (idle := sweep.planned - len(sweep.trials)) > 0:
        notes.append(f"{idle} of {sweep.planned} trials are not in this table: they were not started yet.")
    if reused := sum("reused_from" in trial.tags for trial in sweep.trials):
        were = "was" if reused == 1 else "were"
        notes.append(f"{reused} of these trials {were} trained for an earlier sweep: the same settings, images,")
        notes[-1] += " versions, threads and kind of device."
    if any(row.test and row.test.n > 1 for row in rows):
        notes.append("± is the standard deviation over seeds; the interval is Student's t for the mean over seeds.")
    if any(row.test and row.test.n == 1 for row in rows):
        notes.append("n = 1 has no interval: one seed says nothing about the spread. seed=1,2,3 adds seeds to a sweep.")
    return tuple(notes)
