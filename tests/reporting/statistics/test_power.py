"""How many seeds would tell two rows apart: the number with which the table's own test does."""

import math
from itertools import count

import numpy as np
import pytest
from scipy import stats

from seedsweep.reporting.statistics.comparison import compare
from seedsweep.reporting.statistics.paired_contrast import Scores
from seedsweep.reporting.statistics.power import Spread, _power, seeds_needed
from seedsweep.reporting.statistics.variance_components import crossed


@pytest.mark.parametrize(("effect", "expected"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10), (2.0, 5)])
def test_the_seeds_needed_are_the_published_ones(effect, expected):
    """Sample sizes of the two-sided paired t test at 5 % with power 0.8, as tables and G*Power give them."""
    assert str(seeds_needed(effect * 0.001, Spread(0.001**2))) == str(expected)


@pytest.mark.parametrize("level", [0.05, 0.05 / 120])
@pytest.mark.parametrize("effect", np.geomspace(0.3, 20, 12))
def test_the_seeds_needed_are_the_first_with_enough_power(effect, level):
    """Against a search one by one, with the noncentral t distribution."""

    def power(n):
        return stats.nct.sf(stats.t.isf(level / 2, n - 1), n - 1, effect * math.sqrt(n))

    first = next(n for n in count(2) if power(n) >= 0.8)
    assert seeds_needed(-effect, Spread(1.0), level).count == first
    assert _power(first, effect, Spread(1.0), level) == pytest.approx(power(first), abs=2e-4)


@pytest.mark.parametrize(
    ("seed", "image", "single", "level"),
    [(1.0, 0.0, 0.0, 0.05), (1.0, 2.0, 3.0, 0.05), (0.0, 2.0, 5.0, 0.01), (1.0, 4.0, 0.0, 0.05 / 28)],
    ids=["seeds", "all three", "no seeds", "many comparisons"],
)
def test_with_so_many_seeds_the_test_succeeds_in_four_of_five_cases(seed, image, single, level):
    """New seeds on the same images, again and again, each judged by the test that the table uses."""
    random, images, sweeps = np.random.default_rng(7), 60, 2000
    easiness = random.normal(size=images)
    easiness = image * (easiness - easiness.mean()) / easiness.std(ddof=1)
    spread = Spread(seed**2 + single**2 / images, image**2 / images, single**2 / images)
    difference = 1.3 * math.sqrt(spread.seed) + 3 * math.sqrt(spread.image)
    needed = seeds_needed(difference, spread, level).count

    def succeed(n):
        found = 0
        for _ in range(sweeps):
            values = difference + random.normal(0, seed, (n, 1)) + easiness + random.normal(0, single, (n, images))
            found += crossed(np.rint(1e4 * values).astype(np.int64)).p < level
        return found / sweeps

    assert needed > 2
    assert succeed(needed) > 0.77
    assert succeed(needed - 1) < 0.83


def test_more_than_a_thousand_seeds_are_not_counted():
    """A difference of a twentieth of the spread, none at all, and one that is smaller than the noise of the images."""
    for difference, spread in ((0.00005, Spread(1e-6)), (0.0, Spread(1e-6)), (0.001, Spread(1e-8, image=1e-6))):
        found = seeds_needed(difference, spread)
        assert found.more
        assert str(found) == "more than 1000"
    assert not seeds_needed(0.001, Spread(1e-8, image=1e-7)).more


def test_no_spread_does_not_say_how_many_seeds_are_needed():
    """Few seeds agree by chance: the spread is unknown, not zero."""
    assert seeds_needed(0.01, Spread(0.0)) is None


def test_one_of_many_comparisons_needs_more_seeds():
    """The same two rows, alone and among others that are no better than they."""
    steps = [0.009, 0.010, 0.011]
    rows = {
        f"row {number}": Scores({seed: 0.9 - number * step for seed, step in enumerate(steps)}) for number in range(7)
    }
    alone = compare({name: rows[name] for name in ("row 0", "row 1")}).rows["row 1"]
    among = compare(rows).rows["row 1"]
    assert (alone.needed.count, alone.verdict) == (3, "worse")
    assert (among.needed.count, among.verdict) == (4, "unclear")
