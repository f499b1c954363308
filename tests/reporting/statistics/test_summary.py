"""What seeds say by themselves: intervals and tests."""

import math
from statistics import stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seedsweep.reporting.statistics.holm import holm, levels
from seedsweep.reporting.statistics.summary import over_seeds, prediction_interval, sample_std


def two_values(mean, std):
    """The two numbers that have this mean and this sample standard deviation."""
    return [mean - std / math.sqrt(2), mean + std / math.sqrt(2)]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_the_spread_is_the_standard_library_s(values):
    """Which computes it in fractions; of equal values it is nothing at all."""
    assert sample_std(values) == pytest.approx(stdev(values), rel=1e-9, abs=1e-12)
    assert sample_std([values[0]] * 3) == 0


def test_one_further_run_falls_in_the_prediction_interval():
    """Against a printed t table: 0.99 ± 4.3027 · 0.01 · √(4/3)."""
    low, high = prediction_interval([0.98, 0.99, 1.00])
    assert (low, high) == (pytest.approx(0.99 - 0.049683, abs=1e-6), pytest.approx(0.99 + 0.049683, abs=1e-6))


def test_one_run_predicts_nothing():
    """It has no spread."""
    assert prediction_interval([0.99]) is None


def test_differences_are_tested_as_a_paired_t_test_does():
    """Against scipy, interval and p-value."""
    first, second = [0.981, 0.984, 0.979, 0.990], [0.975, 0.985, 0.970, 0.981]
    expected = stats.ttest_rel(first, second)
    found = over_seeds([a - b for a, b in zip(first, second, strict=True)])
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert found.error == pytest.approx(found.mean / expected.statistic)
    assert (found.n_seeds, found.n_images) == (4, None)


def test_equal_differences_are_no_proof():
    """Accuracies of 1,000 images often differ by 0.001 twice; then nothing is known about the spread."""
    found = over_seeds([0.981 - 0.980, 0.991 - 0.990])
    assert found.mean == pytest.approx(0.001)
    assert (found.low, found.high, found.p) == (None, None, None)


def test_no_difference_at_all_is_no_difference():
    """Two rows with the same accuracy for every seed have p = 1."""
    assert over_seeds([0.0, 0.0, 0.0]).p == 1.0


def test_one_difference_is_not_tested():
    """One seed says nothing about the spread."""
    assert over_seeds([0.01]) is None


def test_holm_s_method_by_hand():
    """3 · 0.01; 2 · 0.03; 1 · 0.04, which may not be below the one before."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_what_was_not_tested_is_not_adjusted():
    """And does not count."""
    assert holm([None, 0.02, None, 0.5]) == [None, 0.04, None, 0.5]
    assert holm([]) == []


def test_a_larger_family_multiplies_by_more():
    """Two p-values out of six tests: 6 · 0.001, 5 · 0.3 > 1."""
    assert holm([0.3, 0.001], family=6) == pytest.approx([1.0, 0.006])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.data())
def test_looking_at_some_of_a_family_is_never_less_strict_than_looking_at_all(family, data):
    """Whichever tests of the family are looked at."""
    places = data.draw(st.sets(st.sampled_from(range(len(family)))))
    everything = holm(family)
    looked_at = holm([family[place] for place in places], len(family))
    assert all(adjusted >= everything[place] for place, adjusted in zip(places, looked_at, strict=True))


def test_holm_s_method_against_its_definition():
    """A hypothesis is rejected exactly when every smaller p-value passes its own threshold."""
    p_values = np.random.default_rng(5).beta(0.3, 4, size=30)
    rejected = [adjusted < 0.05 for adjusted in holm(p_values)]
    expected = [False] * 30
    for rank, place in enumerate(np.argsort(p_values)):
        if p_values[place] * (30 - rank) >= 0.05:
            break
        expected[place] = True
    assert rejected == expected
    assert 0 < sum(expected) < 30


def test_the_level_of_each_is_that_of_its_rank():
    """The smallest of six tests must be below 0.05 / 6, the next below 0.05 / 5."""
    assert levels([0.3, None, 0.001], family=6) == pytest.approx([0.05 / 5, None, 0.05 / 6])
    assert levels([0.04]) == [0.05]
