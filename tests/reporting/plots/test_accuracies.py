"""The picture of accuracies by variant: order, scales, what is told apart, and that it can be read."""

import math

import pytest
from support.pictures import HOSTILE, assert_readable, drawn, words

from seedsweep.reporting.plots.accuracies import accuracies_figure, draw_accuracies
from seedsweep.reporting.plots.accuracy_scale import AccuracyRow, scale_of


def row(label, mean, **more):
    seeds = (mean - 0.001, mean, mean + 0.001)
    return AccuracyRow(label, mean, **{"seeds": seeds, "interval": (mean - 0.002, mean + 0.002), **more})


def close(*means):
    return scale_of([row(str(mean), mean) for mean in sorted(means, reverse=True)]).close


def verdict_of(place):
    """Return a verdict for a row by its place: three of each."""
    return ["best", "not told apart", "worse", None][min(place // 3, 3)]


GOOD = [0.996, 0.995, 0.994, 0.992, 0.990, 0.988, 0.985, 0.982, 0.979, 0.976]


def test_the_best_stands_on_top():
    """Whatever the order given; what has no number stands last."""
    figure = accuracies_figure([row("b", 0.98), AccuracyRow("c", math.nan), row("a", 0.99)], title="x")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b", "c"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert words(figure).count("none") == 1


@pytest.mark.parametrize(
    ("verdict", "marker", "filled"),
    [
        ("best", "o", "full"),
        ("not told apart", "o", "right"),
        ("worse", "o", "none"),
        ("better", "^", "full"),
        (None, "s", "none"),
    ],
)
def test_verdicts_are_shown_by_more_than_colour(verdict, marker, filled):
    """Filled, half filled, open, or of another shape; the legend says which."""
    figure = accuracies_figure([row("x", 0.99, verdict=verdict)], title="x")
    (mean,) = [line for line in figure.axes[0].get_lines() if line.get_marker() in {"o", "s", "^"}]
    assert mean.get_marker() == marker
    half = "full" if mean.get_fillstyle() == "full" else "right"
    assert filled == (half if mean.get_markerfacecolor() == mean.get_markeredgecolor() else "none")
    meaning = {
        "best": "mean, the best",
        "not told apart": "mean, not told apart from the best",
        "worse": "mean, worse than the best",
        "better": "mean, better than the best",
        None: "mean, not compared with the best",
    }
    assert [text for text in words(figure) if text.startswith("mean, ") and "%" not in text] == [meaning[verdict]]


def test_a_baseline_that_was_chosen_is_named():
    """What is said of the others is said against it."""
    rows = [row("left", 0.99, verdict="better"), row("right", 0.98, verdict="baseline")]
    said = words(accuracies_figure(rows, title="x", baseline="right"))
    assert {"mean, better than the baseline", "mean, the baseline", "The baseline is right."} <= set(said)
    assert not any("best" in text for text in said)


def test_all_that_is_known_is_drawn_where_it_belongs():
    """Seeds, both intervals and any number of reported values, in per cent."""
    given = AccuracyRow("x", 0.98, (0.97, 0.99), (0.96, 1.0), (0.95, 1.01), (0.985, 0.975, 0.97))
    drawn = [
        [round(x, 6) for x in line.get_xdata()] for line in accuracies_figure([given], title="x").axes[0].get_lines()
    ]
    for expected in ([97, 99], [96, 100], [95, 101], [98.5, 97.5, 97], [98]):
        assert expected in drawn


def test_the_legend_explains_what_is_there_and_nothing_else():
    """One seed has no interval."""
    figure = accuracies_figure([AccuracyRow("x", 0.98, (0.98,))], title="x")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "mean, not compared with the best",
        "one seed",
    ]


def test_each_mean_stands_as_a_number_beside_its_row():
    """In per cent, outside the axes, where it hides nothing."""
    figure = drawn(accuracies_figure([row("a", 0.98), row("b", 0.99123)], title="x"))
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["99.12", "98.00", "mean, %"]
    assert all(text.get_window_extent().x0 > axes.get_window_extent().x1 for text in axes.texts)


def test_rows_far_below_do_not_squeeze_the_rest():
    """They are left to a scale of their own, and only they."""
    for far in ([0.84, 0.10], [0.10], [0.10] * 20):
        low, high = close(*GOOD, *far)
        assert 0.96 < low < 0.976
        assert 0.996 < high < 1.01


@pytest.mark.parametrize("means", [GOOD, [0.99, 0.10], [0.99], [0.9, 0.7, 0.5, 0.3]])
def test_one_scale_is_enough_where_it_shows_all(means):
    """No second one without need."""
    assert close(*means) is None


def test_a_mean_below_the_close_scale_is_an_arrow_with_its_number():
    """And a dot on the whole scale."""
    figure = accuracies_figure([row(str(mean), mean) for mean in [*GOOD, 0.10]], title="x")
    whole, near = figure.axes
    assert whole.get_xlim()[0] < 10
    assert near.get_xlim()[0] > 96
    assert [text.get_text() for text in near.texts if "◀" in text.get_text()] == ["◀ 10.00"]
    assert "test accuracy, %" in words(figure)
    assert not any("go on beyond it" in text for text in words(figure))


def test_an_interval_that_does_not_fit_is_said():
    """With two seeds it may be wider than all accuracies together."""
    figure = accuracies_figure([row("a", 0.99, interval=(0.5, 1.4)), row("b", 0.98)], title="x")
    assert "Intervals are clipped at the axis limits." in words(figure)
    assert figure.axes[0].get_xlim()[0] > 95


def test_of_many_rows_the_best_are_shown_and_the_rest_is_said():
    """Of 72 the first 60."""
    figure = accuracies_figure([row(f"v{k}", 0.9 + k / 1000) for k in range(72)], title="x")
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == [f"v{k}" for k in range(71, 11, -1)]
    assert "12 more variants are not shown: these are the best 60 of 72." in words(figure)


LONG = "conv{} · learning_rate=0.001 · conv_filters=[32,32,64,64] · batch_size=128 · dropout"
CASES = {
    "one row, one seed": [AccuracyRow("conv3", 0.99, (0.99,))],
    "no row": [],
    "no number": [AccuracyRow("x", math.nan)],
    "hostile": [row(name, 0.9 + k / 100, reported=(0.9,)) for k, name in enumerate(HOSTILE)],
    "outliers": [row(f"v{k}", mean, verdict=verdict_of(k)) for k, mean in enumerate([*GOOD, 0.98, 0.84, 0.10])],
    "60 rows of 80 characters": [row(LONG.format(k), 0.99 - k / 2000, verdict=verdict_of(k)) for k in range(60)],
    "61 rows of one word": [row("W" * 80, 0.99 - k / 2000, interval=None) for k in range(61)],
}


@pytest.mark.parametrize("name", CASES)
def test_it_can_be_read_whatever_is_in_it(name):
    """No two labels overlap, none is cut off."""
    assert_readable(accuracies_figure(CASES[name], title="a sweep: accuracy by variant"))


def test_equal_rows_are_equal_bytes(tmp_path):
    """No date, no version, nothing random."""
    for name in ("one.png", "other.png"):
        draw_accuracies(CASES["outliers"], title="x", path=tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
