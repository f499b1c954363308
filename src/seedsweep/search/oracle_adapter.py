"""One search of KerasTuner, asked and told by numbers. Not here: the process that it runs in, see `oracle_server`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seedsweep.errors import SearchFailed
from seedsweep.search import oracles
from seedsweep.search.protocol import Known, NoSuggestion, Proposal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedsweep.search.protocol import Result, Rung, SearchRequest


class OracleAdapter:
    """An oracle that counts its trials from 0.

    Args:
        order: the search.
    """

    def __init__(self, order: SearchRequest) -> None:
        self._oracle = oracles.build(order)
        self._axes = range(len(order.dimensions))
        self._trials: list[Any] = []

    def rungs(self) -> tuple[Rung, ...]:
        """Return Hyperband's rungs; empty for the others."""
        return self._oracle.rungs() if hasattr(self._oracle, "rungs") else ()

    def ask(self) -> Proposal | NoSuggestion:
        """Return what to try next, or why nothing."""
        # A worker's name for each trial: a name that has one in flight would be given it again.
        trial = self._oracle.create_trial(f"trial {len(self._trials)}")
        if trial.status != "RUNNING":
            return NoSuggestion.WAIT if trial.status == "IDLE" else NoSuggestion.DONE
        proposal = self._proposal(trial.hyperparameters.values)
        self._trials.append(trial)
        return proposal

    def tell(self, told: Result) -> None:
        """Take what a trial came to."""
        trial = self._trials[told.number]
        if told.score is None:
            trial.status = "FAILED"  # not INVALID, which asks for another attempt
        else:
            self._oracle.update_trial(trial.trial_id, {oracles.SCORE: told.score})
            trial.status = "COMPLETED"
        self._oracle.end_trial(trial)

    def replay(self, events: Sequence[Known | Result]) -> list[Proposal]:
        """Take what an earlier process asked and was told, in its order, and return the proposals.

        Raises:
            SearchFailed: this search proposes something else.
        """
        proposals = []
        for event in events:
            if isinstance(event, Known):
                proposals.append(self._again(event))
            else:
                self.tell(event)
        return proposals

    def _again(self, known: Known) -> Proposal:
        values = {str(axis): known.numbers[axis] for axis in self._axes}
        self._oracle.known = values  # which only the Bayesian oracle looks at: the others are quick
        proposal = self.ask()
        self._oracle.known = None
        if not isinstance(proposal, Proposal) or (proposal.number, proposal.numbers) != (known.number, known.numbers):
            raise SearchFailed(f"the record is another search's: {known} would now be {proposal}")
        return proposal

    def _proposal(self, values: dict[str, Any]) -> Proposal:
        number, numbers = len(self._trials), tuple(values[str(axis)] for axis in self._axes)
        if "tuner/epochs" not in values:
            return Proposal(number, numbers)
        continues = None
        if "tuner/trial_id" in values:
            ids = [trial.trial_id for trial in self._trials]
            continues = ids.index(values["tuner/trial_id"])
        epochs, bracket, rung = (values[f"tuner/{name}"] for name in ("epochs", "bracket", "round"))
        return Proposal(number, numbers, epochs, continues, bracket, rung)
