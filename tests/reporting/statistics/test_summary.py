"""The spread of a few values, and the interval of one further run."""

from statistics import stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedsweep.reporting.statistics.summary import prediction_interval, sample_std


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
