"""Rows against the best, and against one that was named beforehand."""

import numpy as np
import pytest
from scipy.stats import studentized_range

from seedsweep.reporting.statistics.comparison import compare_with_baseline, compare_with_best
from seedsweep.reporting.statistics.holm import holm
from seedsweep.reporting.statistics.pooled_spread import pooled_spreads
from seedsweep.reporting.statistics.scores import Scores


def scored(*accuracies, seeds=None):
    """A row of which only accuracies are known."""
    return Scores(dict(zip(seeds or range(1, len(accuracies) + 1), accuracies, strict=True)))


def answered(correct):
    """A row of which all answers are known, shape (seeds, images)."""
    return Scores({seed: float(of.mean()) for seed, of in enumerate(correct)}, dict(enumerate(correct)))


def table_of(k, n=3, *, accuracy=0.99, spread=0.001, number=0):
    """Equal rows: their accuracies are drawn from one normal distribution."""
    rng = np.random.default_rng(number)
    return {f"row {row}": scored(*rng.normal(accuracy, spread, n)) for row in range(k)}


BEST, GOOD, BAD = (0.990, 0.992, 0.991), (0.989, 0.992, 0.989), (0.970, 0.973, 0.971)
THREE = {"best": scored(*BEST), "good": scored(*GOOD), "bad": scored(*BAD)}


def verdicts(found):
    return {name: difference.verdict for name, difference in found.rows.items()}


def test_the_verdicts_in_words():
    assert verdicts(compare_with_best(THREE)) == {"good": "not told apart", "bad": "worse"}
    assert verdicts(compare_with_baseline(THREE, "bad")) == {"best": "better", "good": "better"}
    assert compare_with_best(THREE).reference == "best"


def test_a_row_is_worse_exactly_where_its_interval_excludes_zero():
    """In 40 tables of rows that lie up to two points apart."""
    found = []
    for number in range(40):
        steps = np.random.default_rng(number).uniform(0, 0.02, 6)
        rows = {str(i): scored(*(0.99 - step + d for d in (-1e-3, 0, 2e-3))) for i, step in enumerate(steps)}
        for comparison in (compare_with_best(rows), compare_with_baseline(rows, "0")):
            for difference in comparison.rows.values():
                excludes_zero = difference.low * difference.high > 0
                found.append(excludes_zero)
                assert excludes_zero == (difference.verdict in ("worse", "better"))
    assert 0.1 < np.mean(found) < 0.9


def test_the_interval_of_two_rows_is_student_s():
    """With two rows left the studentized range is √2 · t."""
    found = compare_with_best({"a": scored(*BEST), "b": scored(*GOOD)}).rows["b"]
    named = compare_with_baseline({"a": scored(*BEST), "b": scored(*GOOD)}, "a").rows["b"]
    assert (found.low, found.high) == pytest.approx((named.low, named.high), rel=0.01)


def test_the_interval_allows_for_all_rows_that_are_left():
    """Six equal rows of three seeds: half² = ½ · q²(6, 4 + 2) · (v + v) / 3."""
    rows = {f"{row}": scored(*(0.99 + row * 1e-5 + d for d in (-1e-3, 0, 1e-3))) for row in range(6)}
    found = compare_with_best(rows)
    assert set(verdicts(found).values()) == {"not told apart"}
    q = studentized_range.ppf(0.95, 6, 6)
    variance = pooled_spreads(rows).rows["0"].variance
    half = (found.rows["0"].high - found.rows["0"].low) / 2
    assert half == pytest.approx(q * np.sqrt(variance / 3), rel=0.005)


def test_rows_that_are_left_out_make_the_intervals_of_the_others_shorter():
    """A row a little behind is worse once ten rows far behind have been left out, as in a table without them."""
    far = {f"far {row}": scored(*(0.9 + d for d in (-1e-3, 0, 1e-3))) for row in range(10)}
    near = table_of(6)
    alone, among = compare_with_best(near), compare_with_best({**near, **far})
    assert {name for name, verdict in verdicts(among).items() if verdict == "worse"} >= far.keys()
    width = {name: among.rows[name].high - among.rows[name].low for name in alone.rows}
    assert all(width[name] < 1.3 * (alone.rows[name].high - alone.rows[name].low) for name in width)


def test_a_row_at_a_tenth_of_the_accuracy_has_collapsed():
    """With two seeds, which differ by ten points; no interval is printed, because none is needed."""
    found = compare_with_best({**table_of(5, n=2), "w16": scored(0.10, 0.20)}).rows["w16"]
    assert (found.verdict, found.low, found.high) == ("collapsed", None, None)
    assert found.value == pytest.approx(-0.84, abs=0.01)


def test_one_collapsed_seed_is_no_collapsed_row():
    rows = {**table_of(5), "unstable": scored(0.99, 0.10, 0.991)}
    assert compare_with_best(rows).rows["unstable"].verdict == "not told apart"


def test_no_interval_reaches_beyond_what_is_possible():
    """No accuracy is above 100 %: the best has 99.19 %, and this row can be 0.81 points above it at most."""
    found = compare_with_best({"best": scored(0.9919, 0.9918, 0.992), "t3": scored(0.8, 0.9, 0.99)}).rows["t3"]
    assert (found.verdict, found.high) == ("not told apart", pytest.approx(1 - 0.9919, abs=1e-4))


def test_one_seed_gets_no_verdict_and_is_not_the_best():
    found = compare_with_best({**THREE, "lucky": scored(0.999)})
    assert (found.reference, found.rows["lucky"].verdict) == ("best", "one seed")
    assert found.rows["lucky"].value == pytest.approx(0.008)
    assert found.rows["bad"] == compare_with_best(THREE).rows["bad"]


def test_nothing_is_compared_without_two_seeds():
    assert compare_with_best({}).reference is None
    assert compare_with_best({"a": scored(0.9), "b": scored(0.8)}).rows == {}
    assert compare_with_baseline({"a": scored(0.9), "b": scored(0.8, 0.7)}, "a").reference is None


def test_the_best_is_one_of_the_candidates():
    """A row of which only the lucky seeds finished is not one of them."""
    rows = {**THREE, "survivors": scored(0.995, 0.9951, 0.9952)}
    found = compare_with_best(rows, ["best", "good", "bad"])
    assert found.reference == "best"
    assert found.rows["survivors"].verdict in ("better", "not told apart")
    assert compare_with_best(rows).reference == "survivors"


def test_a_named_baseline_is_tested_with_holm_s_method():
    """A row differs exactly where its adjusted p-value is below 0.05."""
    rows = {str(i): scored(*(0.99 - i * 0.0008 + d for d in (-1e-3, 0, 1.5e-3))) for i in range(8)}
    found = compare_with_baseline(rows, "0").rows
    assert [difference.p_adjusted for difference in found.values()] == sorted(
        (difference.p_adjusted for difference in found.values()), reverse=True
    )
    differs = [difference.verdict == "worse" for difference in found.values()]
    assert differs == [difference.p_adjusted < 0.05 for difference in found.values()]
    assert 0 < sum(differs) < len(differs)


def test_a_later_look_is_stricter():
    rows = {"a": scored(0.990, 0.991, 0.992), "b": scored(0.986, 0.987, 0.988)}
    first, later = compare_with_best(rows), compare_with_best(rows, alpha=0.001)
    assert (first.rows["b"].verdict, later.rows["b"].verdict) == ("worse", "not told apart")


def test_a_baseline_must_be_a_row():
    with pytest.raises(KeyError, match="q"):
        compare_with_baseline(THREE, "q")


def test_answers_to_single_images_widen_the_interval():
    """By the noise of other images, and the row says that it counts."""
    rng = np.random.default_rng(4)
    easy = rng.normal(3, 2, 300)
    correct = [rng.random((3, 300)) < 1 / (1 + np.exp(-(easy + rng.normal(0, 1, 300)))) for _ in range(2)]
    known = compare_with_baseline({"a": answered(correct[0]), "b": answered(correct[1])}, "a").rows["b"]
    unknown = compare_with_baseline({"a": Scores(answered(correct[0]).accuracies), "b": answered(correct[1])}, "a")
    assert (known.counts_images, unknown.rows["b"].counts_images) == (True, False)


def test_seeds_that_agree_to_the_last_image_give_no_interval():
    """Without answers it is not known how far other seeds vary."""
    found = compare_with_best({"a": scored(0.98, 0.98), "b": scored(0.97, 0.97)}).rows["b"]
    assert (found.verdict, found.low, found.high) == ("not told apart", None, None)


def test_holm_s_method_by_hand():
    """3 · 0.01; 2 · 0.03; 1 · 0.04, which may not be below the one before."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([None, 0.02, None, 0.5]) == [None, 0.04, None, 0.5]
    assert holm([]) == []


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
