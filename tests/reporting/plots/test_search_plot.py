"""The picture of a search: what is drawn where, and that it can be read."""

import pytest
from support.pictures import HOSTILE, assert_readable, words

from seedsweep.reporting.plots.search import draw_search, search_figure
from seedsweep.reporting.statistics.summary import summarize
from seedsweep.reporting.tables.search_ranking import RankedTrial, Ranking
from seedsweep.trials.records import SearchRecord


def ranking(scores, *, axes=None, objective="val_accuracy", confirmed=(), epochs=None):
    """Suggestions in their order, with these scores."""
    axes = axes or {"model": lambda n: f"conv{n % 3}", "opt.learning_rate": lambda n: f"{10.0 ** -(n % 5)}"}
    told = SearchRecord("random", "fastest", 2, 1, objective, tuple(axes), len(scores), len(confirmed))
    rows = [
        RankedTrial(
            n, {name: value(n) for name, value in axes.items()}, (epochs or {}).get(n, 9), score, None, None, "", ""
        )
        for n, score in enumerate(scores)
    ]
    sign = 1 if told.maximize else -1
    rows.sort(key=lambda row: (row.score is None, -row.epochs, -sign * (row.score or 0)))
    return Ranking(told, tuple(rows), summarize(confirmed) if confirmed else None, None)


def test_the_best_so_far_is_a_stair_that_follows_the_direction():
    """Up for an accuracy, in per cent; down for a loss, as it is."""
    for objective, scores, stair in (
        ("val_accuracy", [0.9, None, 0.8, 0.95], [90, 90, 90, 95]),
        ("val_loss", [0.3, None, 0.4, 0.2], [0.3, 0.3, 0.3, 0.2]),
    ):
        line = search_figure(ranking(scores, objective=objective), title="x").axes[0].get_lines()[0]
        assert list(line.get_xdata()) == [0, 1, 2, 3]
        assert list(line.get_ydata()) == pytest.approx(stair)


def test_the_winner_is_told_by_its_shape():
    """In every panel, where it belongs."""
    figure = search_figure(ranking([0.9, 0.95, 0.8]), title="x")
    marks = [[line for line in axes.get_lines() if line.get_marker() == "D"] for axes in figure.axes]
    assert [len(found) for found in marks] == [1, 1, 1]
    assert [list(found[0].get_ydata()) for found in marks] == [[95.0]] * 3


def test_a_wide_range_is_drawn_by_ratios_with_plain_numbers():
    """A learning rate from 0.0001 to 1."""
    figure = search_figure(ranking([0.9] * 5), title="x")
    assert figure.axes[2].get_xscale() == "log"
    assert_readable(figure)
    assert "0.01" in words(figure)


def test_the_values_of_a_list_stand_side_by_side():
    """Each where its own number is, also numbers that lie far apart, and one that nothing was tried beside."""
    axes = {"batch_size": lambda n: ["32", "512", "128"][n % 3], "data.augment.shift": lambda _: "2"}
    figure = search_figure(ranking([0.9, 0.8, 0.7, 0.6], axes=axes), title="x")
    ticks = [[text.get_text() for text in panel.get_xticklabels()] for panel in figure.axes[1:]]
    assert ticks == [["32", "128", "512"], ["2"]]
    places = sorted({line.get_xdata()[0] for line in figure.axes[1].get_lines()})
    assert places == [0, 1, 2]


def test_whoever_lies_far_below_does_not_flatten_the_rest():
    """It stands as a triangle at the edge, and the picture says so."""
    figure = search_figure(ranking([0.9, 0.91, 0.92, 0.93, 0.1]), title="x")
    assert figure.axes[0].get_ylim()[0] > 80
    assert [line.get_marker() for line in figure.axes[0].get_lines()].count("v") == 1
    assert "1 score lies beyond the scale, where a triangle stands at its edge." in words(figure)


@pytest.mark.parametrize(
    "given",
    [
        ranking([None, None]),
        ranking([0.5]),
        ranking([0.9, 0.95, 0.97, None] * 20, confirmed=(0.93, 0.94), epochs={0: 1, 5: 3}),
        ranking([0.9, 0.8], axes={text: lambda n: HOSTILE[n] for text in HOSTILE}),
        ranking([0.9, 0.8], axes={f"opt.setting_{n}": str for n in range(12)}),
    ],
    ids=["nothing", "one", "many", "hostile", "axes"],
)
def test_it_can_be_read_whatever_is_in_it(given, tmp_path):
    """No text overlaps another or is cut off."""
    assert_readable(search_figure(given, title="x" * 300))
    draw_search(given, title="t", path=tmp_path / "search.png")
    assert (tmp_path / "search.png").stat().st_size > 1000
