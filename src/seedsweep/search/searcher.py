"""A search over a space: asked what to try next, told what came of it. Not here: training anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedsweep.config import validators
from seedsweep.errors import SearchFailed, UserError
from seedsweep.search.protocol import Known, NoSuggestion, Proposal, Result, SearchRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from seedsweep.search.oracle_client import KerasTunerProcess
    from seedsweep.search.protocol import Rung
    from seedsweep.search.search_space import Axis

ALGORITHMS = ("random", "bayesian", "hyperband")

_WHERE = "hydra.sweeper"


@dataclass(frozen=True)
class Suggestion:
    """A trial to train.

    Attributes:
        number: counts from 0.
        values: the override text of each axis, by its key.
        epochs: of Hyperband, how long to train in all; None with the others, as all that follow.
        continues: the number of the trial with the same values to resume; None: a new one.
        bracket: which of Hyperband's brackets it belongs to.
        rung: which rung of the bracket, from 0.
    """

    number: int
    values: Mapping[str, str]
    epochs: int | None = None
    continues: int | None = None
    bracket: int | None = None
    rung: int | None = None


class Search:
    """KerasTuner's search of one space.

    It depends on nothing but what stands here and on the sequence of `ask` and `tell`: the same ones lead to the
    same suggestions in any process. Nothing is suggested twice, but for the trials that Hyperband continues with.

    Args:
        process: runs it; it may run several searches.
        axes: the space.
        algorithm: one of `ALGORITHMS`.
        seed: equal seeds give equal searches.
        max_trials: how many trials there may be; None, for Hyperband only: as many as its brackets have.
        maximize: whether greater scores are better.
        epochs: for Hyperband, and only for it, the most that a trial is trained.
        factor: of Hyperband, one in how many trials is promoted, and how many times longer.

    Attributes:
        rungs: Hyperband's, in the order in which it opens them; empty for the others.
        most_trials: how many trials it suggests at most.
        num_initial_points: how many scores the Bayesian algorithm needs before it uses its model; 0 for the others.

    Raises:
        UserError: these settings make no search.
        SearchFailed: KerasTuner could not begin it.
    """

    def __init__(
        self,
        process: KerasTunerProcess,
        axes: Sequence[Axis],
        algorithm: str,
        *,
        seed: int,
        max_trials: int | None = None,
        maximize: bool,
        epochs: int | None = None,
        factor: int = 3,
    ) -> None:
        dimensions = tuple(axis.dimension for axis in axes)
        order = SearchRequest(algorithm, dimensions, seed, max_trials, maximize, epochs, factor)
        _check(order)
        self.rungs: tuple[Rung, ...] = ()
        self.num_initial_points = order.num_initial_points if algorithm == "bayesian" else 0
        self._axes = tuple(axes)
        self._process = process
        self._begun = False
        self._in_flight: set[int] = set()
        self._failed = False
        self._search, self.rungs = process.request("begin", 0, order)
        _check_it_can_halve(order, self.rungs)
        bounds = [max_trials] if max_trials is not None else []
        if self.rungs:
            bounds.append(sum(rung.trials for rung in self.rungs))
        self.most_trials = min(bounds)

    def ask(self) -> Suggestion | NoSuggestion:
        """Return what to try next, or why there is nothing."""
        self._begun = True
        answer: Proposal | NoSuggestion = self.request("ask")
        if isinstance(answer, NoSuggestion):
            return answer
        self._in_flight.add(answer.number)
        return self._suggestion(answer)

    def tell(self, number: int, score: float | None) -> None:
        """Say what a trial came to; in any order.

        Args:
            number: the suggestion's.
            score: None, or a number that is not finite: it failed, or diverged.

        Raises:
            ValueError: this trial was not suggested, or has been told.
        """
        self.request("tell", self._told(Result(number, score)))

    def replay(self, record: Iterable[Suggestion | Result]) -> list[Suggestion]:
        """Take what an earlier process asked and told, in its order, and resume from there.

        Nothing that took long is computed again. Asks that brought nothing need not be recorded.

        Args:
            record: of a suggestion, its number and its values count.

        Returns:
            The suggestions of the record, complete.

        Raises:
            ValueError: this search has begun, or a trial was told that was not suggested.
            SearchFailed: the record is of another space, seed, algorithm or version.
        """
        if self._begun:
            raise ValueError("a search that has begun takes no record")
        self._begun = True
        proposals: list[Proposal] = self.request("replay", [self._recorded(event) for event in record])
        return [self._suggestion(proposal) for proposal in proposals]

    def request(self, method: str, *arguments: object) -> Any:
        """Call a method of the search in KerasTuner's process.

        Raises:
            SearchFailed: it raised an error, or has done so before.
        """
        if self._failed:
            raise SearchFailed("this search has failed before")  # what state it is in, KerasTuner does not promise
        try:
            return self._process.request(method, self._search, *arguments)
        except SearchFailed:
            self._failed = True
            raise

    def _suggestion(self, proposal: Proposal) -> Suggestion:
        pairs = zip(self._axes, proposal.numbers, strict=True)
        values = {axis.key: axis.text(number) for axis, number in pairs}
        return Suggestion(proposal.number, values, proposal.epochs, proposal.continues, proposal.bracket, proposal.rung)

    def _recorded(self, event: Suggestion | Result) -> Known | Result:
        if isinstance(event, Result):
            return self._told(event)
        self._in_flight.add(event.number)
        try:
            return Known(event.number, tuple(axis.number(event.values[axis.key]) for axis in self._axes))
        except (KeyError, ValueError) as error:
            raise SearchFailed(f"the record is another search's: trial {event.number} had {event.values}") from error

    def _told(self, told: Result) -> Result:
        if told.number not in self._in_flight:
            raise ValueError(f"trial {told.number} is not in flight")
        self._in_flight.remove(told.number)
        score = told.score
        return Result(told.number, float(score) if score is not None and math.isfinite(score) else None)


def _check(order: SearchRequest) -> None:
    """Check what a user chose.

    Raises:
        UserError: it makes no search.
    """
    validators.choice(f"{_WHERE}.algorithm", order.algorithm, ALGORITHMS)
    validators.integer(f"{_WHERE}.seed", order.seed, at_least=0)
    if order.algorithm != "hyperband":
        validators.integer(f"{_WHERE}.max_trials", order.max_trials, example=30)
        if order.epochs is not None:
            raise UserError(
                f"{order.algorithm} trains every trial as long as the others: it takes no epochs of its own",
                where=f"{_WHERE}.epochs",
                fix=f"{_WHERE}.epochs=null",
            )
        return
    if order.max_trials is not None:
        validators.integer(f"{_WHERE}.max_trials", order.max_trials, example=30)
    validators.integer(f"{_WHERE}.factor", order.factor, at_least=2, example=3)
    # With fewer there is one rung, and nothing to choose.
    validators.integer("epochs", order.epochs, at_least=order.factor, example=order.factor**2)


def _check_it_can_halve(order: SearchRequest, rungs: Sequence[Rung]) -> None:
    """Refuse a space that cannot fill Hyperband's first rung: KerasTuner would try all of it and choose nothing.

    Raises:
        UserError: the space is too small.
    """
    if rungs and order.cells is not None and order.cells < rungs[0].trials:
        raise UserError(
            f"hyperband begins with {rungs[0].trials} different trials, and the space has {order.cells}",
            where=f"{_WHERE}.algorithm",
            fix=f"{_WHERE}.algorithm=random, fewer epochs, or a greater space",
        )
