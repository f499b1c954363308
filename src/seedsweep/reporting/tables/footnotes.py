"""The words around a table: what holds for all its rows, and what a reader must know to read the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.reporting.statistics.power import MOST_SEEDS, POWER
from seedsweep.reporting.tables.search_ranking import is_suggestion
from seedsweep.reporting.tables.shared_settings import recipe
from seedsweep.trials.variants import run_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from seedsweep.reporting.tables.search_ranking import Ranking
    from seedsweep.reporting.tables.table import Table
    from seedsweep.trials.records import SearchRecord, SweepRecord, TrialRecord

# How many seeds, or rows, a sentence names.
_NAMED = 10


def heading(sweep: SweepRecord, ranking: Ranking | None) -> tuple[tuple[str, str], ...]:
    """Return label and text of what holds for all rows, and what a search came to."""

    def all_of(name: str, trials: Sequence[TrialRecord] = sweep.trials) -> str:
        return ", ".join(_in_order(trial.settings[name] for trial in trials))

    def tagged(name: str) -> str:
        return "; ".join(_in_order(trial.tags[name] for trial in sweep.trials if name in trial.tags))

    fresh = [trial for trial in sweep.trials if ranking and not is_suggestion(trial)]
    searched = [trial for trial in sweep.trials if not ranking or is_suggestion(trial)]
    seeds = ", the winner's: ".join(all_of("seed", trials) for trials in (searched, fresh) if trials)
    epochs, batch = all_of("epochs"), all_of("batch_size")
    splits = all_of("data.validation").replace("holdout", "a tenth of the training images, held out")
    shared = recipe([trial.settings for trial in sweep.trials])
    return (
        ("Data", tagged("dataset")),
        ("Validation", splits.replace("test", "the test images themselves")),
        ("Training", f"epochs: {epochs}; seeds: {seeds}; batch size: {batch}; {all_of('precision')}"),
        *([("Settings", shared)] if shared else []),
        ("Hardware", f"{tagged('hardware')}; CPU threads a trial: {all_of('threads')}"),
        ("Versions", tagged("versions")),
        ("Sweep", f"{sweep.run_id}, {sweep.started}"),
        *(_of_search(ranking) if ranking else ()),
    )


def _of_search(ranking: Ranking) -> Iterator[tuple[str, str]]:
    search = ranking.search
    slots = f"{search.slots} slot{'s' * (search.slots > 1)}"
    order = f"reproducible with {slots}" if search.order == "reproducible" else f"fastest, with {slots}: not repeatable"
    suggestions = f"{len(ranking.rows)} of {search.suggestions} suggestions, by {search.objective}"
    over = f"{search.algorithm} over {', '.join(search.axes)}"
    yield "Search", f"{over}; {suggestions}; seed {search.seed}; order: {order}"
    winner = ranking.winner
    if winner is None or winner.score is None:
        return
    values = ", ".join(f"{axis}={short(value)}" for axis, value in winner.values.items())
    yield "Winner", f"suggestion {winner.suggestion}: {values}; {search.objective} {score(search, winner.score)}"
    if ranking.confirmed and ranking.gap is not None:
        mean, n = ranking.confirmed, ranking.confirmed.n
        low, high = mean.low, mean.high
        interval = "" if low is None or high is None else f" ({score(search, low)} to {score(search, high)})"
        unit = " points" if search.objective.endswith("accuracy") else ""
        gap = f"{100 * ranking.gap:+.2f}" if unit else f"{ranking.gap:+.4g}"
        of = f"{n} of {search.confirm}" if n < search.confirm else str(n)
        seeds = f"{score(search, mean.mean)}{interval} over {of} fresh seed{'s' * (search.confirm > 1)}"
        by = f"winning score minus confirmed mean: {gap}{unit}"
        yield "Confirmed", f"{search.objective} {seeds}; optimism gap, {by}"


def short(value: str) -> str:
    """Return a setting's value, of a number with many digits the first four; the JSON table has all."""
    try:
        number = float(value)
    except ValueError:
        return value
    return value if number.is_integer() else f"{number:.4g}"


def score(search: SearchRecord, value: float) -> str:
    """Return an objective's value: an accuracy in percent, a loss or seconds as they are."""
    return f"{100 * value:.2f} %" if search.objective.endswith("accuracy") else f"{value:.4g}"


def seeds_told(seeds: Sequence[int]) -> str:
    """Return which seeds these are, or of many their number."""
    if len(seeds) > _NAMED:
        return f"{len(seeds)} seeds"
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def _in_order(values: Iterable[str]) -> list[str]:
    """Return each value once: numbers by size, other texts as they came."""
    distinct = list(dict.fromkeys(values))
    try:
        return sorted(distinct, key=float)
    except ValueError:
        return distinct


def footnotes(table: Table, sweep: SweepRecord) -> tuple[str, ...]:
    """Return what must be said of a table.

    Args:
        table: without footnotes.
        sweep: what it was made of.
    """
    return (
        *_of_data(sweep),
        *_of_trials(sweep),
        *_of_lost_trials(table),
        *_of_intervals(table),
        *_of_comparisons(table),
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
    if selected := [row.variant for row in table.rows if row.is_selected]:
        yield (
            "Other trials of these rows were stopped for being worse than most, so that their means are too good; they "
            f"have no intervals and are not compared: {_listed(selected)}."
        )
    if failed := [row.variant for row in table.rows if row.has_failed]:
        yield f"Means over the seeds that did not fail, which may be the lucky ones: {_listed(failed)}."
    if len({row.hardware for row in table.rows if row.hardware}) > 1 or any("; " in row.hardware for row in table.rows):
        yield "Not all trials were trained on the same hardware; the CSV and JSON tables have that of each row."


def _of_intervals(table: Table) -> Iterator[str]:
    several = [row for row in table.rows if row.test and row.test.n > 1]
    if several:
        yield "± is the standard deviation over seeds; the interval is Student's t for the mean over seeds."
    if any(row.new_images for row in table.rows):
        yield "With new images: the interval for new seeds and new test images together."
    unread = [row.variant for row in several if row.new_images is None and not row.is_selected]
    if unread and len(unread) < len(several):
        yield f"Not all answers to the test images can be read of these rows' trials any more: {_listed(unread)}."
    elif unread:
        yield "Not all answers to the test images can be read of these trials any more."
    if any(row.test and row.test.low is None and not row.is_selected for row in several):
        yield "Seeds that agree to the last image have no interval: by how much others differ is not known from them."
    if any(row.test and row.test.n == 1 for row in table.rows):
        yield "n = 1 has no interval: one seed says nothing about the spread. seed=1,2,3 adds seeds to a sweep."


def _of_comparisons(table: Table) -> Iterator[str]:
    if table.effects.reason and any(row.seeds[1:] for row in table.rows) and "combination" in table.effects.reason:
        yield f"No effects: {table.effects.reason}."
    if table.baseline is None:
        if not table.baseline_is_best:
            yield "Nothing is compared: no row has two seeds and the test images in common with the baseline."
        return
    compared = [row.against for row in table.rows if row.against]
    noises = {found.noise for found in compared if found.noise}
    yield _of_differences(table, "seed" if noises == {"seeds"} else "seed and test image")
    if any(found.verdict == "unclear" for found in compared):
        yield (
            "Unclear: the interval, which is about this one difference only, excludes 0, and p, which is about all of "
            "them, does not confirm it. More seeds would tell. So may --baseline VARIANT, which leaves fewer "
            "comparisons, if it was chosen before the results were seen."
        )
    if len({row.seeds for row in table.rows if row.seeds}) > 1:
        yield "Not all rows have the same seeds; a difference is over those that both rows have."
    if table.baseline_is_best and not next((row.is_baseline for row in table.rows if row.seeds), True):
        yield "The best is looked for among the rows that have the most seeds in common."
    yield from _of_what_is_not_known(table)
    if any(found.needed for found in compared):
        yield (
            "Seeds needed: with how many the row would be worse or better in this table, with a power of "
            f"{POWER:g}, if difference and spread are those seen here. The noise of the test images stays: where it is "
            f"too large, more than {MOST_SEEDS} means that no number is enough."
        )


def _of_differences(table: Table, by: str) -> str:
    of = "the best row, which the data chose" if table.baseline_is_best else f"'{table.baseline}'"
    chosen = "" if table.baseline_is_best else ", if it was chosen before the results were seen"
    return (
        f"Differences are to {of}, in percentage points, paired by {by}, with their 95 % intervals. p allows for "
        f"{table.family} comparison{'s' * (table.family > 1)} (Holm){chosen}. Worse or better: p below 0.05. Tied: the "
        "difference cannot be told from noise."
    )


def _of_what_is_not_known(table: Table) -> Iterator[str]:
    others = [row for row in table.rows if row.seeds and not row.is_baseline and not row.is_selected]
    compared = [(row, row.against) for row in others if row.against and row.against.seeds >= 2]
    if alone := [row.variant for row in others if row.against is None or row.against.seeds < 2]:
        yield f"Not compared, for fewer than two common seeds or other test images: {_listed(alone)}."
    if equal := [row.variant for row, found in compared if found.low is None]:
        yield f"Every seed has the same difference, so that it is not known how far others vary: {_listed(equal)}."
    # A reader must know it above all where it makes a difference look surer than it is.
    if over_seeds := [row.variant for row, found in compared if found.noise == "seeds"]:
        which = "" if len(over_seeds) == len(compared) else f": {_listed(over_seeds)}"
        yield (
            "Only seeds count as noise where the answers to single test images are not known for both rows; on other "
            f"images a difference may be another{which}."
        )
    own = next(({*row.seeds} for row in table.rows if row.is_baseline), set())
    if any(found.seeds < len(own & {*row.seeds}) for row, found in compared):
        yield "Differences are over the seeds for which the answers of both rows are known."


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
