"""Where a Gaussian process promises most. Not here: what it was told, and what is proposed of it, see `oracles`.

KerasTuner 1.4 asks its model about one place at a time, tens of thousands of times. The same is found here with fewer
questions: many places at once, gradients by formula, and the kernel's one length from a grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seedsweep.search.protocol import Dimension

# Powers of 4. With a shorter length places of the unit cube know nothing of each other, with a longer one all.
_LENGTHS = range(-5, 4)
# So that the length is found to a tenth of it.
_HALVINGS = 4
_DRAWN = 1000
_STARTS = 5
_APART = 0.1
# More rows at once fall out of a core's cache, and each takes several times longer.
_ROWS = 250
# Of the unit cube. Processors that round otherwise shall propose the same.
_DECIMALS = 6
_TINY = 1e-12


def likeliest_length(loss: Callable[..., float], start: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the logarithm of the kernel's length under which the scores are likeliest, and its loss.

    An `optimizer` of scikit-learn's `GaussianProcessRegressor`, for a kernel that has nothing else to choose.

    Args:
        loss: the negative log marginal likelihood, by the logarithm of the length.
        start: not looked at, so that nothing depends on an earlier fit.
        bounds: not looked at: they are wider than what makes a difference in the unit cube.
    """
    del start, bounds

    def tried(logarithm: float) -> tuple[float, float]:
        return float(loss(np.array([logarithm]), eval_gradient=False)), logarithm

    step = float(np.log(4))
    least = min(tried(power * step) for power in _LENGTHS)
    for _ in range(_HALVINGS):
        step /= 2
        least = min(least, tried(least[1] - step), tried(least[1] + step))
    return np.array([least[1]]), least[0]


class LowerConfidenceBound:
    """What places may come to if things go well: the mean less some standard deviations (Cox and John 1992).

    Args:
        model: scikit-learn's Gaussian process, fitted, with a Matérn kernel of ν = 5/2. Smaller scores are better.
        beta: how many standard deviations.
    """

    def __init__(self, model: Any, beta: float) -> None:
        self._model = model
        self._beta = beta

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Return the bound at each place."""
        bounds = []
        for first in range(0, len(places), _ROWS):
            mean, deviation = self._model.predict(places[first : first + _ROWS], return_std=True)
            bounds.append(mean - self._beta * deviation)
        return np.concatenate(bounds)

    def normalised(self, place: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the bound at one place and its gradient, both for scores of mean 0 and standard deviation 1."""
        model, rate = self._model, np.sqrt(5) / self._model.kernel_.length_scale
        apart = place - model.X_train_
        scaled = rate * np.sqrt((apart**2).sum(axis=1))
        decay = np.exp(-scaled)
        # Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, equation 4.17, and its derivative.
        covariances = (1 + scaled + scaled**2 / 3) * decay
        slopes = -(rate**2) / 3 * ((1 + scaled) * decay)[:, np.newaxis] * apart
        # Their equations 2.25 and 2.26, by the Cholesky factor as in their algorithm 2.1.
        half = solve_triangular(model.L_, covariances, lower=True, check_finite=False)
        solved = solve_triangular(model.L_, half, lower=True, trans="T", check_finite=False)
        deviation = np.sqrt(max(1 - half @ half, _TINY))
        bound = covariances @ model.alpha_ - self._beta * deviation
        return float(bound), slopes.T @ (model.alpha_ + self._beta / deviation * solved)


def maximize_acquisition(bound: LowerConfidenceBound, dimensions: Sequence[Dimension], random: Any) -> np.ndarray:
    """Return places of the unit cube that can be proposed, the one with the lowest bound first.

    Places are drawn, and L-BFGS-B goes downhill from the best that lie apart. It passes between whole numbers, and
    where it ends is moved to the next one.

    Args:
        bound: what shall be low.
        dimensions: one an axis.
        random: a `RandomState` to draw from.
    """
    places = proposable(dimensions, random.uniform(size=(_DRAWN, len(dimensions))))
    bounds = bound(places)
    starts = _apart(places[np.argsort(bounds, kind="stable")])
    ends = proposable(dimensions, np.array([_downhill(bound, start) for start in starts]))
    places, bounds = np.concatenate([places, ends]), np.concatenate([bounds, bound(ends)])
    return places[np.argsort(bounds, kind="stable")]


def proposable(dimensions: Sequence[Dimension], places: np.ndarray) -> np.ndarray:
    """Return places of the unit cube moved to where KerasTuner puts the values that it makes of them.

    To the middle of a whole number's share of its axis, that is, and elsewhere by less than a rounding.
    """
    moved = np.round(places, _DECIMALS)
    for axis, dimension in enumerate(dimensions):
        low, high, along = dimension.low, dimension.high, places[:, axis]
        if dimension.whole and dimension.log:
            ratio = np.log((high + 1) / low)
            moved[:, axis] = np.log((np.minimum(np.floor(low * np.exp(along * ratio)), high) + 0.5) / low) / ratio
        elif dimension.whole:
            cells = high - low + 1
            moved[:, axis] = (np.minimum(np.floor(along * cells), cells - 1) + 0.5) / cells
    return moved


def _apart(places: np.ndarray) -> list[np.ndarray]:
    """Return the first places, without those that lie next to one before."""
    chosen: list[np.ndarray] = []
    while len(places) and len(chosen) < _STARTS:
        chosen.append(places[0])
        places = places[np.abs(places - places[0]).max(axis=1) > _APART]
    return chosen


def _downhill(bound: LowerConfidenceBound, start: np.ndarray) -> np.ndarray:
    """Return the place of the unit cube that L-BFGS-B ends at."""
    place: np.ndarray = minimize(bound.normalised, start, jac=True, bounds=[(0, 1)] * len(start), method="L-BFGS-B").x
    return place
