"""KerasTuner's oracles without their files. Imported in the child process only: it imports TensorFlow.

Six things differ from what KerasTuner 1.4 does by itself, and each is said where it is done: seeds, what is tried
twice, trials in flight, trials that failed, how the best of a model is found, and when a small space counts as
exhausted.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from keras_tuner import HyperParameters, Objective
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle

from seedsweep.search.acquisition import LowerConfidenceBound, likeliest_length, maximize_acquisition
from seedsweep.search.protocol import Rung

if TYPE_CHECKING:
    from seedsweep.search.protocol import Dimension, SearchRequest

# The name of the one metric that is reported to an oracle.
SCORE = "score"
# Reaching it would raise from inside the oracle.
_FAILURES_IN_A_ROW = 10**9
_MOST_DRAWS = 20_000


class _InMemory:
    """What all three oracles share; stands before KerasTuner's class among the bases."""

    dimensions: tuple[Dimension, ...] = ()
    _seed_state: int

    def save(self) -> None:
        """Write nothing: the whole state comes again from what was asked and told."""

    def _save_trial(self, trial: Any) -> None:
        """Write nothing."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return what is proposed; an answer without a proposal leaves no trace in the seed."""
        before = self._seed_state
        answer: dict[str, Any] = super().populate_space(trial_id)  # type: ignore[misc] # of KerasTuner's class
        if answer["status"] != "RUNNING":
            self._seed_state = before
        return answer

    def _random_values(self) -> dict[str, Any] | None:
        values = super()._random_values()  # type: ignore[misc] # of KerasTuner's class
        return None if values is None else self._bounded(values)

    def _bounded(self, values: dict[str, Any]) -> dict[str, Any]:
        # At the upper end of a logarithmic axis of whole numbers KerasTuner gives one more; and powers can be off by
        # a rounding.
        return values | {
            str(axis): (int if dimension.whole else float)(min(max(values[str(axis)], dimension.low), dimension.high))
            for axis, dimension in enumerate(self.dimensions)
        }


class _Random(_InMemory, RandomSearchOracle):  # type: ignore[misc] # KerasTuner has no types
    """Draws at random, nothing twice."""


class _Hyperband(_InMemory, HyperbandOracle):  # type: ignore[misc] # KerasTuner has no types
    """Draws at random, and trains one in `factor` on, `factor` times longer."""

    def rungs(self) -> tuple[Rung, ...]:
        """Return all rungs, in the order in which KerasTuner opens them."""
        return tuple(
            Rung(bracket, rung, self._get_size(bracket, rung), self._get_epochs(bracket, rung))
            for bracket in reversed(range(self._get_num_brackets()))
            for rung in range(self._get_num_rounds(bracket))
        )

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return what is proposed: the next trial of a rung, or a new one.

        To KerasTuner one that failed has not ended yet, and takes the place of one that could go on.
        """
        for bracket in self._brackets:
            for rung in range(1, len(bracket["rounds"])):
                if (chosen := self._who_goes_on(bracket, rung)) is not None:
                    return self._continued(bracket, rung, chosen, trial_id)
        return super().populate_space(trial_id)

    def _who_goes_on(self, bracket: dict[str, Any], rung: int) -> Any:
        """Return the trial that a rung takes next from the one below; None: there is none, or none yet."""
        waiting = self._waiting(bracket, rung)
        places = self._get_size(bracket["bracket_num"], rung) - len(bracket["rounds"][rung])
        # Even if all that are still to come were better.
        if not waiting or self._to_come(bracket, rung - 1) >= places:
            return None
        return (max if self.objective.direction == "max" else min)(waiting, key=lambda trial: trial.score)

    def _waiting(self, bracket: dict[str, Any], rung: int) -> list[Any]:
        """Return the trials that a rung can take: those that ended well on the one below."""
        taken = {told["past_id"] for told in bracket["rounds"][rung]}
        below = [self.trials[told["id"]] for told in bracket["rounds"][rung - 1] if told["id"] not in taken]
        return [trial for trial in below if trial.status == "COMPLETED"]

    def _to_come(self, bracket: dict[str, Any], rung: int) -> int:
        """Return how many trials of a rung may still end well."""
        here = bracket["rounds"][rung]
        running: int = sum(self.trials[told["id"]].status == "RUNNING" for told in here)
        places: int = self._get_size(bracket["bracket_num"], rung) - len(here)
        if rung > 0:
            places = min(places, len(self._waiting(bracket, rung)) + self._to_come(bracket, rung - 1))
        return running + places

    def _continued(self, bracket: dict[str, Any], rung: int, chosen: Any, trial_id: str) -> dict[str, Any]:
        """Return a trial's values again, for more epochs, in KerasTuner's words."""
        bracket["rounds"][rung].append({"past_id": chosen.trial_id, "id": trial_id})
        values = chosen.hyperparameters.values | {
            "tuner/trial_id": chosen.trial_id,
            "tuner/epochs": self._get_epochs(bracket["bracket_num"], rung),
            "tuner/initial_epoch": self._get_epochs(bracket["bracket_num"], rung - 1),
            "tuner/bracket": bracket["bracket_num"],
            "tuner/round": rung,
        }
        return {"status": "RUNNING", "values": values}


class _Bayesian(_InMemory, BayesianOptimizationOracle):  # type: ignore[misc] # KerasTuner has no types
    """Fits a Gaussian process to the scores and proposes what looks best or is least known.

    Attributes:
        known: what to propose without computing it, when a record is replayed; None: nothing.
    """

    known: dict[str, float] | None = None

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return what is proposed: at random until there are enough scores, then by the model."""
        finished = [trial for trial in self.trials.values() if trial.status == "COMPLETED"]
        if len(finished) < self.num_initial_points:
            return super().populate_space(trial_id)
        # A proposal depends on what was told, not on what was drawn on the way: so a replay can skip computing.
        seed = spread(f"{self.seed}/{len(self.trials)}")
        self._seed_state, self._random_state = seed, np.random.RandomState(seed)
        if self.known is not None:
            return {"status": "RUNNING", "values": self.known}
        model = self._model(finished)
        places = maximize_acquisition(LowerConfidenceBound(model, self.beta), self.dimensions, self._random_state)
        # The same values would give the same score again: something new is worth more of the budget.
        for place in places:
            values = self._vector_to_values(place)
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        answer: dict[str, Any] = self._random_populate_space()
        return answer

    def _vector_to_values(self, vector: np.ndarray) -> dict[str, Any]:
        return self._bounded(super()._vector_to_values(vector))

    def _make_gpr(self) -> Any:
        return super()._make_gpr().set_params(optimizer=likeliest_length, n_restarts_optimizer=0)

    def _model(self, finished: list[Any]) -> Any:
        """Return the Gaussian process of all trials that have a score, will have one, or failed."""
        sign = -1 if self.objective.direction == "max" else 1
        places, scores = self._places(finished), np.array([sign * trial.score for trial in finished])
        if failed := [trial for trial in self.trials.values() if trial.status == "FAILED"]:
            # KerasTuner passes over them, and proposes the same place again. As bad as the worst that has a score:
            # a worse guess would bend the model all around.
            places = np.concatenate([places, self._places(failed)])
            scores = np.concatenate([scores, np.full(len(failed), scores.max())])
        self.gpr.fit(places, scores)
        if not self.ongoing_trials:
            return self.gpr
        # KerasTuner guesses the scores of trials in flight by the model of the last proposal, at first by none, and
        # chooses the kernel by the guesses as well. As there, a guess is pessimistic.
        ongoing = self._places(list(self.ongoing_trials.values()))
        mean, deviation = self.gpr.predict(ongoing, return_std=True)
        guessing = self._make_gpr().set_params(kernel=self.gpr.kernel_, optimizer=None)
        return guessing.fit(np.concatenate([places, ongoing]), np.concatenate([scores, mean + deviation]))

    def _places(self, trials: list[Any]) -> np.ndarray:
        """Return where trials lie in the unit cube."""
        space = self.hyperparameters.space
        return np.array([[hp.value_to_prob(trial.hyperparameters.values[hp.name]) for hp in space] for trial in trials])


def spread(seed: object) -> int:
    """Return a seed from 1 to 2³¹.

    KerasTuner takes 0 for none, and draws each number by a seed that is one greater than the last: searches with
    neighbouring seeds would share most of their trials.
    """
    return 1 + int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:4], "big") % 2**31


def build(order: SearchRequest) -> Any:
    """Return the oracle of a search."""
    shared: dict[str, Any] = {
        "objective": Objective(SCORE, "max" if order.maximize else "min"),
        "hyperparameters": _hyperparameters(order.dimensions),
        "seed": spread(order.seed),
        "max_retries_per_trial": 0,
        "max_consecutive_failed_trials": _FAILURES_IN_A_ROW,
    }
    if order.algorithm == "hyperband":
        oracle = _Hyperband(max_epochs=order.epochs, factor=order.factor, **shared)
        oracle.max_trials = order.max_trials
    elif order.algorithm == "bayesian":
        oracle = _Bayesian(max_trials=order.max_trials, num_initial_points=order.num_initial_points, **shared)
    else:
        oracle = _Random(max_trials=order.max_trials, **shared)
    oracle.dimensions = order.dimensions
    oracle.verbose = 0
    if order.cells is not None:
        # KerasTuner takes a space for exhausted after 20 draws in vain, while there may be something left in it.
        oracle._max_collisions = max(oracle._max_collisions, min(20 * order.cells, _MOST_DRAWS))  # noqa: SLF001
    return oracle


def _hyperparameters(dimensions: tuple[Dimension, ...]) -> Any:
    """Return the space as KerasTuner describes it; axes are called by their position."""
    space = HyperParameters()
    for axis, dimension in enumerate(dimensions):
        add = space.Int if dimension.whole else space.Float
        add(str(axis), dimension.low, dimension.high, sampling="log" if dimension.log else "linear")
    return space
