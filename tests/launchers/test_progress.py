"""What a launch says of its progress, and when."""

import logging

import pytest

from seedsweep.launchers import progress as screens
from seedsweep.launchers.log_relay import ScreenHandler
from seedsweep.launchers.progress import ProgressDisplay
from seedsweep.launchers.time_left import EtaEstimator, about

# What Rich writes before it prints anew: to the line's start, clear it, up, clear it.
CLEARED = "\r\x1b[2K\x1b[1A\x1b[2K"


def test_the_rest_takes_as_long_as_the_same_work_did():
    """Four jobs of ten epochs, two at once, ten seconds an epoch; two minutes of imports first, which are no work."""
    pace = EtaEstimator(4, now=0)
    assert pace.left(0) is None
    pace.started(0)
    pace.started(1)
    for job in (0, 1):
        pace.epoch(job, 1, 10, now=130)
    assert pace.left(130) is None  # nothing is known yet
    for job in (0, 1):
        pace.epoch(job, 2, 10, now=140)
    assert pace.left(140) == pytest.approx(180)
    assert pace.left(145) == pytest.approx(175)  # it counts down between two epochs
    assert pace.left(1000) == 0
    for job in (0, 1):
        pace.epoch(job, 10, 10, now=220)
        pace.ended(job, now=220)
    assert pace.left(220) == pytest.approx(100)
    for job in (2, 3):
        pace.started(job)
        pace.epoch(job, 1, 10, now=230)
    assert pace.left(230) == pytest.approx(90)


def test_what_a_checkpoint_held_was_not_done_here():
    """A trial after epoch 7 of 10; a second one starts from nothing."""
    pace = EtaEstimator(2, now=0)
    pace.started(0)
    pace.epoch(0, 8, 10, now=30)
    pace.epoch(0, 9, 10, now=40)
    assert pace.left(40) == pytest.approx(110)
    pace.epoch(0, 10, 10, now=50)
    pace.ended(0, now=50)
    assert pace.left(50) == pytest.approx(100)


def test_a_second_try_is_work_again():
    """What was done before a process was lost counts no more, but for the epochs that a checkpoint kept."""
    pace = EtaEstimator(10, now=0)
    pace.started(0)
    pace.epoch(0, 1, 100, now=50)
    pace.epoch(0, 2, 100, now=51)
    pace.ended(0, now=52)
    pace.again()
    pace.started(0)
    pace.epoch(0, 3, 100, now=60)
    assert pace.left(60) > 900


def test_jobs_that_tell_of_no_epochs_are_counted_whole():
    pace = EtaEstimator(3, now=0)
    for job in range(2):
        pace.started(job)
        pace.ended(job, now=10 * (job + 1))
    assert pace.left(20) == pytest.approx(10)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "10 s"), (14, "10 s"), (89, "90 s"), (90, "2 min"), (2040, "34 min"), (5399, "90 min"), (5400, "1.5 h")],
)
def test_a_time_is_told_as_exactly_as_it_is_known(seconds, words):
    assert about(seconds) == f"about {words}"


def epoch(job, done, total):
    record = logging.LogRecord("x", logging.INFO, "", 0, "", (), None)
    record.seedsweep_epoch = (job, done, total)
    return record


def test_without_a_terminal_progress_is_told_once_a_minute(monkeypatch, capsys):
    """And only when there is something new to tell."""
    clock = [0.0]
    monkeypatch.setattr(screens.time, "monotonic", lambda: clock[0])
    with ProgressDisplay(3) as screen:
        screen.started(0, "first", "core 0")
        for second, done in ((30, 1), (61, 2), (90, 3), (125, 4)):
            clock[0] = second
            screen.show(epoch(0, done, 5))
        clock[0] = 300
        screen.ended(0)  # nothing runs, so nothing is said
        screen.started(1, "second", "core 0")
        screen.show(epoch(1, 1, 5))
    assert capsys.readouterr().out.splitlines() == [
        "started  first  on core 0",
        "so far   0 of 3 trials, 1 running, about 7 min left",
        "so far   0 of 3 trials, 1 running, about 6 min left",
        "started  second  on core 0",
        "so far   1 of 3 trials, 1 running, about 8 min left",
    ]


def test_what_every_worker_says_is_said_once(capsys):
    """And anything else as often as it is said."""
    screen = ProgressDisplay(2)
    for once in (True, True, False, False):
        record = logging.LogRecord("x", logging.WARNING, "x", 1, "no diagram" if once else "again", (), None)
        record.seedsweep_once = once
        screen.show(record)
    assert capsys.readouterr().out.split("\n") == ["no diagram", "again", "again", ""]


def test_what_the_parent_logs_stands_above_the_bars(capfd, monkeypatch):
    """And does not push a bar out of its place, where it would stay."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    log = logging.getLogger("a parent")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = ScreenHandler()
    log.addHandler(handler)
    with ProgressDisplay(2) as screen:
        screen.started(0, "first", "core 0")
        log.info("the winner is known")
        screen.ended(0)
    log.removeHandler(handler)
    out = capfd.readouterr().out
    before, _, after = out.partition("the winner is known")
    assert before.endswith(CLEARED)
    assert after.startswith("\n")
