"""P-values adjusted for how many of them are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.reporting.statistics.summary import SIGNIFICANT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def holm(p_values: Sequence[float | None], family: int | None = None) -> list[float | None]:
    """Return adjusted p-values: the chance that any true null hypothesis has one below 0.05 is at most 5 %.

    The r-th smallest is multiplied by (family - r + 1), and never less than the one before it. Source: Holm,
    "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).

    Where only some tests of a larger family are looked at, the rank among these is at most the rank in the family.
    So the multiplier is never smaller than Holm's own, and what holds for the whole family holds for them.

    Args:
        p_values: as they came; None where nothing could be tested.
        family: number of tests that could have been looked at, at least those that are; by default these.

    Returns:
        In the given order, at most 1; None where there was none.
    """
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for p, place, factor in _ranked(p_values, family):
        largest = max(largest, min(1.0, factor * p))
        adjusted[place] = largest
    return adjusted


def levels(p_values: Sequence[float | None], family: int | None = None) -> list[float | None]:
    """Return what each p-value must itself be below, if the smaller ones are, so that its adjusted one is below 0.05.

    Args:
        p_values: see `holm`.
        family: see `holm`.

    Returns:
        In the given order; None where there was no p-value.
    """
    found: list[float | None] = [None] * len(p_values)
    for _, place, factor in _ranked(p_values, family):
        found[place] = SIGNIFICANT / factor
    return found


def _ranked(p_values: Sequence[float | None], family: int | None) -> Iterator[tuple[float, int, int]]:
    """Yield each p-value with its place and its multiplier, the smallest first."""
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    size = len(tested) if family is None else family
    for rank, (p, place) in enumerate(tested):
        yield p, place, size - rank
