"""P-values adjusted for how many of them are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return adjusted p-values: the chance that any true null hypothesis has one below 0.05 is at most 5 %.

    The r-th smallest of k is multiplied by (k - r + 1), and never less than the one before it. Source: Holm,
    "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).

    Args:
        p_values: in any order; None where nothing could be tested.

    Returns:
        In the given order, at most 1; None where there was none.

    Example:
        >>> holm([0.01, None, 0.04])
        [0.02, None, 0.04]
    """
    adjusted: list[float | None] = [None] * len(p_values)
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = largest
    return adjusted
