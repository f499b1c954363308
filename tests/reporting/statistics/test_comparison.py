"""Rows against a baseline, paired by seed and image."""

import numpy as np
import pytest
from scipy import stats

from seedsweep.reporting.statistics.comparison import compare
from seedsweep.reporting.statistics.paired_contrast import Scores, contrast
from seedsweep.reporting.statistics.variance_components import crossed


def scored(*accuracies, seeds=None):
    """A row of which only accuracies are known."""
    return Scores(dict(zip(seeds or range(1, len(accuracies) + 1), accuracies, strict=True)))


def answered(correct):
    """A row of which all answers are known; the seeds are 1, 2 and so on."""
    return Scores({s: float(of.mean()) for s, of in enumerate(correct, 1)}, dict(enumerate(correct, 1)))


def answers(accuracy, seeds=3, images=200, number=0):
    return np.random.default_rng(number).random((seeds, images)) < accuracy


BEST, GOOD, BAD = (0.990, 0.992, 0.991), (0.989, 0.992, 0.989), (0.970, 0.973, 0.971)


def test_rows_are_paired_by_seed():
    """The mean of the differences on common seeds, in whatever order they came; against scipy's paired t test."""
    rows = {"a": scored(0.97, 0.98, 0.99, 0.5, seeds=[3, 1, 2, 9]), "b": scored(0.96, 0.99, 0.98, seeds=[1, 2, 3])}
    found = compare(rows, "a").rows["b"]
    expected = stats.ttest_rel([0.96, 0.99, 0.98], [0.98, 0.99, 0.97])
    assert found.seeds == 3
    assert found.difference == pytest.approx(-0.01 / 3)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert found.noise == "seeds"


def test_rows_are_paired_by_image_where_answers_are_known():
    """The difference of the two matrices, as numbers."""
    one, other = answers(0.9, number=1), answers(0.95, number=2)
    found = compare({"a": answered(one), "b": answered(other)}, "b").rows["a"]
    expected = crossed(one.astype(int) - other.astype(int))
    assert (found.difference, found.low, found.high, found.p) == pytest.approx(
        (expected.mean, expected.low, expected.high, expected.p)
    )
    assert found.difference == pytest.approx(one.mean() - other.mean())
    assert found.noise == "seeds and images"


def test_the_baseline_is_the_best_row():
    """Of equals the first; the data chose it."""
    found = compare({"x": scored(0.9, 0.9), "y": scored(0.94, 0.96), "z": scored(0.95, 0.95)})
    assert (found.baseline, found.chosen, list(found.rows)) == ("y", True, ["x", "z"])


def test_a_row_that_nobody_has_is_no_baseline():
    """Whoever asks for one is told."""
    with pytest.raises(KeyError, match="q"):
        compare({"x": scored(0.9)}, "q")


def test_a_named_baseline_makes_a_family_of_the_other_rows():
    """Two comparisons: the smaller p-value counts twice."""
    found = compare({"best": scored(*BEST), "good": scored(*GOOD), "bad": scored(*BAD)}, "best")
    assert (found.chosen, found.family) == (False, 2)
    assert found.rows["bad"].adjusted == pytest.approx(2 * found.rows["bad"].p)
    assert found.rows["good"].adjusted == pytest.approx(found.rows["good"].p)


def test_the_best_row_as_baseline_makes_a_family_of_all_pairs():
    """Three pairs: the smaller p-value counts three times, the larger twice."""
    found = compare({"best": scored(*BEST), "good": scored(*GOOD), "bad": scored(*BAD)})
    assert found.family == 3
    assert found.rows["bad"].adjusted == pytest.approx(3 * found.rows["bad"].p)
    assert found.rows["good"].adjusted == pytest.approx(2 * found.rows["good"].p)


def test_rows_with_one_seed_make_no_family_larger():
    """They cannot be compared with any, so no pair with them could have been looked at."""
    rows = {"best": scored(*BEST), "bad": scored(*BAD), "once": scored(0.9)}
    assert compare(rows).family == 1
    assert compare(rows, "bad").family == 1


def test_what_cannot_be_told_apart_is_tied():
    """And what can, is not."""
    rows = compare({"best": scored(*BEST), "good": scored(*GOOD), "bad": scored(*BAD)}).rows
    assert (rows["good"].verdict, rows["bad"].verdict) == ("tied", "worse")
    assert compare({"best": scored(*BEST), "bad": scored(*BAD)}, "bad").rows["best"].verdict == "better"


def test_what_is_significant_only_by_itself_is_unclear():
    """Three equal steps of 0.01 ± 0.001: p is 0.0033, and of twenty-one comparisons 0.069."""
    steps = [0.009, 0.010, 0.011]
    rows = {f"row {number}": scored(*(0.9 - number * step for step in steps)) for number in range(7)}
    found = compare(rows).rows["row 1"]
    assert found.p == pytest.approx(0.00332, abs=1e-5)
    assert (found.verdict, compare(rows, "row 0").rows["row 1"].verdict) == ("unclear", "worse")


def test_one_common_seed_says_neither_tied_nor_different():
    """A difference, and nothing about it."""
    found = compare({"a": scored(0.99, 0.98), "b": scored(0.97, seeds=[2])}).rows["b"]
    assert found.difference == pytest.approx(-0.01)
    assert (found.seeds, found.verdict, found.noise, found.needed) == (1, None, None, None)
    assert (found.low, found.high, found.p, found.adjusted) == (None, None, None, None)


@pytest.mark.parametrize("other", [scored(0.97, seeds=[8]), Scores({})])
def test_no_common_seed_is_no_difference(other):
    """Other seeds, or none that finished."""
    found = compare({"a": scored(0.99, 0.98), "b": other}).rows["b"]
    assert (found.seeds, found.difference, found.verdict) == (0, None, None)


def test_no_finished_trial_is_no_baseline():
    """Of one row, or without rows."""
    assert compare({}).baseline is None
    found = compare({"a": Scores({})})
    assert (found.baseline, found.rows) == (None, {})


def knowing(row, *seeds):
    """The same row, of which only the answers of some seeds are left."""
    return Scores(row.accuracies, {seed: row.correct[seed] for seed in seeds})


def test_a_seed_whose_answers_are_lost_is_left_out():
    """Without the noise of the images a difference would look surer; another row is not concerned."""
    rows = {name: answered(answers(0.9, number=number)) for number, name in enumerate("abc")}
    found = compare({**rows, "b": knowing(rows["b"], 1, 3)}, "a").rows
    assert (found["b"].noise, found["b"].seeds, found["c"].seeds) == ("seeds and images", 2, 3)
    differences = [rows["b"].accuracies[seed] - rows["a"].accuracies[seed] for seed in (1, 3)]
    assert found["b"].difference == pytest.approx(np.mean(differences))


def test_too_few_answers_leave_seeds_as_the_only_noise():
    """Those of one seed have no spread."""
    rows = {name: answered(answers(0.9, number=number)) for number, name in enumerate("ab")}
    found = compare({**rows, "b": knowing(rows["b"], 2)}, "a").rows["b"]
    assert (found.noise, found.seeds) == ("seeds", 3)


def test_survivors_are_not_the_best():
    """Two of five seeds, the lucky ones: the best is looked for among the rows that have them all."""
    rows = {"lucky": scored(0.995, 0.994), "good": scored(*[0.99, 0.98, 0.97, 0.98, 0.99]), "bad": scored(*[0.9] * 5)}
    found = compare(rows)
    assert found.baseline == "good"
    assert (found.rows["lucky"].seeds, found.rows["bad"].seeds) == (2, 5)


def test_many_rows_without_common_seeds_are_quickly_seen_to_be_alone():
    """Each has its own two; every pair of them would be millions."""
    rows = {str(number): scored(0.9, 0.8, seeds=[2 * number, 2 * number + 1]) for number in range(1000)}
    assert compare(rows).rows["7"].seeds == 0


def test_answers_to_other_images_are_not_paired():
    """Vectors of other lengths are about other images."""
    rows = {"a": answered(answers(0.9)), "b": answered(answers(0.9, images=100))}
    assert compare(rows, "a").rows["b"].noise == "seeds"


def test_the_seeds_needed_are_those_of_the_paired_differences():
    """Differences with a mean of one standard deviation: 10 by the published tables."""
    rows = {"a": scored(0.90, 0.90), "b": scored(0.91 - 0.01 / 2**0.5, 0.91 + 0.01 / 2**0.5)}
    assert compare(rows, "a").rows["b"].needed.count == 10


def test_the_same_answers_are_tied():
    """Two settings that make no difference at all."""
    same = answers(0.9)
    found = compare({"a": answered(same), "b": answered(same.copy())}).rows["b"]
    assert (found.difference, found.p, found.verdict, found.needed.more) == (0.0, 1.0, "tied", True)


def test_sums_of_many_rows_do_not_overflow():
    """Two hundred rows that are always right, more than a byte can count."""
    row = answered(np.ones((2, 5), bool))
    assert contrast([row] * 200, [], per=200).mean == 1.0
