"""Building the comparison table of a sweep: one row a variant, its seeds folded, each compared with the best.

Not here: the sentences around the table, see `footnotes`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seedsweep.errors import UserError, did_you_mean
from seedsweep.reporting.statistics.comparison import (
    LATER_LOOK,
    Comparison,
    compare_with_baseline,
    compare_with_best,
)
from seedsweep.reporting.statistics.factorial_effects import Effects, GridCell, factor_effects
from seedsweep.reporting.statistics.scores import Scores
from seedsweep.reporting.statistics.summary import SIGNIFICANT
from seedsweep.reporting.tables import footnotes
from seedsweep.reporting.tables.heading import heading
from seedsweep.reporting.tables.row import VariantTrials, row_of
from seedsweep.reporting.tables.search_ranking import is_suggestion, ranking_of
from seedsweep.reporting.tables.table import Table
from seedsweep.reporting.tables.verdict_sentence import verdict_sentence
from seedsweep.trials.variants import VariantKey, variants_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from seedsweep.trials.records import SweepRecord, TrialRecord

    # Whether each test image's class was predicted, (images,); None where it is not known any more.
    Correct = Callable[[TrialRecord], NDArray[np.bool_] | None]


# Beyond, effects are too many to be read.
_LARGEST_GRID = 200


def table_of(sweep: SweepRecord, correct: Correct | None = None, baseline: str | None = None) -> Table:
    """Fold a sweep's trials into a table.

    Args:
        sweep: the trials.
        correct: reads a trial's answers; without it only seeds count as noise.
        baseline: the name of a variant, or the beginning of one; by default the best.

    Raises:
        UserError: no variant has this name, or several begin with it.
    """
    # What a search compared was not measured on the test images.
    in_order = _variants([trial for trial in sweep.trials if not is_suggestion(trial)], sweep)
    # Equal accuracies stand in the order of their names, so that the same sweep gives the same table.
    variants = sorted(in_order, key=lambda variant: (-variant.accuracy, variant.name))
    scores = {variant.key: _scores(variant, correct) for variant in variants}
    compared = _compared(variants, scores, baseline, SIGNIFICANT if sweep.look == 1 else LATER_LOOK)
    rows = [row_of(variant, scores[variant.key], compared) for variant in variants]
    ranking = ranking_of(sweep)
    table = Table(
        title=sweep.name,
        verdict=verdict_sentence(rows),
        heading=heading(sweep, ranking),
        rows=tuple(rows),
        reference=next((row.variant for row in rows if row.verdict in ("best", "baseline")), None),
        reference_is_best=compared.is_best,
        alpha=compared.alpha,
        look=sweep.look,
        resolution=compared.resolution,
        effects=_effects(in_order, scores),
        footnotes=(),
        explanation="",
        ranking=ranking,
    )
    return replace(table, footnotes=footnotes.footnotes(table, sweep), explanation=footnotes.explanation(table))


def _compared(
    variants: Sequence[VariantTrials], scores: Mapping[str, Scores], baseline: str | None, alpha: float
) -> Comparison:
    """Compare the variants that were tested on the same images as the reference."""
    named = _named(baseline, variants) if baseline else None
    able = [variant for variant in variants if scores[variant.key].accuracies]
    # Of several sets of images, that of the best variant which can be compared with another.
    for images in dict.fromkeys(v.images for v in able if named in (None, v.key)):
        rows = {v.key: scores[v.key] for v in able if v.images == images}
        if named:
            found = compare_with_baseline(rows, named, alpha)
        else:
            complete = [v.key for v in able if len(v.finished) == len(v.trials)]
            found = compare_with_best(rows, complete, alpha)
        if found.rows:
            return found
    return Comparison(None, named is None, alpha, {})


def _variants(trials: Sequence[TrialRecord], sweep: SweepRecord) -> list[VariantTrials]:
    # Named again from the settings: earlier sweeps may have used other names.
    told = [
        VariantKey(trial.settings, trial.tags.get("dataset_sha256", ""), trial.tags.get("row_title", ""))
        for trial in trials
    ]
    found = variants_of(told)
    names = [variant.name for variant in found]
    if sweep.search is not None or len(trials) < sweep.planned:
        # Those that are there do not show what differs among all of them, and a winner stands alone.
        planned = [trials[variant.places[0]].tags.get("variant", "") for variant in found]
        names = planned if all(planned) and len(set(planned)) == len(planned) else names
    return [
        VariantTrials(str(number), name, variant.levels, [trials[place] for place in variant.places])
        for number, (name, variant) in enumerate(zip(names, found, strict=True))
    ]


def _scores(variant: VariantTrials, correct: Correct | None) -> Scores:
    finished = [] if variant.is_selected else variant.finished
    accuracies = {int(trial.settings["seed"]): trial.metrics["test_accuracy"] for trial in finished}
    # One seed has no spread, so its predictions are not read.
    if correct is None or len(accuracies) < 2:
        return Scores(accuracies)
    answers = {int(trial.settings["seed"]): correct(trial) for trial in finished}
    return Scores(accuracies, {seed: answer for seed, answer in answers.items() if answer is not None})


def _effects(variants: Sequence[VariantTrials], scores: Mapping[str, Scores]) -> Effects:
    """Return what changing one setting is worth; of one setting alone, its rows say it already."""
    factors = {factor for variant in variants for factor in variant.levels}
    if len(factors) < 2 or any(variant.trials[0].tags.get("row") for variant in variants):
        return Effects((), "no grid of two settings or more")
    if any(variant.is_selected for variant in variants):
        return Effects((), "in some combinations trials were stopped for being worse than others")
    if len({variant.images for variant in variants}) > 1:
        return Effects((), "not all variants were tested on the same images")
    if len(variants) > _LARGEST_GRID:
        return Effects((), f"more than {_LARGEST_GRID} combinations")
    return factor_effects([GridCell(variant.levels, scores[variant.key]) for variant in variants])


def _named(wanted: str, variants: Sequence[VariantTrials]) -> str:
    """Return the key of the variant with a name, of a row with that key, or of the only one that begins so."""
    names = {variant.key: variant.name for variant in variants}
    rows = {variant.key: variant.trials[0].tags.get("row") for variant in variants}
    found = (
        [key for key, name in names.items() if name == wanted]
        or [key for key, row in rows.items() if row == wanted]
        or [key for key, name in names.items() if name.startswith(wanted)]
    )
    if len(found) == 1:
        return found[0]
    problem = f"{len(found)} variants begin with '{wanted}'" if found else f"no variant '{wanted}'"
    close = did_you_mean(wanted, list(names.values())) or next((names[key] for key in found or names), "…")
    raise UserError(problem, where="--baseline", fix=f"--baseline '{close}'")
