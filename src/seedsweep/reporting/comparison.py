"""Rows against a baseline: by how much they differ, and whether the difference can be told from noise.

Not here: how one difference is estimated, see `contrast`.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from seedsweep.reporting.contrast import contrast
from seedsweep.reporting.holm import holm
from seedsweep.reporting.statistics import SIGNIFICANT, SeedsNeeded, seeds_needed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seedsweep.reporting.contrast import Contrast, Noise, Scores


# "worse" and "better": significant, allowing for all comparisons. "unclear": significant only as if it were the one
# comparison made. "tied": it cannot be told from noise, which does not say that there is no difference.
Verdict = Literal["worse", "better", "unclear", "tied"]


@dataclass(frozen=True)
class Comparison:
    """One row against the baseline, paired over their common seeds. Differences are fractions of 1.

    Attributes:
        seeds: number of common seeds.
        difference: mean of (row - baseline) over them; None when there is none.
        low: lower end of the 95 % interval of this one difference; None when its spread is not known.
        high: its upper end.
        p: two-sided p-value of no difference, of this comparison by itself; None when it cannot be tested.
        adjusted: the same, for all rows together (Holm).
        verdict: what it comes to; None when it cannot be tested.
        noise: what the interval and the p-value take for noise; None when there are none.
        needed: paired seeds that would tell the two rows apart; None when fewer than two are known.
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
        baseline: the name of a row; by default the one with the highest mean accuracy, the first of equals, among
            those that share two seeds with another row.

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
    adjusted = holm([found.p for found in contrasts.values()], family)
    compared = {key: _comparison(found, p) for (key, found), p in zip(contrasts.items(), adjusted, strict=True)}
    return Comparisons(name, chosen, family, compared)


def _best(rows: Mapping[str, Scores]) -> str | None:
    """Return the row with the highest mean among those that can be compared with another one, else among all."""
    means = {name: fmean(row.accuracies.values()) for name, row in rows.items() if row.accuracies}
    able = {name: mean for name, mean in means.items() if _has_company(name, rows)}
    return max(able or means, key=means.__getitem__, default=None)


def _has_company(name: str, rows: Mapping[str, Scores]) -> bool:
    own = set(rows[name].accuracies)
    return any(len(own & set(row.accuracies)) >= 2 for other, row in rows.items() if other != name)


def _comparison(found: Contrast, adjusted: float | None) -> Comparison:
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
        needed=seeds_needed(list(found.by_seed.values())),
    )


def _verdict(found: Contrast, adjusted: float | None) -> Verdict | None:
    if adjusted is None or found.p is None or found.mean is None:
        return None
    if adjusted < SIGNIFICANT:
        return "worse" if found.mean < 0 else "better"
    return "unclear" if found.p < SIGNIFICANT else "tied"
