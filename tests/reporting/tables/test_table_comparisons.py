"""The table sets rows against the best, beside what was reported, and says what one setting is worth."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from test_table import table, trial

from seedsweep.errors import UserError
from seedsweep.reporting.tables.builder import table_of
from seedsweep.reporting.tables.formats import FORMATS, to_markdown
from seedsweep.trials.records import SweepRecord

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


def test_the_difference_to_the_best_is_welch_s_t_test():
    """Against SciPy's, where only seeds are known: two variants, one comparison."""
    best, other = table(*TWO).rows
    low, high = stats.ttest_ind(SGD, ADAM, equal_var=False).confidence_interval(0.95)
    assert (best.against, best.verdict) == (None, "best")
    assert other.against.value == pytest.approx(np.mean(SGD) - np.mean(ADAM))
    # No accuracy is above 100 %.
    assert (other.against.low, other.against.high) == pytest.approx((low, min(high, 0.02)), rel=0.01)


def verdict_cells(text, start):
    """Difference and verdict of a row of the compact table."""
    return cells(text, start)[-4:-2]


CLEAR = [*seeds(ADAM), *seeds((0.92, 0.93, 0.925), **{"opt.name": "sgd"})]


def test_a_reader_sees_the_verdict():
    """One sentence above; how far behind the best, with its interval, and the verdict in the row."""
    text = to_markdown(table(*CLEAR))
    assert "adam has the highest mean (98.00 %); sgd is worse than it." in text
    assert verdict_cells(text, "adam") == ["–", "best"]
    behind, verdict = verdict_cells(text, "sgd")
    assert behind.startswith("5.50 (")
    assert verdict == "worse"
    assert "A row is worse where its interval excludes 0" in text


def test_many_rows_are_counted_in_the_sentence_and_few_named():
    steps = [0.009, 0.010, 0.011]
    rows = [
        trial
        for place in range(7)
        for trial in seeds([0.99 - 0.5 * place * step for step in steps], batch_size=str(100 + place))
    ]
    verdict = table(*rows).verdict
    assert verdict.startswith("batch_size=100 has the highest mean (99.00 %); ")
    assert verdict.endswith("rows are worse than it.")
    collapsed = table(*rows, *seeds((0.1, 0.1, 0.1), batch_size="9"))
    assert collapsed.rows[-1].verdict == "collapsed"
    assert collapsed.verdict.endswith("; batch_size=9 collapsed.")
    assert verdict_cells(to_markdown(collapsed), "batch_size=9") == ["89", "collapsed"]


def test_a_reader_sees_what_more_seeds_would_tell():
    text = to_markdown(table(*TWO))
    assert "With 3 seeds, rows that truly differ by 2.7 points are told apart in 4 of 5 cases; " in text
    assert "; for 2 points a row needs about " in text


def test_a_later_table_is_made_at_a_stricter_level():
    """And says which it is."""
    made = table_of(replace(sweep_of(CLEAR), look=3))
    first = table(*CLEAR)
    assert (made.alpha, first.alpha) == (0.015, 0.05)
    assert made.rows[1].against.low < first.rows[1].against.low
    assert "This is table 3 of these rows" in to_markdown(made)
    assert "98.5 % intervals" in to_markdown(made)
    assert "This is table" not in to_markdown(first)


def test_known_answers_bring_the_images_noise_in():
    """The interval for new images is wider than the one over seeds."""
    made = table_of(sweep_of(TWO), answers)
    best, other = made.rows
    assert best.new_images.low < best.test.mean < best.new_images.high
    assert best.new_images.n_images == IMAGES
    assert other.against.counts_images
    assert "… with new images" in to_markdown(made, full=True)
    assert "chance in the seeds and in the choice of the test images" in to_markdown(made)


def test_a_row_without_answers_leaves_seeds_as_the_only_noise():
    """And the table says so, of this row or of all."""
    trials = [*TWO, *seeds((0.90, 0.91, 0.93), **{"opt.name": "adamw"})]
    made = table_of(sweep_of(trials), lambda one: None if one.settings["opt.name"] == "sgd" else answers(one))
    counts = {row.variant: row.against.counts_images for row in made.rows if row.against}
    assert counts == {"sgd": False, "adamw": True}
    assert next(row.new_images for row in made.rows if row.variant == "sgd") is None
    said = "chance in the choice of the test images is not counted"
    assert f"{said}: sgd." in to_markdown(made)
    assert f"{said}." in to_markdown(table(*TWO))
    assert said not in to_markdown(table_of(sweep_of(TWO), answers))


def test_a_lost_answer_leaves_those_of_the_other_seeds():
    """The mean is that of all seeds; the noise of the images is that of the answers which are left."""
    made = table_of(sweep_of(TWO), lambda one: None if one.settings["seed"] == "2" else answers(one))
    other = made.rows[1].against
    assert other.counts_images
    assert other.value == pytest.approx(np.mean(SGD) - np.mean(ADAM))


def elsewhere(trials):
    """The same trials, on other images."""
    return [replace(one, tags={**one.tags, "dataset_sha256": "cd" * 32}) for one in trials]


def test_rows_with_other_test_images_are_not_compared():
    """Image 5 of one set is not image 5 of the other, and what makes a set easy is no merit of a network."""
    made = table_of(sweep_of([*TWO, *elsewhere(seeds((0.90, 0.91, 0.93)))]), answers)
    assert [row.against is not None for row in made.rows] == [False, True, False]
    assert made.rows[2].new_images is not None
    assert "Not compared, because they were tested on other images: adam" in to_markdown(made)
    grid = [*seeds(ADAM), *seeds(SGD, **{"opt.name": "sgd"})]
    both = table_of(sweep_of([*grid, *elsewhere([replace(one) for one in grid])]), answers)
    assert both.effects.effects == ()


def test_two_rows_of_one_name_are_told_apart():
    """Only one of them is the best."""
    made = table_of(sweep_of([*seeds(ADAM), *elsewhere(seeds(SGD)), *seeds((0.9, 0.91, 0.93), epochs="3")]))
    assert [row.verdict == "best" for row in made.rows] == [True, False, False]


def test_one_seed_is_not_the_best():
    """A single lucky seed stands on top, and takes no other row's comparison away."""
    made = table(*CLEAR, trial(0.995, **{"opt.name": "nadam"}))
    assert [(row.variant, row.verdict) for row in made.rows] == [
        ("nadam", "one seed"),
        ("adam", "best"),
        ("sgd", "worse"),
    ]
    assert made.verdict == (
        "adam has the highest mean of the rows that can be compared (98.00 %); sgd is worse than it; "
        "nadam has one seed and no verdict."
    )


def test_rows_with_other_seeds_are_compared():
    """Seeds are not paired: a row that lacks one is compared with all that it has."""
    made = table(*seeds(ADAM), *seeds(SGD[:2], **{"opt.name": "sgd"}))
    assert made.rows[1].against.value == pytest.approx((0.95 + 0.955) / 2 - 0.98)
    assert made.rows[1].against.low is not None


def test_nothing_is_compared_with_single_seeds():
    made = table(trial(0.9), trial(0.8, **{"opt.name": "sgd"}))
    assert made.reference is None
    assert made.verdict == "No verdict: one seed says nothing about the spread. seed=1,2,3 adds seeds."
    assert "Behind" not in to_markdown(made)


def test_the_answers_of_a_single_seed_are_not_read():
    """Reading them would cost time and tell nothing."""

    def read(record):
        raise AssertionError(record)

    assert table_of(sweep_of([trial(0.9), trial(0.8, **{"opt.name": "sgd"})]), read).rows


def test_images_with_one_row_take_no_comparison_from_the_others():
    """The best row of all has no other beside it; those on other images have."""
    made = table_of(sweep_of([*elsewhere(seeds((0.997, 0.998, 0.999))), *TWO]), answers)
    assert made.rows[0].test.mean == pytest.approx(0.998)
    assert [row.verdict == "best" for row in made.rows] == [False, True, False]
    assert made.rows[2].against is not None


def test_a_named_baseline_with_one_seed_compares_nothing():
    made = table_of(sweep_of([*TWO, trial(0.995, **{"opt.name": "nadam"})]), baseline="nadam")
    assert made.reference is None
    assert "No verdict: one seed says nothing about the spread." in to_markdown(made)


def stopped(number, **settings):
    return replace(trial(0.5, number, **settings), status="stopped", run_id=f"stopped {number}")


def test_rows_that_lost_their_worst_seeds_are_not_compared():
    """`stop=median` leaves the better half of a row's seeds."""
    made = table(*TWO, *seeds((0.985, 0.99)), *seeds((0.996, 0.997), epochs="3"), stopped(3, epochs="3"))
    row = next(row for row in made.rows if row.is_selected)
    assert row.test.mean == pytest.approx(0.9965)
    assert (row.test.low, row.verdict) == (None, None)
    text = to_markdown(made)
    assert f"have no intervals and are not compared: {row.variant}." in text
    grid = table(*GRID, stopped(4))
    assert "stopped for being worse" in grid.effects.reason


def test_survivors_are_called_so():
    """A mean over the seeds that did not diverge."""
    failed = replace(trial(0.1, 4), status="failed", tags={**trial(0.1).tags, "failure": "Diverged: the loss is nan"})
    assert "Means over the seeds that did not fail, which may be the lucky ones: adam." in to_markdown(
        table(*TWO, failed)
    )
    assert "lucky" not in to_markdown(table(*TWO))


def test_the_best_is_a_row_of_which_all_seeds_finished():
    """A row above it lost a seed, which may have been its worst."""
    failed = replace(trial(0.1, 3, epochs="3"), status="failed", metrics={})
    made = table(*seeds((0.995, 0.994), epochs="3"), failed, *TWO)
    assert [row.verdict == "best" for row in made.rows] == [False, True, False]
    said = "The best is chosen among the rows of which all seeds finished."
    assert said in made.footnotes
    assert said not in table(*TWO).footnotes


def test_other_hardware_is_said():
    """And which row had which can be read."""
    made = table(*seeds(ADAM, {"hardware": "A"}), *seeds(SGD, {"hardware": "B"}, **{"opt.name": "sgd"}))
    assert "Not all trials were trained on the same hardware" in to_markdown(made)
    assert [line["hardware"] for line in csv.DictReader(io.StringIO(FORMATS["csv"](made)))] == ["A", "B"]
    assert "same hardware" not in to_markdown(table(*TWO))


def test_a_baseline_can_be_named():
    """By its beginning too."""
    made = table_of(sweep_of([*CLEAR, *seeds((0.90, 0.91, 0.93), **{"opt.name": "adamw"})]), baseline="sg")
    assert (made.reference, made.reference_is_best) == ("sgd", False)
    text = to_markdown(made, full=True)
    assert "baseline" in cells(text, "sgd")
    assert "better" in cells(text, "adam ")
    assert "Against the baseline, points" in text
    assert "p (Holm)" in text
    assert "They are to sgd, if it was chosen before the results were seen." in text
    assert (
        made.verdict
        == "sgd is the baseline (92.50 %); adam is better than it; 3 seeds cannot tell adamw apart from it."
    )


@pytest.mark.parametrize(("wanted", "what"), [("sdg", "no variant 'sdg'"), ("ada", "2 variants begin with 'ada'")])
def test_a_baseline_that_is_not_there_is_refused(wanted, what):
    """With a name that is."""
    with pytest.raises(UserError) as refused:
        table_of(sweep_of([*TWO, *seeds(SGD, **{"opt.name": "adamw"})]), baseline=wanted)
    assert refused.value.what == what
    assert "--baseline '" in refused.value.fix


def test_reported_values_are_set_beside_ours():
    """One further run: mean ± t(0.975, 2) · s · √(1 + 1/3) = 98 ± 4.3027 · 1 · 1.1547 = 93.03 to 102.97."""
    tags = {"row": "k", "row_title": "k: a CNN", "reported": "93.04, 93.02", "reported_in": "a book", "row_note": "old"}
    (row,) = table(*seeds(ADAM, tags)).rows
    assert row.variant == "k: a CNN"
    assert [(found.percent, found.inside) for found in row.reported] == [(93.04, True), (93.02, False)]
    text = to_markdown(table(*seeds(ADAM, tags)), full=True)
    assert "93.04 inside, 93.02 outside" in text
    assert cells(text, "k")[-1] == "old"
    assert "Sources: k: a book." in text
    (single,) = table(*seeds(ADAM[:1], tags)).rows
    assert [found.inside for found in single.reported] == [None, None]


@pytest.mark.parametrize(
    ("accuracies", "reported", "inside"),
    [
        ((0.98, 0.98), "98.1", None),  # two seeds can agree by chance: nothing is known of a third
        ((0.98, 0.98), "98", True),
        ((0.98, 0.97, 0.99), "93.03", True),  # 93.0316 is the lower end; reported figures are rounded to two decimals
        ((0.98, 0.97, 0.99), "93.02", False),
    ],
)
def test_what_is_not_known_is_not_called_outside(accuracies, reported, inside):
    """An interval without width is none, and a rounded figure is not exact."""
    tags = {"row": "k", "row_title": "k", "reported": reported}
    (row,) = table(*seeds(accuracies, tags)).rows
    assert [found.inside for found in row.reported] == [inside]


def test_each_reported_figure_has_its_answer_in_csv():
    """Also the one of which nothing is known."""
    tags = {"row": "k", "row_title": "k", "reported": "98.1, 98"}
    (line,) = csv.DictReader(io.StringIO(FORMATS["csv"](table(*seeds((0.98, 0.98), tags)))))
    assert (line["reported_percent"], line["reported_inside"]) == ("98.1 98", "unknown true")


def test_equal_rows_of_one_sweep_are_not_called_earlier():
    """They were trained once, in this sweep."""
    one, other = seeds(ADAM, {"row": "a", "row_title": "a"}), seeds(ADAM, {"row": "b", "row_title": "b"})
    twins = [
        replace(two, run_id=f"twin of {two.run_id}", tags={**two.tags, "reused_from": first.run_id})
        for first, two in zip(one, other, strict=True)
    ]
    notes = " ".join(table(*one, *twins).footnotes)
    assert "3 of these trials are the same as another row's, and trained once." in notes
    assert "earlier sweep" not in notes


def test_a_row_s_key_is_a_baseline():
    """Though another key begins with it."""
    rows = [seeds(values, {"row": key, "row_title": f"{key}: x"}) for key, values in (("k", SGD), ("k-2", ADAM))]
    assert table_of(sweep_of([*rows[0], *rows[1]]), baseline="k").reference == "k: x"


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
    text = to_markdown(made)
    assert cells(text, "opt: sgd → adam")[1] == "+4.00"
    assert cells(text, "model: conv3 → conv4 and opt: sgd → adam")[1] == "-2.00"
    assert "the sum of both:" in text


def test_no_grid_has_no_effects_and_says_why():
    """One setting; a hole in the grid; named rows."""
    assert table(*TWO).effects.reason == "no grid of two settings or more"
    holed = table(*GRID[:-3])
    assert holed.effects.reason.startswith("1 of 4 combinations is missing")
    assert "No effects: 1 of 4 combinations is missing" in to_markdown(holed)
    assert "Worth" not in to_markdown(holed)


def test_every_format_has_the_comparison():
    """What a reader sees, a program reads unrounded."""
    made = table_of(sweep_of(GRID), answers)
    read = json.loads(FORMATS["json"](made))
    assert read["reference"] == "conv3 · adam"
    assert read["rows"][1]["against"]["value"] == made.rows[1].against.value
    assert len(read["effects"]["effects"]) == 3
    lines = list(csv.DictReader(io.StringIO(FORMATS["csv"](made))))
    assert float(lines[1]["against_low"]) == made.rows[1].against.low
    assert float(lines[0]["new_images_low"]) == made.rows[0].new_images.low
    assert FORMATS["html"](made).count("<table") == FORMATS["latex"](made).count(r"\begin{tabular}") == 2
