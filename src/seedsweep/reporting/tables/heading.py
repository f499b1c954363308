"""The lines above a table: what holds for all rows, and what a search found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.reporting.tables.search_ranking import is_suggestion
from seedsweep.reporting.tables.shared_settings import shared_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from seedsweep.reporting.tables.search_ranking import Ranking
    from seedsweep.trials.records import SearchRecord, SweepRecord, TrialRecord

# How many seeds a line names.
_NAMED = 10


def heading(sweep: SweepRecord, ranking: Ranking | None) -> tuple[tuple[str, str], ...]:
    """Return label and text of each line: the data, what all trials share, where they ran; of a search also its result.

    Args:
        sweep: the trials.
        ranking: of a search; None for a grid.
    """

    def all_of(name: str, trials: Sequence[TrialRecord] = sweep.trials) -> str:
        return ", ".join(_in_order(trial.settings[name] for trial in trials))

    def tagged(name: str) -> str:
        return "; ".join(_in_order(trial.tags[name] for trial in sweep.trials if name in trial.tags))

    confirming = [trial for trial in sweep.trials if ranking and not is_suggestion(trial)]
    searched = [trial for trial in sweep.trials if not ranking or is_suggestion(trial)]
    seeds = ", the winner's ".join(_seeds(trials) for trials in (searched, confirming) if trials)
    # The description of the data counts validation images, or says that the test images are used.
    splits = "validation: a tenth of the training images" if "holdout" in all_of("data.validation") else ""
    training = f"epochs: {all_of('epochs')}; {seeds}; batch size: {all_of('batch_size')}; {all_of('precision')}"
    shared = shared_settings([trial.settings for trial in sweep.trials])
    where = f"{tagged('hardware')}; CPU threads a trial: {all_of('threads')}; {tagged('versions')}"
    return (
        ("Data", "; ".join(filter(None, (tagged("dataset"), splits)))),
        ("Shared by all rows", "; ".join(filter(None, (training, shared)))),
        ("Run", f"{where}; sweep {sweep.run_id}, {sweep.started}"),
        *(_of_search(ranking) if ranking else ()),
    )


def _seeds(trials: Sequence[TrialRecord]) -> str:
    seeds = _in_order(trial.settings["seed"] for trial in trials)
    named = f"seeds: {len(seeds)}, from {seeds[0]} to {seeds[-1]}" if len(seeds) > _NAMED else ""
    return named or f"seed{'s' * (len(seeds) > 1)}: {', '.join(seeds)}"


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


def _in_order(values: Iterable[str]) -> list[str]:
    """Return each value once: numbers by size, other texts in the given order."""
    distinct = list(dict.fromkeys(values))
    try:
        return sorted(distinct, key=float)
    except ValueError:
        return distinct
