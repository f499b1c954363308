"""Rows against a baseline: by how much they differ, and whether the difference can be told from noise.

Not here: how one difference is estimated, see `paired_contrast`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from seedsweep.reporting.statistics.holm import holm, levels
from seedsweep.reporting.statistics.paired_contrast import contrast
from seedsweep.reporting.statistics.power import SeedsNeeded, seeds_needed
from seedsweep.reporting.statistics.summary import SIGNIFICANT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seedsweep.reporting.statistics.paired_contrast import Contrast, Noise, Scores


# "worse" and "better": significant, allowing for all comparisons. "unclear": significant only as if it were the one
# comparison made. "tied": it cannot be told from noise, which does not say that there is no difference.
Verdict = Literal["worse", "better", "unclear", "tied"]


@dataclass(frozen=True)
class Comparison:
    """One row against the baseline, paired over their common seeds. Differences are fractions of 1.

    Attributes:
        seeds: number of seeds that it is made over, see `common_seeds`.
        difference: mean of (row - baseline) over them; None when there is none.
        low: lower end of the 95 % interval of this one difference; None when its spread is not known.
        high: its upper end.
        p: two-sided p-value of no difference, of this comparison by itself; None when it cannot be tested.
        adjusted: the same, for all rows together (Holm).
        verdict: the result in a word; None when it cannot be tested.
        noise: what the interval and the p-value take for noise; None when there are none.
        needed: paired seeds with which it would be worse or better; None when that is not known.
    """

    seeds: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    adjusted: float | None
    verdict: Verdict | None
    noise: Noise | None
    needed: SeedsNeeded | None


@dataclass(frozen=True)
class Comparisons:
    """All rows against one.

    Attributes:
        baseline: its name; None when no row has a finished trial.
        chosen: True when the baseline was chosen for having the highest mean.
        family: number of comparisons that the adjusted p-values allow for.
        rows: name → comparison, of the other rows in the given order.
    """

    baseline: str | None
    chosen: bool
    family: int
    rows: Mapping[str, Comparison]


def compare(rows: Mapping[str, Scores], baseline: str | None = None) -> Comparisons:
    """Compare each row with a baseline, on the seeds that both have.

    P-values are adjusted after Holm ("A simple sequentially rejective multiple test procedure", Scandinavian
    Journal of Statistics 6, 1979). With a baseline named beforehand the family is the comparisons with it. When
    the baseline is the best row, the data chose it, and any pair could have been the one looked at: the family is
    all k·(k - 1)/2 pairs of the k rows with two seeds or more. Only k - 1 of them are looked at, so the r-th
    smallest p-value among these is multiplied by (family - r + 1). That is never smaller than the multiplier of
    Holm's method over all pairs, so it is valid, and a little stricter.

    The intervals are not adjusted: each is about its own difference. That of the best row's rivals is, after such
    a choice, a little too favourable to the best row.

    Args:
        rows: name → what its trials reached.
        baseline: the name of a row, chosen before the results were seen; by default the one with the
            highest mean accuracy, the first of equals, among those that have the most seeds in common with another.

    Raises:
        KeyError: for a baseline that is no row.
    """
    chosen = baseline is None
    name = _best(rows) if baseline is None else baseline
    if name is None:
        return Comparisons(None, chosen, 0, {})
    reference = rows[name]
    contrasts = {key: contrast([row], [reference]) for key, row in rows.items() if key != name}
    if chosen:
        able = sum(len(row.accuracies) >= 2 for row in rows.values())
        family = able * (able - 1) // 2
    else:
        family = sum(len(found.by_seed) >= 2 for found in contrasts.values())
    p_values = [found.p for found in contrasts.values()]
    allowed = zip(contrasts.items(), holm(p_values, family), levels(p_values, family), strict=True)
    compared = {key: _comparison(found, adjusted, level) for (key, found), adjusted, level in allowed}
    return Comparisons(name, chosen, family, compared)


def _best(rows: Mapping[str, Scores]) -> str | None:
    """Return the row with the highest mean among those that can be compared best, else among all.

    A row of which only the lucky seeds survived would be set above those that have them all.
    """
    means = {name: fmean(row.accuracies.values()) for name, row in rows.items() if row.accuracies}
    shared = _most_shared(rows)
    able = [name for name in means if shared.get(name) == max(shared.values(), default=0)]
    return max(able or means, key=means.__getitem__, default=None)


def _most_shared(rows: Mapping[str, Scores]) -> dict[str, int]:
    """Return how many seeds each row shares with the other row that shares most, of those that share two."""
    alike = Counter(frozenset(row.accuracies) for row in rows.values() if len(row.accuracies) >= 2)
    most = {
        seeds: max((len(seeds & other) for other, count in alike.items() if other != seeds or count > 1), default=0)
        for seeds in alike
    }
    shared = {name: most.get(frozenset(row.accuracies), 0) for name, row in rows.items()}
    return {name: number for name, number in shared.items() if number >= 2}


def _comparison(found: Contrast, adjusted: float | None, level: float | None) -> Comparison:
    low, high = found.interval
    return Comparison(
        seeds=len(found.by_seed),
        difference=found.mean,
        low=low,
        high=high,
        p=found.p,
        adjusted=adjusted,
        verdict=_verdict(found, adjusted),
        noise=found.noise,
        needed=_needed(found, level),
    )


def _needed(found: Contrast, level: float | None) -> SeedsNeeded | None:
    if found.mean is None or found.spread is None or level is None:
        return None
    return seeds_needed(found.mean, found.spread, level)


def _verdict(found: Contrast, adjusted: float | None) -> Verdict | None:
    if adjusted is None or found.p is None or found.mean is None:
        return None
    if adjusted < SIGNIFICANT:
        return "worse" if found.mean < 0 else "better"
    return "unclear" if found.p < SIGNIFICANT else "tied"
