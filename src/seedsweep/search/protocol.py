"""What a search and the process of KerasTuner say to each other: numbers only. Not here: who says it, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


class NoSuggestion(Enum):
    """Why there is nothing to try now."""

    WAIT = "tell a result first"
    DONE = "the budget is used up, or everything was tried"


@dataclass(frozen=True)
class Dimension:
    """One axis as KerasTuner sees it.

    Attributes:
        low: its smallest number.
        high: its greatest number, which is one of it.
        whole: whether it has whole numbers only.
        log: whether equal ratios are drawn equally often, instead of equal differences.
    """

    low: float
    high: float
    whole: bool
    log: bool = False

    @property
    def cells(self) -> int | None:
        """How many different numbers it has; None: too many to count."""
        return int(self.high) - int(self.low) + 1 if self.whole else None


@dataclass(frozen=True)
class SearchRequest:
    """A search to begin.

    Attributes:
        algorithm: one of `search.ALGORITHMS`.
        dimensions: one an axis.
        seed: equal seeds give equal searches.
        max_trials: how many trials there may be; None: as many as Hyperband has.
        maximize: whether greater scores are better.
        epochs: of Hyperband, the most that a trial is trained; None with the others.
        factor: of Hyperband, one in how many trials is promoted, and how many times longer.
    """

    algorithm: str
    dimensions: tuple[Dimension, ...]
    seed: int
    max_trials: int | None
    maximize: bool
    epochs: int | None
    factor: int

    @property
    def cells(self) -> int | None:
        """How many different trials there are; None: too many to count."""
        cells = [dimension.cells for dimension in self.dimensions]
        return None if None in cells else math.prod(cell for cell in cells if cell is not None)

    @property
    def num_initial_points(self) -> int:
        """How many scores the Bayesian algorithm needs before it follows its model; KerasTuner's own default."""
        return max(3 * len(self.dimensions), 3)


@dataclass(frozen=True)
class Rung:
    """A step of one of Hyperband's brackets.

    Attributes:
        bracket: its bracket's number. KerasTuner begins with the highest, which trains the most for the shortest.
        rung: its own number, from 0.
        trials: how many are trained there.
        epochs: how long in all, what they were trained on the rungs below included.
    """

    bracket: int
    rung: int
    trials: int
    epochs: int


@dataclass(frozen=True)
class Proposal:
    """A trial that KerasTuner proposes.

    Attributes:
        number: counts from 0.
        numbers: one a dimension.
        epochs: of Hyperband, how long to train in all; None with the others, as all that follow.
        continues: the number of the trial that it resumes; None: of none.
        bracket: see `Rung`.
        rung: see `Rung`.
    """

    number: int
    numbers: tuple[float, ...]
    epochs: int | None = None
    continues: int | None = None
    bracket: int | None = None
    rung: int | None = None


@dataclass(frozen=True)
class Known:
    """A proposal of an earlier process, from a record."""

    number: int
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class Result:
    """What a trial came to.

    Attributes:
        number: the trial's.
        score: None: it failed, or diverged.
    """

    number: int
    score: float | None
