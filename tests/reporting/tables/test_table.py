"""The table folds seeds, ranks by test accuracy, and is written safely in five formats."""

import csv
import io
import json
import math
from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from seedsweep.reporting.statistics.summary import Summary, summarize
from seedsweep.reporting.tables.builder import table_of
from seedsweep.reporting.tables.formats import FORMATS, latex_text, markdown_text, spreadsheet_text, to_markdown
from seedsweep.trials.records import SearchRecord, SweepRecord, TrialRecord

SETTINGS = {
    "model.name": "conv3",
    "opt.name": "adam",
    "reg.name": "none",
    "data.name": "mnist5k",
    "data.validation": "holdout",
    "epochs": "12",
    "batch_size": "128",
    "precision": "float32",
    "threads": "1",
}
TAGS = {
    "dataset": "mnist5k: 3,600 train",
    "hardware": "a processor",
    "versions": "keras 3.15.1",
    "parameters": "1234",
}


def trial(accuracy=None, seed=1, status="finished", failure=None, **settings):
    metrics = {} if accuracy is None else {"test_accuracy": accuracy, "val_accuracy": accuracy, "train_seconds": 10.0}
    tags = {**TAGS, **({"failure": failure} if failure else {})}
    return TrialRecord(f"run{seed}", status, {**SETTINGS, "seed": str(seed), **settings}, metrics, tags)


def table(*trials, name="a sweep", planned=None):
    return table_of(SweepRecord("0123456789abcdef", name, "2026-01-02 03:04 UTC", trials, planned or len(trials)))


def test_the_interval_is_student_s():
    """Against a value worked out with a printed t table: t(0.975, 2) = 4.303."""
    summary = summarize([0.98, 0.99, 1.00])
    assert summary.mean == pytest.approx(0.99)
    assert summary.std == pytest.approx(0.01)
    assert summary.high - summary.mean == pytest.approx(4.3027 * 0.01 / math.sqrt(3), rel=1e-4)
    assert summary.mean - summary.low == pytest.approx(summary.high - summary.mean)


def test_no_interval_of_accuracies_goes_beyond_0_or_100_percent():
    """The one above ends at 101.5 %, and of two seeds at 10 and 20 % it would begin at -49 %."""
    assert summarize([0.98, 0.99, 1.00], proportions=True).high == 1
    low, high = astuple(summarize([0.10, 0.20], proportions=True))[-2:]
    assert (low, high) == (0, pytest.approx(0.15 + 12.706 * 0.05, rel=1e-4))


def test_one_value_has_no_spread():
    """And none is made up for it."""
    assert summarize([0.5]) == summarize([0.5]).__class__(1, 0.5, None, None, None)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_the_mean_lies_in_its_interval(values):
    """For any accuracies at all that differ by an image."""
    summary = summarize(values)
    if max(values) - min(values) > 1e-5:
        assert summary.low <= summary.mean <= summary.high
    elif max(values) == min(values):
        assert summary == Summary(len(values), summary.mean, 0.0, None, None)


def test_seeds_that_agree_have_no_interval():
    """Two seeds can get the same number of images right by chance."""
    rows = [trial(0.99, seed=seed, **{"opt.name": name}) for name in ("sgd", "adam") for seed in (1, 2)]
    markdown = to_markdown(table(*rows), full=True)
    assert "99.00 ± 0.00 |" in markdown
    assert "99.00 to 99.00" not in markdown
    assert "No interval, because seeds that agree to the last image show no spread: sgd." in markdown


def test_seeds_are_folded_and_the_best_variant_stands_first():
    """Two variants with two seeds each are two rows."""
    rows = table(
        trial(0.90, seed=2, **{"opt.name": "sgd"}),
        trial(0.92, seed=1, **{"opt.name": "sgd"}),
        trial(0.97, seed=1),
        trial(0.99, seed=2),
    ).rows
    assert [(row.variant, row.seeds) for row in rows] == [("adam", (1, 2)), ("sgd", (1, 2))]
    assert rows[0].test.mean == pytest.approx(0.98)


def test_a_row_has_the_means_over_its_seeds():
    """Validation accuracy with its spread, seconds, and the number of weights."""
    one, other = trial(0.9), trial(0.92, seed=2)
    one.metrics.update(val_accuracy=0.5, train_seconds=3.0)
    other.metrics.update(val_accuracy=0.7, train_seconds=5.0)
    (row,) = table(one, other).rows
    assert row.validation.mean == pytest.approx(0.6)
    assert row.validation.std == pytest.approx(0.1 * math.sqrt(2))
    assert (row.train_seconds, row.parameters) == (4.0, 1234)


def test_what_failed_stands_last_with_its_reason():
    """A variant is never dropped, and a part of one is never hidden."""
    rows = table(
        trial(status="failed", failure="ValueError: no", **{"opt.name": "sgd"}),
        trial(0.9, seed=1),
        trial(seed=2, status="failed", failure="Diverged: loss became nan in epoch 1"),
    ).rows
    assert [(row.variant, row.unfinished) for row in rows] == [
        ("adam", "1 failed: Diverged: loss became nan in epoch 1"),
        ("sgd", "failed: ValueError: no"),
    ]
    assert rows[0].seeds == (1,)
    assert rows[1].test is None


def test_what_is_not_in_the_table_is_said():
    """An interrupted sweep's table is not taken for a whole one; reused trials are said too."""
    notes = table(trial(0.9), trial(0.9, seed=2), planned=5).footnotes
    assert notes[0] == "3 of 5 trials are not in this table: they have no run in MLflow (yet)."
    reused = replace(trial(0.9, seed=2), tags={**TAGS, "reused_from": "x"})
    assert "1 of these trials was trained for an earlier sweep" in table(trial(0.9), reused).footnotes[0]


def test_two_data_sets_are_never_folded_into_one_row():
    """Equal settings on other images are another variant, whatever their files are called."""
    here, there = trial(0.9), trial(0.5)
    there.tags["dataset_sha256"] = "cd" * 32
    assert [row.test.n for row in table(here, there).rows] == [1, 1]


def test_a_confirmation_that_is_not_done_does_not_look_done():
    """Two of five fresh seeds; then all five."""
    search = SearchRecord("random", "fastest", 2, 1, "val_accuracy", ("opt.learning_rate",), 1, 5)
    suggested = trial(0.98)
    suggested = replace(suggested, tags={**suggested.tags, "suggestion": "0"})

    def told(fresh):
        trials = (suggested, *(trial(0.97 + seed / 1000, seed) for seed in range(2, 2 + fresh)))
        return dict(table_of(SweepRecord("0123456789abcdef", "x", "now", trials, 6, search)).heading)["Confirmed"]

    assert "over 2 of 5 fresh seeds; optimism gap" in told(2)
    assert "over 5 fresh seeds; optimism gap" in told(5)


def test_the_heading_is_three_lines():
    """The data and how it is split; what all rows share; where and with what they ran."""
    heading = dict(table(trial(0.9, seed=2), trial(0.9, seed=10), trial(0.9, seed=1)).heading)
    assert heading == {
        "Data": "mnist5k: 3,600 train; validation: a tenth of the training images",
        "Shared by all rows": "epochs: 12; seeds: 1, 2, 10; batch size: 128; float32; model=conv3, opt=adam",
        "Run": "a processor; CPU threads a trial: 1; keras 3.15.1; sweep 0123456789abcdef, 2026-01-02 03:04 UTC",
    }


def test_what_failed_is_said_below_the_compact_table():
    """And a row without any result says so in the place of a verdict."""
    text = to_markdown(
        table(
            trial(status="failed", failure="ValueError: no", **{"opt.name": "sgd"}),
            trial(0.9, seed=1),
            trial(seed=2, status="failed", failure="Diverged: loss became nan in epoch 1"),
        )
    )
    assert "Not finished: adam: 1 failed: Diverged: loss became nan in epoch 1; sgd: failed: ValueError: no." in text
    assert "| failed " in next(line for line in text.splitlines() if line.startswith("| sgd"))


def test_a_part_of_a_sweep_has_the_names_of_the_whole():
    """Two trials of four, of one model: what tells them from the other two stands in their names."""
    made = [
        replace(trial(0.9 + number / 100, **{"opt.name": opt}), tags={**TAGS, "variant": f"conv3 · {opt}"})
        for number, opt in enumerate(["adam", "sgd"])
    ]
    assert [row.variant for row in table(*made, planned=4).rows] == ["conv3 · sgd", "conv3 · adam"]
    assert [row.variant for row in table(*made).rows] == ["sgd", "adam"]


def test_equal_accuracies_always_stand_in_the_same_order():
    """The same sweep gives the same table, whichever trial ended first."""
    one, other = trial(0.9), trial(0.9, **{"opt.name": "sgd"})
    assert to_markdown(table(one, other)) == to_markdown(table(other, one))


def test_markdown_shows_spread_and_interval_only_where_there_are_seeds():
    """N = 1 prints no interval and says why."""
    single = to_markdown(table(trial(0.9)), full=True)
    several = to_markdown(table(trial(0.7), trial(0.71, seed=2)), full=True)
    assert "| 90.00 |" in " ".join(single.split())
    assert "95 % CI" not in single
    assert "one seed says nothing about the spread" in single
    assert "70.50 ± 0.71" in several
    assert "64.15 to 76.85" in several  # t(0.975, 1) = 12.706: 70.5 ± 12.706 · 0.7071 / √2


def header(text):
    line = next(line for line in text.splitlines() if line.startswith("|"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_compact_table_has_what_decides():
    """And the full one the rest; the number of seeds where rows differ in it."""
    rows = [trial(0.98 + 0.001 * seed, seed, **{"opt.name": opt}) for opt in ("sgd", "adam") for seed in (1, 2, 3)]
    compact = ["Variant", "Test accuracy, %", "Behind the best, points", "Verdict", "Parameters", "Seconds"]
    assert header(to_markdown(table(*rows))) == compact
    assert header(to_markdown(table(*rows[:-1]))) == ["Variant", "n", *compact[1:]]
    assert header(to_markdown(table(*rows), full=True)) == [
        *("Variant", "n", "Test accuracy, %", "95 % CI", "Behind the best, points", "Verdict"),
        *("Validation accuracy, %", "Parameters", "Seconds"),
    ]


def test_where_validation_is_the_test_set_one_column_has_it():
    rows = [trial(0.98 + 0.001 * seed, seed, **{"data.validation": "test"}) for seed in (1, 2)]
    assert "Validation accuracy, %" not in header(to_markdown(table(*rows), full=True))


HOSTILE = [
    "a|b",
    "a\nb",
    "<script>alert(1)</script>",
    "=1+1",
    "@x",
    "`x` [y](z) !",
    "a\\",
    "50 % & $x_1$ #2 {}~^",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", FORMATS)
def test_a_hostile_name_breaks_no_format(name, form):
    """Whatever a model is called, there is one row with it, in every format."""
    text = FORMATS[form](table(trial(0.9), trial(0.8, **{"model.name": name}), name=name))
    if form == "md":
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len(rows) == 4
        bars = [row.replace("\\\\", "").replace("\\|", "").count("|") for row in rows]
        assert len(set(bars)) == 1
    elif form == "html":
        assert "<script>" not in text
    elif form == "csv":
        cells = [row["variant"] for row in csv.DictReader(io.StringIO(text))]
        assert len(cells) == 2
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    elif form == "json":
        assert name in [row["variant"] for row in json.loads(text)["rows"]]
    else:
        assert text.count(r"\\") == 3  # the header and two rows


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", "a\\|b"),
        ("<b>", "\\<b>"),
        ("a\n b", "a b"),
        ("[x]!`&", "[x]\\!\\`\\&"),
        ("[32,32]: [x](y) [z][x] [x]: y", "[32,32\\]: [x\\](y) [z\\][x] [x\\]: y"),
        ("\\", "\\\\"),
        ("a_b _c_ d__e", "a_b \\_c\\_ d\\_\\_e"),
    ],
)
def test_markdown_is_escaped(text, escaped):
    """What would be markup is shown as it is."""
    assert markdown_text(text) == escaped


@given(st.text("[]()!<>:^\\`*_ ax\n", max_size=20))
def test_markdown_makes_no_link_of_any_text(text):
    """Read by a parser: what comes out is words."""
    found = {token.type for token in MarkdownIt("commonmark").parseInline(f"- {markdown_text(text)}")[0].children}
    assert found <= {"text", "text_special"}


@given(st.text())
def test_a_spreadsheet_never_sees_a_formula(text):
    """For any text at all."""
    assert not spreadsheet_text(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_latex_is_escaped():
    """What would be a command is shown as it is."""
    assert latex_text("50 % & a_b {c} \\x") == r"50 \% \& a\_b \{c\} \textbackslash{}x"


def test_json_has_every_number_unrounded():
    """What a program reads is not what a person reads."""
    read = json.loads(FORMATS["json"](table(trial(0.123456789))))
    assert read["rows"][0]["test"]["mean"] == 0.123456789
    assert read["rows"][0]["settings"] == SETTINGS


def test_a_sweep_without_trials_is_still_a_table():
    """Interrupted before anything began."""
    for form in FORMATS.values():
        assert form(table())
