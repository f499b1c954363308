"""The mean of seeds × images, for new seeds and new images."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from seedsweep.reporting.statistics.variance_components import crossed, crossed_accuracy

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
    found = crossed(np.array([[1, 1, 0], [1, 0, 0]]))
    assert found.mean == 0.5
    assert found.error == pytest.approx(math.sqrt(1 / 36 + 1 / 18))
    half = math.sqrt(12.7062**2 / 36 + 4.30265**2 / 18)
    assert (found.low, found.high) == (pytest.approx(0.5 - half, rel=1e-5), pytest.approx(0.5 + half, rel=1e-5))
    assert (found.n_seeds, found.n_images) == (2, 3)


@settings(deadline=None)  # loops over cells, on a machine that may be busy
@given(DIFFERENCES)
def test_the_interval_against_the_definition(values):
    """For any differences: the analysis of variance cell by cell."""
    found = crossed(values)
    half = math.sqrt(squared_margin(values, 0.05))
    mean = float(np.mean(values, dtype=float))
    assert found.mean == pytest.approx(mean)
    assert (found.low, found.high) == (pytest.approx(mean - half), pytest.approx(mean + half))


@settings(deadline=None)  # loops over cells, on a machine that may be busy
@given(DIFFERENCES)
def test_the_p_value_is_that_of_the_interval_that_ends_at_zero(values):
    """For any differences with a spread."""
    found = crossed(values)
    assert 0 <= found.p <= 1
    if found.mean and found.error:
        assert squared_margin(values, found.p) == pytest.approx(found.mean**2, rel=1e-5)
        assert (found.p < 0.05) == (found.low * found.high > 0)


def test_where_only_seeds_differ_it_is_a_t_test_over_seeds():
    """Every image has the same value; against scipy."""
    values = np.repeat([[1], [2], [4]], 10, axis=1)
    found, expected = crossed(values), stats.ttest_1samp([1, 2, 4], 0)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))


def test_where_only_images_differ_it_is_a_t_test_over_images():
    """Every seed gives the same answers; against scipy."""
    images = [1, 0, 0, -1, 1, 1, 0, 1]
    found, expected = crossed(np.array([images] * 3)), stats.ttest_1samp(images, 0)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))


def test_seeds_that_agree_by_chance_are_no_proof():
    """Both seeds are better by three images of 100, other ones: less certain than six images better out of six."""
    values = np.zeros((2, 100), np.int8)
    values[0, :3] = values[1, 3:6] = 1
    residual = float(mean_squares(values)[2]) / 200
    assert mean_squares(values)[0] == 0
    assert crossed(values).error >= math.sqrt(residual)
    assert crossed(values).p > 2 * stats.norm.sf(0.03 / math.sqrt(residual))


def test_a_sum_of_rows_is_divided():
    """A mean over four combinations is their sum, per 4; the p-value stays."""
    values = np.random.default_rng(1).integers(-4, 5, size=(3, 50))
    whole, quarter = crossed(values), crossed(values, per=4)
    for name in ("mean", "error", "low", "high"):
        assert getattr(quarter, name) == pytest.approx(getattr(whole, name) / 4)
    assert quarter.p == whole.p


def test_equal_answers_everywhere_are_a_difference_of_zero():
    """An interval of width 0 and p = 1: that is what was seen."""
    found = crossed(np.zeros((3, 10), np.int8))
    assert (found.mean, found.error, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 0.0, 1.0)


def test_opposite_answers_everywhere_are_a_difference():
    """One row right and the other wrong, always."""
    found = crossed(np.ones((3, 10), np.int8))
    assert (found.mean, found.low, found.high, found.p) == (1.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize("shape", [(1, 10), (10, 1)])
def test_one_seed_or_one_image_has_no_spread(shape):
    """And none is made up for it."""
    assert crossed(np.ones(shape, np.int8)) is None
    assert crossed_accuracy(np.ones(shape, bool)) is None


def test_fractions_are_refused():
    """Their sums are not exact."""
    with pytest.raises(TypeError, match="float64"):
        crossed(np.ones((2, 3)))


def test_a_certain_difference_has_a_tiny_p_value():
    """With 20 seeds, far beyond what floating point could add up to 1."""
    values = (np.random.default_rng(2).random((20, 1000)) < 0.5).astype(np.int8)
    assert 0 < crossed(values).p < 1e-20


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
    assert crossed(values).error == pytest.approx(math.sqrt(corrected), rel=0.03)


def test_the_interval_of_an_accuracy_has_wilson_s_form():
    """Each end q is as far off as the margin allows, scaled as a binomial variance is; by the definition."""
    correct = np.random.default_rng(4).random((3, 200)) < 0.97
    found, observed = crossed_accuracy(correct), correct.mean()
    squared = squared_margin(correct, 0.05)
    for end in (found.low, found.high):
        scaled = squared * end * (1 - end) / (observed * (1 - observed))
        assert (end - observed) ** 2 == pytest.approx(scaled)
    assert found.high - found.mean < found.mean - found.low
    assert found.p is None


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
