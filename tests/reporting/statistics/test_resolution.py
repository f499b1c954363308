"""Which differences a table can tell, and with how many seeds it could tell smaller ones."""

import numpy as np
import pytest

from seedsweep.reporting.statistics.comparison import compare_with_best
from seedsweep.reporting.statistics.scores import Scores


def table_of(n, k=8, number=0):
    """Equal rows whose accuracies are drawn from one normal distribution."""
    rng = np.random.default_rng(number)
    return {str(row): Scores(dict(enumerate(rng.normal(0.98, 0.002, n)))) for row in range(k)}


def now(n):
    """The difference that n seeds tell, over ten tables."""
    return np.median([compare_with_best(table_of(n, number=number)).resolution.now for number in range(10)])


def test_more_seeds_tell_smaller_differences():
    found = [now(n) for n in (3, 5, 10, 20)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 1.8 * found[2]


def test_the_number_of_seeds_that_a_difference_needs_tells_it():
    """As tables with that many seeds show."""
    needed = [dict(compare_with_best(table_of(3, number=number)).resolution.seeds)[0.003] for number in range(10)]
    assert now(int(np.median(needed))) == pytest.approx(0.003, rel=0.15)


def test_the_images_set_a_limit():
    """Rows that find other images hard: no number of seeds tells less than the noise of 500 images."""
    rng = np.random.default_rng(1)
    rows = {}
    for row in range(4):
        chances = 1 / (1 + np.exp(-rng.normal(3, 3, 500)))
        correct = rng.random((3, 500)) < chances
        rows[str(row)] = Scores({seed: float(of.mean()) for seed, of in enumerate(correct)}, dict(enumerate(correct)))
    found = compare_with_best(rows).resolution
    assert 0.01 < found.limit < found.now
    assert all(size > found.limit for size, _ in found.seeds)
    assert compare_with_best(table_of(3)).resolution.limit is None


def test_nothing_is_said_where_nothing_varies():
    rows = {"a": Scores({1: 0.9, 2: 0.9}), "b": Scores({1: 0.8, 2: 0.8})}
    assert compare_with_best(rows).resolution is None


@pytest.mark.parametrize("difference", [0.005, 0.01])
def test_the_power_is_as_said(difference):
    """Rows that lie as far behind as the table can tell are called worse in about 80 of 100 tables."""
    rng = np.random.default_rng(2)
    n = next(n for n in range(2, 40) if now(n) <= difference)
    told = []
    for _ in range(150):
        rows = {str(row): Scores(dict(enumerate(rng.normal(0.98, 0.002, n)))) for row in range(7)}
        rows["behind"] = Scores(dict(enumerate(rng.normal(0.98 - difference, 0.002, n))))
        told.append(compare_with_best(rows).rows.get("behind").verdict == "worse")
    assert 0.7 < np.mean(told) <= 1
