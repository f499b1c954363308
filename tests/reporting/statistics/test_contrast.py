"""A weighted sum of rows' means, its interval and its p-value."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seedsweep.reporting.statistics.contrast import Contrast, contrast, two_sided
from seedsweep.reporting.statistics.pooled_spread import pooled_spreads
from seedsweep.reporting.statistics.scores import Scores, image_variance


def scored(*accuracies):
    return Scores(dict(enumerate(accuracies)))


def difference(**rows):
    one, other = rows
    return contrast([(1, one), (-1, other)], rows, pooled_spreads(rows))


def test_two_rows_are_compared_with_welch_s_t_test():
    """Against SciPy's, where only seeds are known."""
    one, other = (0.98, 0.97, 0.99), (0.95, 0.955, 0.965, 0.94)
    found = difference(a=scored(*one), b=scored(*other))
    expected = stats.ttest_ind(one, other, equal_var=False)
    assert found.value == pytest.approx(np.mean(one) - np.mean(other))
    assert (found.df, found.p) == (pytest.approx(expected.df), pytest.approx(expected.pvalue))
    low, high = expected.confidence_interval()
    half = found.half_width(two_sided(0.05))
    assert (found.value - half, found.value + half) == pytest.approx((low, high))
    assert found.image is None


def test_seeds_are_not_paired():
    """The same accuracies under other seeds are the same comparison."""
    rows = {"a": Scores({1: 0.98, 2: 0.97, 3: 0.99}), "b": Scores({1: 0.95, 2: 0.955, 3: 0.965})}
    other = {"a": rows["a"], "b": Scores({7: 0.955, 8: 0.965, 9: 0.95})}
    assert difference(**rows).p == pytest.approx(difference(**other).p)


def test_images_count_beside_seeds():
    rng = np.random.default_rng(1)
    correct = {name: rng.random((3, 500)) < chance for name, chance in (("a", 0.95), ("b", 0.9))}
    rows = {
        name: Scores({seed: float(of.mean()) for seed, of in enumerate(answers)}, dict(enumerate(answers)))
        for name, answers in correct.items()
    }
    found = difference(**rows)
    assert found.image == image_variance([(1, rows["a"]), (-1, rows["b"])])
    squared = two_sided(0.05)
    expected = math.sqrt(squared(found.df) * found.seed + squared(math.inf) * found.image)
    assert found.half_width(squared) == pytest.approx(expected)


@given(
    value=st.floats(-0.2, 0.2),
    seed=st.floats(1e-8, 1e-3),
    df=st.floats(1, 50),
    image=st.none() | st.floats(0, 1e-3),
)
def test_p_is_the_level_at_which_the_interval_reaches_zero(value, seed, df, image):
    found = Contrast(value, seed, df, image)
    assert 0 < found.p <= 1
    if 1e-50 < found.p < 0.999:
        assert found.half_width(two_sided(found.p)) == pytest.approx(abs(value), rel=1e-5)
        assert (found.p < 0.05) == (abs(value) > found.half_width(two_sided(0.05)))


def test_nothing_is_known_where_nothing_varies():
    """Equal accuracies of few seeds are no proof that seeds do not matter."""
    assert Contrast(0.1, 0.0, 2, None).p is None
    assert Contrast(0.0, 1e-6, 2, None).p == 1.0
