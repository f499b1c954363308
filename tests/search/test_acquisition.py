"""The best place of a model: as good as with KerasTuner's many questions, and where its values lie.

KerasTuner's own search for it is repeated here from scikit-learn and SciPy: to import it takes seconds.
"""

import math

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern
from threadpoolctl import threadpool_limits

from seedsweep.search.acquisition import LowerConfidenceBound, likeliest_length, maximize_acquisition, proposable
from seedsweep.search.protocol import Dimension

BETA = 2.6
UNIT = Dimension(0.0, 1.0, whole=False)
FEW, MANY = Dimension(1, 4, whole=True), Dimension(1, 50, whole=True, log=True)
# Dimensions, trials and noise; the last has places next to each other, as late in a search.
DATA = [((UNIT,), 12, 0.0), ((UNIT,) * 2, 25, 0.0), ((UNIT,) * 3, 25, 0.1), ((UNIT, FEW, MANY), 25, 0.0)]


@pytest.fixture(autouse=True)
def one_thread():
    """As in the process of KerasTuner; more would wait for each other."""
    with threadpool_limits(1):
        yield


def told(dimensions, trials, noise, seed=1):
    random = np.random.default_rng(seed)
    best = 0.2 + 0.6 * random.random(len(dimensions))
    late = np.clip(best + 0.1 * random.normal(size=(trials // 2, len(dimensions))), 0, 1)
    places = proposable(dimensions, np.concatenate([random.random((trials - len(late), len(dimensions))), late]))
    scores = ((places - best) ** 2).sum(axis=1) + 0.2 * np.sin(9 * places).prod(axis=1)
    return places, scores + noise * random.normal(size=trials)


def model(places, scores, **settings):
    fresh = GaussianProcessRegressor(Matern(nu=2.5), alpha=1e-4, normalize_y=True, random_state=1, **settings)
    return fresh.fit(places, scores)


def fitted(*data):
    return model(*told(*data), optimizer=likeliest_length)


@pytest.mark.filterwarnings("ignore:The optimal value found")
@pytest.mark.parametrize("data", DATA)
def test_the_length_is_as_likely_as_after_twenty_restarts(data):
    """But for the grid's step."""
    theirs = model(*told(*data), n_restarts_optimizer=20)
    assert fitted(*data).log_marginal_likelihood_value_ > theirs.log_marginal_likelihood_value_ - 0.1


@pytest.mark.parametrize("data", DATA)
def test_the_gradient_is_the_bound_s(data):
    """In units of the scores the formula is what scikit-learn predicts; and it changes as its gradient says."""
    gaussian = fitted(*data)
    bound, deviation = LowerConfidenceBound(gaussian, BETA), np.std(told(*data)[1])
    for place in np.random.default_rng(2).random((5, len(data[0]))):
        value, gradient = bound.normalised(place)
        assert value * deviation + np.mean(told(*data)[1]) == pytest.approx(bound(place[np.newaxis])[0], abs=1e-9)
        assert gradient == pytest.approx(approx_fprime(place, lambda x: bound.normalised(x)[0]), abs=1e-4)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("data", DATA)
def test_no_place_is_better_than_what_keras_tuner_finds(data, seed):
    """From 50 starts, each followed by L-BFGS-B, and the best one moved to a value that exists.

    KerasTuner makes its gradients by differences, which lead to the same places for more.
    """
    gaussian = fitted(*data, seed)
    bound = LowerConfidenceBound(gaussian, BETA)
    found = maximize_acquisition(bound, data[0], np.random.RandomState(seed))
    sides = [(0, 1)] * len(data[0])
    starts = np.random.RandomState(seed).uniform(size=(50, len(sides)))
    ends = [minimize(bound.normalised, start, jac=True, bounds=sides, method="L-BFGS-B") for start in starts]
    theirs = proposable(data[0], min(ends, key=lambda end: end.fun).x[np.newaxis])
    assert bound(found[:1])[0] <= bound(theirs)[0] + 1e-4 * np.std(told(*data, seed)[1])
    # The places that follow are for when the first was tried before.
    assert np.all(np.diff(bound(found)) >= 0)
    assert np.all((found >= 0) & (found <= 1))


def test_another_number_of_threads_proposes_the_same():
    """Sums in another order round otherwise, which the last decimals of a place do not show."""
    proposed = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            bound = LowerConfidenceBound(fitted((UNIT,) * 4, 120, 0.02), BETA)
            proposed.append(maximize_acquisition(bound, (UNIT,) * 4, np.random.RandomState(1))[0].tolist())
    assert proposed[0] == proposed[1]


def test_places_lie_in_the_middle_of_their_value_s_share():
    """A list's values share their axis equally; a logarithmic axis from 1 to 3 ends at 4, which is no value."""
    logarithmic = Dimension(1, 3, whole=True, log=True)
    dimensions = (FEW, logarithmic, Dimension(7, 7, whole=True), UNIT)
    ends = proposable(dimensions, np.array([[0.0] * 4, [1.0] * 4, [0.3, 0.6, 0.2, 1 / 3]]))
    assert ends[:, 0] == pytest.approx([0.125, 0.875, 0.375])
    # The share of 2 goes from 0.5 to 0.79.
    assert ends[:, 1] == pytest.approx([math.log(value + 0.5, 4) for value in (1, 3, 2)])
    assert ends[:, 2].tolist() == [0.5] * 3
    assert ends[:, 3] == pytest.approx([0, 1, 1 / 3], abs=1e-6)
