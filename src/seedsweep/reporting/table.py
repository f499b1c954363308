"""The comparison table: one row a variant, its seeds folded, best first, each set against the best.

Not here: the words around it, see `wording`; how it is written as Markdown and the like, see `formats`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seedsweep.errors import BadInput, did_you_mean
from seedsweep.reporting import formats, wording
from seedsweep.reporting.comparison import Comparisons, compare
from seedsweep.reporting.contrast import Scores
from seedsweep.reporting.factors import Cell, Effects, factor_effects
from seedsweep.reporting.ranking import is_suggestion, ranking_of
from seedsweep.reporting.row import Variant, row_of
from seedsweep.trials.variants import Told, variants_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from seedsweep.reporting.ranking import Ranking
    from seedsweep.reporting.row import Row
    from seedsweep.trials.record import SweepRecord, TrialRecord

    # Whether each test image's class was predicted, (images,); None where nobody knows any more.
    Correct = Callable[[TrialRecord], NDArray[np.bool_] | None]


# Beyond, effects are too many to be read.
_LARGEST_GRID = 200


@dataclass(frozen=True)
class Table:
    """A heading and rows.

    Attributes:
        title: the sweep's name.
        heading: label and text of what holds for all rows.
        rows: best test accuracy first; variants without a finished trial last.
        baseline: the variant that the others are set against; None when no two can be compared.
        baseline_is_best: whether it was taken for being the best, and not asked for.
        family: the number of comparisons that the p-values allow for.
        effects: what changing one setting is worth, over a full grid.
        footnotes: what a reader must know to read the numbers.
        ranking: what a search found, whose winner's fresh seeds the rows are; None where nobody searched.
    """

    title: str
    heading: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    baseline: str | None
    baseline_is_best: bool
    family: int
    effects: Effects
    footnotes: tuple[str, ...]
    ranking: Ranking | None = None

    def markdown(self) -> str:
        """Return the table as Markdown."""
        return formats.FORMATS["md"](self)


def table_of(sweep: SweepRecord, correct: Correct | None = None, baseline: str | None = None) -> Table:
    """Fold a sweep's trials into a table.

    Args:
        sweep: the trials.
        correct: reads a trial's answers; without it only seeds count as noise.
        baseline: the name of a variant, or the beginning of one; by default the best.

    Raises:
        BadInput: no variant has this name, or several begin with it.
    """
    # What a search compared was not measured on the test images.
    in_order = _variants([trial for trial in sweep.trials if not is_suggestion(trial)], sweep)
    # Equal accuracies stand in the order of their names, so that the same sweep gives the same table.
    variants = sorted(in_order, key=lambda variant: (-variant.accuracy, variant.name))
    scores = {variant.key: _scores(variant, correct) for variant in variants}
    compared = _compared(variants, scores, baseline)
    rows = [row_of(variant, scores[variant.key], compared) for variant in variants]
    ranking = ranking_of(sweep)
    table = Table(
        title=sweep.name,
        heading=wording.heading(sweep, ranking),
        rows=tuple(rows),
        baseline=next((row.variant for row in rows if row.is_baseline), None),
        baseline_is_best=compared.chosen,
        family=compared.family,
        effects=_effects(in_order, scores),
        footnotes=(),
        ranking=ranking,
    )
    return replace(table, footnotes=wording.footnotes(table, sweep))


def _compared(variants: Sequence[Variant], scores: Mapping[str, Scores], baseline: str | None) -> Comparisons:
    """Compare the variants that were tested on the same images as the baseline: others say nothing of each other."""
    named = _named(baseline, variants) if baseline else None
    # Of several sets of images, that of the best variant which can be compared with another.
    for images in dict.fromkeys(v.images for v in variants if v.key == named or (named is None and v.finished)):
        found = compare({v.key: scores[v.key] for v in variants if v.images == images}, named)
        # Without a difference over seeds nothing was compared, and no row is shown as better than another.
        if any(one.difference is not None and one.seeds >= 2 for one in found.rows.values()):
            return found
    return Comparisons(None, named is None, 0, {})


def _variants(trials: Sequence[TrialRecord], sweep: SweepRecord) -> list[Variant]:
    # Named afresh: whoever planned the trials may have called them otherwise.
    told = [
        Told(trial.settings, trial.tags.get("dataset_sha256", ""), trial.tags.get("row_title", "")) for trial in trials
    ]
    found = variants_of(told)
    names = [variant.name for variant in found]
    if sweep.search is not None or len(trials) < sweep.planned:
        # Those that are there do not show what differs among all of them, and a winner stands alone.
        planned = [trials[variant.places[0]].tags.get("variant", "") for variant in found]
        names = planned if all(planned) and len(set(planned)) == len(planned) else names
    return [
        Variant(str(number), name, variant.levels, [trials[place] for place in variant.places])
        for number, (name, variant) in enumerate(zip(names, found, strict=True))
    ]


def _scores(variant: Variant, correct: Correct | None) -> Scores:
    finished = [] if variant.is_selected else variant.finished
    accuracies = {int(trial.settings["seed"]): trial.metrics["test_accuracy"] for trial in finished}
    # One seed has no spread, so nobody asks what its answers were.
    if correct is None or len(accuracies) < 2:
        return Scores(accuracies)
    answers = {int(trial.settings["seed"]): correct(trial) for trial in finished}
    return Scores(accuracies, {seed: answer for seed, answer in answers.items() if answer is not None})


def _effects(variants: Sequence[Variant], scores: Mapping[str, Scores]) -> Effects:
    """Return what changing one setting is worth; of one setting alone, its rows say it already."""
    factors = {factor for variant in variants for factor in variant.levels}
    if len(factors) < 2 or any(variant.trials[0].tags.get("row") for variant in variants):
        return Effects((), (), "no grid of two settings or more")
    if any(variant.is_selected for variant in variants):
        return Effects((), (), "in some combinations trials were stopped for being worse than others")
    if len({variant.images for variant in variants}) > 1:
        return Effects((), (), "not all variants were tested on the same images")
    if len(variants) > _LARGEST_GRID:
        return Effects((), (), f"more than {_LARGEST_GRID} combinations")
    return factor_effects([Cell(variant.levels, scores[variant.key]) for variant in variants])


def _named(wanted: str, variants: Sequence[Variant]) -> str:
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
    raise BadInput(problem, where="--baseline", fix=f"--baseline '{close}'")
