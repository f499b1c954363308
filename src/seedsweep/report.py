"""What a sweep comes to, from the store alone: its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.reporting.table import table_of
from seedsweep.tracking.answers import read_answers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seedsweep.reporting.table import Table
    from seedsweep.tracking.store import Store
    from seedsweep.trials.record import SweepRecord, TrialRecord


def table_from(store: Store, sweep: SweepRecord, baseline: str | None = None) -> Table:
    """Return a sweep's table; see `reporting.table.table_of`.

    Args:
        store: has the networks' answers.
        sweep: as it was read from there.
        baseline: the variant that the others are set against; by default the best.

    Raises:
        BadInput: there is no such variant.
    """

    def correct(trial: TrialRecord) -> NDArray[np.bool_] | None:
        answers = read_answers(store, trial)
        return None if answers is None else answers.correct

    return table_of(sweep, correct, baseline)
