"""The mean of seeds × images, for new seeds and new images."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from seedsweep.reporting.statistics.variance_components import analyse, crossed_accuracy

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=7)
DIFFERENCES = hnp.arrays(np.int8, SHAPES, elements=st.integers(-1, 1))


def mean_squares(values):
    """Of seeds, images and residual: the definition, cell by cell, in exact fractions."""
    n, m = values.shape
    table = [[Fraction(int(value)) for value in row] for row in values]
    mean = sum(sum(row) for row in table) / (n * m)
    seeds = [sum(row) / m for row in table]
    images = [sum(table[s][i] for s in range(n)) / n for i in range(m)]
    residual = sum((table[s][i] - seeds[s] - images[i] + mean) ** 2 for s in range(n) for i in range(m))
    return (
        m * sum((seed - mean) ** 2 for seed in seeds) / (n - 1),
        n * sum((image - mean) ** 2 for image in images) / (m - 1),
        residual / ((n - 1) * (m - 1)),
    )


def squared_margin(values, alpha):
    """The formula of the module's docstring."""
    n, m = values.shape
    seed, image, residual = (float(square) / (n * m) for square in mean_squares(values))
    t_seed, t_image, t_residual = (stats.t.isf(alpha / 2, df) ** 2 for df in (n - 1, m - 1, (n - 1) * (m - 1)))
    return max(t_seed * seed, t_residual * residual) + t_image * max(image - residual, 0)


def test_a_small_matrix_by_hand():
    """Mean squares 1/6, 1/2 and 1/6: V_seed = 1/36, V_image = 1/18; t(0.975, 1) = 12.7062, t(0.975, 2) = 4.30265."""
    found = analyse(np.array([[1, 1, 0], [1, 0, 0]]))
    assert (found.mean, found.variance) == (0.5, pytest.approx(1 / 36 + 1 / 18))
    assert found.squared_margin(0.05) == pytest.approx(12.7062**2 / 36 + 4.30265**2 / 18, rel=1e-5)


@settings(deadline=None)  # loops over cells, on a machine that may be busy
@given(DIFFERENCES)
def test_the_parts_against_the_definition(values):
    """For any differences: the analysis of variance cell by cell."""
    found, (n, m) = analyse(values), values.shape
    seed, image, residual = (float(square) / (n * m) for square in mean_squares(values))
    assert (found.seed, found.residual) == (pytest.approx(seed), pytest.approx(residual))
    assert found.image == pytest.approx(max(image - residual, 0), abs=1e-12)
    assert found.squared_margin(0.05) == pytest.approx(squared_margin(values, 0.05))


@pytest.mark.parametrize("shape", [(1, 10), (10, 1)])
def test_one_seed_or_one_image_has_no_spread(shape):
    assert analyse(np.ones(shape, np.int8)) is None
    assert crossed_accuracy(np.ones(shape, bool)) is None


def test_fractions_are_refused():
    """Their sums are not exact."""
    with pytest.raises(TypeError, match="float64"):
        analyse(np.ones((2, 3)))


def test_many_seeds_and_images_agree_with_a_bootstrap_over_both():
    """The pigeonhole bootstrap counts the residual three times (Owen 2007), and divides by n and not by n - 1."""
    rng = np.random.default_rng(3)
    n, m, draws = 40, 300, 20_000
    hard = rng.normal(2, 2, m) + rng.normal(0, 1, (n, 1))
    values = (rng.random((n, m)) < 1 / (1 + np.exp(-hard))).astype(int)
    of_seeds = rng.multinomial(n, [1 / n] * n, size=draws) / n
    of_images = rng.multinomial(m, [1 / m] * m, size=draws) / m
    means = ((of_seeds @ values) * of_images).sum(axis=1)
    seed, image, residual = map(float, mean_squares(values))
    biased = (seed * (n - 1) / n + image * (m - 1) / m + residual * (n - 1) * (m - 1) / (n * m)) / (n * m)
    # 20,000 draws know a variance to 1 %.
    assert means.var() == pytest.approx(biased, rel=0.04)
    corrected = means.var() * n / (n - 1) - 2 * residual / (n * m)
    assert math.sqrt(analyse(values).variance) == pytest.approx(math.sqrt(corrected), rel=0.03)


def test_the_interval_of_an_accuracy_has_wilson_s_form():
    """Each end q is as far off as the margin allows, scaled as a binomial variance is; by the definition."""
    correct = np.random.default_rng(4).random((3, 200)) < 0.97
    found, observed = crossed_accuracy(correct), correct.mean()
    squared = squared_margin(correct, 0.05)
    for end in (found.low, found.high):
        scaled = squared * end * (1 - end) / (observed * (1 - observed))
        assert (end - observed) ** 2 == pytest.approx(scaled)
    assert found.high - found.mean < found.mean - found.low


def test_an_accuracy_of_seeds_that_all_agree_is_a_binomial_one():
    """Against scipy's Wilson interval, which takes the normal quantile for t(0.975, 999)."""
    correct = np.ones((3, 1000), bool)
    correct[:, :10] = False
    expected = stats.binomtest(990, 1000).proportion_ci(method="wilson")
    found = crossed_accuracy(correct)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=2e-5)


def test_every_answer_right_is_not_known_to_be_perfect():
    """Of 100 images 96.2 % to 100 %, as for one seed: 1 / (1 + 1.98422² / 100)."""
    found = crossed_accuracy(np.ones((3, 100), bool))
    assert found.high == 1.0
    assert found.low == pytest.approx(1 / (1 + 1.98422**2 / 100), rel=1e-6)


@given(hnp.arrays(bool, SHAPES))
def test_an_accuracy_s_interval_stays_between_nothing_and_everything(correct):
    """For any answers at all."""
    found = crossed_accuracy(correct)
    assert 0 <= found.low <= found.mean <= found.high <= 1
