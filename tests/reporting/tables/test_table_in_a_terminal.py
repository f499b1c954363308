"""The table in a terminal of any width."""

import re

import pytest
from rich.cells import cell_len
from test_table_comparisons import ADAM, GRID, answers, seeds, sweep_of, table

from seedsweep.reporting.tables.builder import table_of
from seedsweep.reporting.tables.terminal import to_terminal

MADE = table_of(sweep_of(GRID), answers)


def plain(text):
    """Without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize(
    ("width", "header"),
    [
        (120, "Variant Test accuracy, % Behind the best, points Verdict Parameters Seconds"),
        (90, "Variant Test accuracy, % Behind the best, points Verdict Parameters"),
        (80, "Variant Test accuracy, % Behind the best, points Verdict"),
        (50, "Variant Test accuracy, % Verdict"),
    ],
)
def test_columns_are_left_out_until_the_rest_fits(width, header):
    """The least important first; no number and no verdict is broken."""
    lines = plain(to_terminal(MADE, width=width)).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert header in [" ".join(line.split()) for line in lines]
    assert sum(bool(re.match(r"conv[34] · (adam|sgd) +9\d\.00 ± 1\.00 ", line)) for line in lines) == 4
    assert sum(line.rstrip().endswith(("worse", "best", "not told apart")) for line in lines) >= 4 * (width < 90)


def test_a_long_name_is_broken_between_its_words():
    tags = {"row": "k", "row_title": "k: a network with dropout and batch normalization", "reported": "99"}
    lines = plain(to_terminal(table(*seeds(ADAM, tags)), width=60)).splitlines()
    assert any(line.startswith("k: a network") and "98.00 ± 1.00" in line for line in lines)
    assert max(map(cell_len, lines)) <= 60


def test_a_verdict_has_a_colour_and_a_word():
    assert "\x1b[31mworse" in to_terminal(MADE, width=80)
    assert "\x1b[1;32mbest" in to_terminal(MADE, width=80)


def test_the_heading_the_effects_and_the_explanation_come_when_asked_for():
    short, long = (plain(to_terminal(MADE, width=200, explain=explain)) for explain in (False, True))
    for text in ("Shared by all rows: ", "opt: sgd → adam", "± is the standard deviation over seeds."):
        assert (text in short, text in long) == (False, True)
    assert MADE.verdict in short


def test_a_sweep_without_trials_is_shown():
    assert plain(to_terminal(table(), width=80)) == "\n"
