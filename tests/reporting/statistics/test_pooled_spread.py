"""Rows borrow from each other what their few seeds do not know of their spread."""

import numpy as np
import pytest

from seedsweep.reporting.statistics.pooled_spread import pooled_spreads
from seedsweep.reporting.statistics.scores import Scores


def rows_of(*accuracies):
    return {f"row {number}": Scores(dict(enumerate(of))) for number, of in enumerate(accuracies)}


NOISY = [0.98 + np.random.default_rng(number).normal(0, 0.002, 3) for number in range(16)]


def test_three_rows_stand_for_themselves():
    rows = rows_of((0.98, 0.99, 0.985), (0.97, 0.972), (0.9, 0.91, 0.95))
    found = pooled_spreads(rows)
    assert found.prior_df == 0
    assert [spread.variance for spread in found.rows.values()] == [scores.variance for scores in rows.values()]
    assert [spread.df for spread in found.rows.values()] == [2, 1, 2]


def test_more_rows_are_drawn_together():
    """The spread of rows that have one true spread differs less than that of their own seeds."""
    rows = rows_of(*NOISY)
    found = pooled_spreads(rows)
    assert found.prior_df == 4
    assert {spread.df for spread in found.rows.values()} == {6}
    own = np.log([scores.variance for scores in rows.values()])
    pooled = np.log([spread.variance for spread in found.rows.values()])
    assert np.std(pooled) < 0.5 * np.std(own)
    assert found.typical == pytest.approx(0.002**2, rel=0.7)


def test_a_row_that_collapsed_says_nothing_about_the_others():
    with_it = pooled_spreads(rows_of(*NOISY, (0.1, 0.3, 0.2)))
    without = pooled_spreads(rows_of(*NOISY))
    assert all(with_it.rows[name] == spread for name, spread in without.rows.items())


def test_a_row_that_is_much_noisier_keeps_its_own_spread():
    """It may not borrow certainty from the others."""
    rows = rows_of(*NOISY, (0.90, 0.95, 0.98))
    assert pooled_spreads(rows).rows["row 16"].variance == pytest.approx(rows["row 16"].variance)


def test_the_spread_depends_on_the_accuracy():
    """In logits it is one spread: near 100 % a row varies by less."""
    rng = np.random.default_rng(3)
    logits = [np.full(3, level) + rng.normal(0, 0.1, 3) for level in (2.0,) * 8 + (5.0,) * 8]
    found = list(pooled_spreads(rows_of(*(1 / (1 + np.exp(-of)) for of in logits))).rows.values())
    assert np.median([spread.variance for spread in found[:8]]) > 50 * np.median([s.variance for s in found[8:]])


def test_rows_without_a_mistake_have_a_spread():
    """Their accuracy has no logit."""
    found = pooled_spreads(rows_of(*NOISY, (1.0, 1.0, 1.0)))
    assert 0 < found.rows["row 16"].variance < found.typical
