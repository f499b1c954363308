"""The table sets rows against the best, beside what was reported, and says what one setting is worth."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from test_table import table, trial

from seedsweep.errors import BadInput
from seedsweep.reporting.formats import FORMATS
from seedsweep.reporting.table import table_of
from seedsweep.trials.record import SweepRecord

ADAM, SGD = (0.98, 0.97, 0.99), (0.95, 0.955, 0.965)
IMAGES = 1000


def seeds(accuracies, tags=None, **settings):
    """A trial for each accuracy, with seeds from 1 on."""
    made = [trial(accuracy, seed, **settings) for seed, accuracy in enumerate(accuracies, start=1)]
    return [replace(one, tags={**one.tags, **(tags or {})}, run_id=f"{one.settings}") for one in made]


TWO = [*seeds(ADAM), *seeds(SGD, **{"opt.name": "sgd"})]


def sweep_of(trials):
    return SweepRecord("0123456789abcdef", "a sweep", "2026-01-02 03:04 UTC", tuple(trials), len(trials))


def answers(record):
    """The first images right, as many as the accuracy says; which ones moves with the seed."""
    right = np.arange(IMAGES) < round(record.metrics["test_accuracy"] * IMAGES)
    return np.roll(right, 7 * int(record.settings["seed"]))


def cells(markdown, start):
    """The cells of the row of a Markdown table that starts with some text."""
    line = next(line for line in markdown.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_difference_to_the_best_is_a_paired_t_test():
    """Against SciPy's, where only seeds are known: two variants, one comparison, no adjustment."""
    best, other = table(*TWO).rows
    expected = stats.ttest_rel(SGD, ADAM)
    low, high = expected.confidence_interval(0.95)
    assert best.against is None
    assert other.against.difference == pytest.approx(np.mean(SGD) - np.mean(ADAM))
    assert (other.against.low, other.against.high) == pytest.approx((low, high))
    assert other.against.p == other.against.adjusted == pytest.approx(expected.pvalue)


def test_a_reader_sees_the_verdict():
    """Difference, interval and verdict in one cell; which comparisons p allows for, below."""
    text = table(*TWO).markdown()
    assert cells(text, "adam")[:5] == ["adam", "3", "98.00 ± 1.00", "95.52 to 100.48", "best"]
    against, p = cells(text, "sgd")[4:6]
    assert against.startswith("-2.33 (-4.23 to -0.44) worse")
    assert p == "0.034"
    assert "p allows for 1 comparisons (Holm)" in text


def test_known_answers_bring_the_images_noise_in():
    """The interval for new images is wider than the one over seeds, and pairing is by seed and image."""
    made = table_of(sweep_of(TWO), answers)
    best, other = made.rows
    assert best.new_images.low < best.test.mean < best.new_images.high
    assert best.new_images.n_images == IMAGES
    assert other.against.noise == "seeds and images"
    text = made.markdown()
    assert "… with new images" in text
    assert "paired by seed and test image" in text


def test_a_trial_without_answers_leaves_seeds_as_the_only_noise():
    """And the table says so, where others have theirs."""
    trials = [*TWO, *seeds((0.90, 0.91, 0.93), **{"opt.name": "adamw"})]
    made = table_of(sweep_of(trials), lambda one: None if one.settings["opt.name"] == "sgd" else answers(one))
    noises = {row.variant: row.against.noise for row in made.rows if row.against}
    assert noises == {"sgd": "seeds", "adamw": "seeds and images"}
    assert next(row.new_images for row in made.rows if row.variant == "sgd") is None
    assert "only seeds count as noise" in made.markdown()


def test_answers_to_other_images_are_never_paired():
    """Two data sets with equally many test images: image 5 of one is not image 5 of the other."""
    there = [replace(one, tags={**one.tags, "dataset_sha256": "cd" * 32}) for one in seeds(SGD)]
    made = table_of(sweep_of([*seeds(ADAM), *there]), answers)
    assert made.rows[1].against.noise == "seeds"
    assert made.rows[1].new_images is not None


def test_nothing_is_compared_with_single_seeds():
    """No row is called the best, and none tied with it."""
    made = table(trial(0.9), trial(0.8, **{"opt.name": "sgd"}))
    assert made.baseline is None
    assert "Against" not in made.markdown()


def test_nobody_asks_for_the_answers_of_a_single_seed():
    """Reading them would cost time and tell nothing."""

    def read(record):
        raise AssertionError(record)

    assert table_of(sweep_of([trial(0.9), trial(0.8, **{"opt.name": "sgd"})]), read).rows


def test_a_baseline_can_be_named():
    """By its beginning too; then fewer comparisons are allowed for."""
    made = table_of(sweep_of([*TWO, *seeds((0.90, 0.91, 0.93), **{"opt.name": "adamw"})]), baseline="sg")
    assert (made.baseline, made.baseline_is_best) == ("sgd", False)
    text = made.markdown()
    assert cells(text, "sgd")[4] == "baseline"
    assert "better" in cells(text, "adam ")[4]
    assert "Differences are to 'sgd'" in text
    assert "p allows for 2 comparisons" in text


@pytest.mark.parametrize(("wanted", "what"), [("sdg", "no variant 'sdg'"), ("ada", "2 variants begin with 'ada'")])
def test_a_baseline_that_is_not_there_is_refused(wanted, what):
    """With a name that is."""
    with pytest.raises(BadInput) as refused:
        table_of(sweep_of([*TWO, *seeds(SGD, **{"opt.name": "adamw"})]), baseline=wanted)
    assert refused.value.what == what
    assert "--baseline '" in refused.value.fix


def test_reported_values_are_set_beside_ours():
    """One further run: mean ± t(0.975, 2) · s · √(1 + 1/3) = 98 ± 4.3027 · 1 · 1.1547 = 93.03 to 102.97."""
    tags = {"row": "k", "row_title": "k: a CNN", "reported": "93.04, 93.02", "reported_in": "a book", "row_note": "old"}
    (row,) = table(*seeds(ADAM, tags)).rows
    assert row.variant == "k: a CNN"
    assert [(found.percent, found.inside) for found in row.reported] == [(93.04, True), (93.02, False)]
    text = table(*seeds(ADAM, tags)).markdown()
    assert "93.04 inside, 93.02 outside" in text
    assert cells(text, "k")[-1] == "old"
    assert "Sources: k: a book." in text
    (single,) = table(*seeds(ADAM[:1], tags)).rows
    assert [found.inside for found in single.reported] == [None, None]


def test_rows_with_equal_settings_are_two_rows():
    """Two authors may have described the same system."""
    one, other = ({"row": key, "row_title": key} for key in ("a", "b"))
    assert [row.variant for row in table(*seeds(ADAM, one), *seeds(ADAM, other)).rows] == ["a", "b"]


GRID = [
    *seeds((0.90, 0.92, 0.91), **{"opt.name": "sgd"}),
    *seeds((0.95, 0.96, 0.97)),
    *seeds((0.93, 0.94, 0.92), **{"opt.name": "sgd", "model.name": "conv4"}),
    *seeds((0.96, 0.95, 0.97), **{"model.name": "conv4"}),
]


def test_a_full_grid_says_what_one_setting_is_worth():
    """By hand: opt (5 + 3.0)/2 points, model (2 + 0)/2, both together 3.0 - 5.0."""
    made = table(*GRID)
    worth = {effect.factors: round(100 * effect.value, 2) for effect in made.effects.effects}
    assert worth == {("model.name",): 1.0, ("opt.name",): 4.0, ("model.name", "opt.name"): -2.0}
    text = made.markdown()
    assert cells(text, "opt: sgd → adam")[1] == "+4.00"
    assert cells(text, "model: conv3 → conv4 and opt: sgd → adam")[1] == "-2.00"


def test_no_grid_has_no_effects_and_says_why():
    """One setting; a hole in the grid; named rows."""
    assert table(*TWO).effects.reason == "no grid of two settings or more"
    holed = table(*GRID[:-3])
    assert holed.effects.reason.startswith("1 of 4 combinations is missing")
    assert "Worth" not in holed.markdown()


def test_every_format_has_the_comparison():
    """What a reader sees, a program reads unrounded."""
    made = table_of(sweep_of(GRID), answers)
    read = json.loads(FORMATS["json"](made))
    assert read["baseline"] == "conv3 · adam"
    assert read["rows"][1]["against"]["p"] == made.rows[1].against.p
    assert len(read["effects"]["effects"]) == 3
    lines = list(csv.DictReader(io.StringIO(FORMATS["csv"](made))))
    assert float(lines[1]["against_low"]) == made.rows[1].against.low
    assert float(lines[0]["new_images_low"]) == made.rows[0].new_images.low
    assert FORMATS["html"](made).count("<table") == FORMATS["latex"](made).count(r"\begin{tabular}") == 2
