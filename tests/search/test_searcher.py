"""KerasTuner's algorithms, asked and told: equal seeds and records give equal searches, and nothing hangs.

The process of KerasTuner takes seconds to start, so most tests share one.
"""

import contextlib
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict

import psutil
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from seedsweep.errors import SearchFailed, UserError
from seedsweep.search.oracle_client import KerasTunerProcess
from seedsweep.search.protocol import Dimension, NoSuggestion, Result
from seedsweep.search.search_space import Axis, read_space
from seedsweep.search.searcher import ALGORITHMS, Search, Suggestion


def axes(*texts):
    return read_space(OverridesParser.create().parse_overrides(list(texts))).axes


EIGHT = axes("opt=sgd,adam", "depth=range(1,5)")
RATE = axes("rate=tag(log,interval(1e-4,1))")
MIXED = axes("rate=tag(log,interval(1e-4,1))", "opt=sgd,adam,rmsprop")
BUDGETS = {"random": {"max_trials": 30}, "bayesian": {"max_trials": 30}, "hyperband": {"epochs": 9}}


@pytest.fixture(scope="module")
def process():
    with KerasTunerProcess() as process:
        yield process


@pytest.fixture(scope="module")
def other():
    """A process that hashes texts otherwise."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "4711"
    with KerasTunerProcess() as process:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
        yield process


def score(suggestion):
    """Best at a rate of 0.01; better with more epochs."""
    return 0.9 - 0.1 * abs(math.log10(float(suggestion.values["rate"])) + 2) + 0.001 * (suggestion.epochs or 0)


def walk(search, steps, in_flight=3):
    """Ask and tell with several trials in flight, the last one told first, every fifth failed; return the record."""
    record, waiting = [], []
    for _ in range(steps):
        suggestion = search.ask()
        if isinstance(suggestion, Suggestion):
            record.append(suggestion)
            waiting.append(suggestion)
        if waiting and (len(waiting) == in_flight or suggestion is NoSuggestion.WAIT):
            told = waiting.pop()
            record.append(Result(told.number, None if told.number % 5 == 4 else score(told)))
            search.tell(told.number, record[-1].score)
    return record


@pytest.mark.parametrize(("algorithm", "seeds"), [("random", 8), ("bayesian", 4)])
def test_a_small_space_is_tried_once_and_wholly(process, algorithm, seeds):
    """All 8 of 8, none twice, however few are left to find; then the search is done, and stays so."""
    for seed in range(seeds):
        search = Search(process, EIGHT, algorithm, seed=seed, max_trials=20, maximize=True)
        tried = []
        for number in range(8):
            suggestion = search.ask()
            assert suggestion.number == number
            tried.append(tuple(suggestion.values.values()))
            search.tell(number, float(suggestion.values["depth"]))
        assert len(set(tried)) == 8
        assert [search.ask(), search.ask()] == [NoSuggestion.DONE] * 2


def test_no_more_trials_than_the_budget(process):
    """Told or not."""
    search = Search(process, MIXED, "random", seed=1, max_trials=2, maximize=True)
    assert [suggestion.number for suggestion in (search.ask(), search.ask())] == [0, 1]
    assert search.ask() is NoSuggestion.DONE


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_is_its_seed_and_what_it_was_told(process, other, algorithm):
    """The same in another process; and one that was given half of the record goes on the same way."""
    first = Search(process, MIXED, algorithm, seed=3, maximize=True, **BUDGETS[algorithm])
    again = Search(other, MIXED, algorithm, seed=3, maximize=True, **BUDGETS[algorithm])
    record = walk(first, 40)
    assert walk(again, 40) == record
    half = len(record) * 2 // 3
    resumed = Search(other, MIXED, algorithm, seed=3, maximize=True, **BUDGETS[algorithm])
    # Of a suggestion, a record needs the number and the values.
    bare = [event if isinstance(event, Result) else Suggestion(event.number, event.values) for event in record[:half]]
    assert resumed.replay(bare) == [event for event in record[:half] if isinstance(event, Suggestion)]
    for event in record[half:]:
        if isinstance(event, Result):
            resumed.tell(event.number, event.score)
        else:
            assert resumed.ask() == event


def test_another_seed_is_another_search(process):
    """Neighbouring seeds share no trial, seed 0 is a seed, and the smaller score may be the better one."""
    tried = []
    for seed in (0, 1, 2):
        search = Search(process, RATE, "random", seed=seed, max_trials=5, maximize=False)
        tried += [search.ask().values["rate"] for _ in range(5)]
    assert len(set(tried)) == 15


def test_minimizing_is_maximizing_upside_down(process):
    """The Bayesian search of the negative score is the same search."""
    up = Search(process, RATE, "bayesian", seed=5, max_trials=9, maximize=True)
    down = Search(process, RATE, "bayesian", seed=5, max_trials=9, maximize=False)
    assert (up.num_initial_points, up.rungs) == (3, ())
    for number in range(6):
        suggestion = up.ask()
        assert down.ask() == suggestion
        up.tell(number, score(suggestion))
        down.tell(number, -score(suggestion))
    # From the fourth on the model chooses, and it has seen where the best rate lies.
    assert abs(math.log10(float(suggestion.values["rate"])) + 2) < 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_failures_stop_no_search(process, algorithm):
    """Ten in a row, by None, NaN and infinity; none is tried again."""
    search = Search(process, RATE, algorithm, seed=1, maximize=True, **BUDGETS[algorithm])
    tried = set()
    for number, failed in zip(range(10), itertools.cycle([None, math.nan, math.inf]), strict=False):
        suggestion = search.ask()
        tried.add(suggestion.values["rate"])
        search.tell(number, failed)
    assert len(tried) == 10
    assert search.ask().number == 10


def test_only_what_is_in_flight_can_be_told(process):
    """Not what was never suggested, and nothing twice; the search goes on."""
    search = Search(process, RATE, "random", seed=1, max_trials=5, maximize=True)
    search.ask()
    search.ask()
    search.tell(1, 0.5)
    for number in (1, 2):
        with pytest.raises(ValueError, match=f"trial {number} is not in flight"):
            search.tell(number, 0.5)
    assert search.ask().number == 2


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ([Suggestion(0, {"rate": "0.5"})], "another search's"),
        ([Suggestion(0, {"rate": "2.0"})], "trial 0 had {'rate': '2.0'}"),
        ([Suggestion(0, {"depth": "1"})], "trial 0 had {'depth': '1'}"),
    ],
)
def test_the_record_of_another_search_is_refused(process, record, words):
    """Its values are not proposed, out of bounds, or of other settings; then nothing can be asked."""
    search = Search(process, RATE, "random", seed=1, max_trials=5, maximize=True)
    with pytest.raises(SearchFailed, match=words):
        search.replay(record)
    with pytest.raises((SearchFailed, ValueError)):
        search.replay(record)


def hyperband(process, epochs, factor, in_flight):
    """Run a whole Hyperband search; return the suggestions, and the trials in flight at each pause."""
    search = Search(process, RATE, "hyperband", seed=2, maximize=True, epochs=epochs, factor=factor)
    suggestions, waiting, pauses = [], [], []
    while (suggestion := search.ask()) is not NoSuggestion.DONE:
        if suggestion is NoSuggestion.WAIT:
            pauses.append(len(waiting))
        else:
            suggestions.append(suggestion)
            waiting.append(suggestion)
        if len(waiting) == in_flight or suggestion is NoSuggestion.WAIT:
            told = waiting.pop(0)
            search.tell(told.number, score(told))
    return search, suggestions, pauses


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize(
    ("epochs", "factor", "rungs"),
    [
        # (bracket, rung, trials, epochs). Brackets end with about 3, 3/2 and 3/3 trials of full length, where
        # 3 = 1 + log(epochs)/log(factor); each rung below has `factor` times as many, for as much less.
        (9, 3, [(2, 0, 9, 1), (2, 1, 3, 3), (2, 2, 1, 9), (1, 0, 5, 3), (1, 1, 2, 9), (0, 0, 3, 9)]),
        (4, 2, [(2, 0, 4, 1), (2, 1, 2, 2), (2, 2, 1, 4), (1, 0, 3, 2), (1, 1, 2, 4), (0, 0, 3, 4)]),
    ],
)
def test_hyperband_climbs_its_rungs(process, epochs, factor, rungs, in_flight):
    """As many trials for as many epochs as worked out by hand; the best of each rung go on with the same values."""
    search, suggestions, pauses = hyperband(process, epochs, factor, in_flight)
    assert [(rung.bracket, rung.rung, rung.trials, rung.epochs) for rung in search.rungs] == rungs
    climbed = Counter((trial.bracket, trial.rung, trial.epochs) for trial in suggestions)
    assert climbed == {(bracket, rung, length): count for bracket, rung, count, length in rungs}
    assert search.most_trials == len(suggestions)
    on = defaultdict(list)
    for trial in suggestions:
        if trial.rung == 0:
            assert trial.continues is None
            continue
        before = suggestions[trial.continues]
        assert (before.values, before.bracket, before.rung) == (trial.values, trial.bracket, trial.rung - 1)
        on[trial.bracket, trial.rung].append(score(before))
    for (bracket, rung), scores in on.items():
        below = [score(trial) for trial in suggestions if (trial.bracket, trial.rung) == (bracket, rung - 1)]
        assert sorted(scores) == sorted(below)[-len(scores) :]
    assert (pauses == []) == (in_flight == 1)


def test_hyperband_waits_for_results(process):
    """All first rungs, 9 + 5 + 3, can begin at once; then there is nothing until enough of one were told."""
    search = Search(process, RATE, "hyperband", seed=2, maximize=True, epochs=9)
    begun = [search.ask() for _ in range(17)]
    assert [search.ask(), search.ask()] == [NoSuggestion.WAIT] * 2
    for trial in begun[:6]:
        search.tell(trial.number, score(trial))
    assert search.ask() is NoSuggestion.WAIT  # the best of six could still be the fourth of nine
    search.tell(6, 1.0)
    assert (search.ask().continues, search.ask()) == (6, NoSuggestion.WAIT)


def test_hyperband_gives_up_a_rung_that_failed(process):
    """Without results nobody goes on; the other brackets follow, and the search ends."""
    search = Search(process, RATE, "hyperband", seed=2, maximize=True, epochs=9)
    for number in range(9 + 5 + 3):
        assert search.ask().rung == 0
        search.tell(number, None)
    assert search.ask() is NoSuggestion.DONE


@pytest.mark.parametrize("failing", [1, 2, 3, 7])
def test_who_fails_takes_no_place_from_who_does_not(process, failing):
    """Those that failed count among the six of nine that are thrown out; the best of the others go on."""
    search = Search(process, RATE, "hyperband", seed=2, maximize=True, epochs=9)
    asked = []
    while isinstance(suggestion := search.ask(), Suggestion):
        asked.append(suggestion)
        fails = suggestion.number < failing
        search.tell(suggestion.number, None if fails else score(suggestion))
    climbed = Counter((trial.bracket, trial.rung) for trial in asked)
    assert climbed[2, 1] == min(3, 9 - failing)
    # Of three on a rung two are thrown out; where there are but two, who is missing counts as thrown out as well.
    assert climbed[2, 2] == 1
    assert all(trial.continues is None or trial.continues >= failing for trial in asked)


def test_the_model_learns_where_trials_fail(process):
    """Rates above 0.1 diverge and the best lies near them: few of the suggestions are spent there."""
    for seed in (1, 2):
        search = Search(process, RATE, "bayesian", seed=seed, max_trials=24, maximize=True)
        failed = 0
        for number in range(24):
            rate = math.log10(float(search.ask().values["rate"]))
            failed += rate > -1
            search.tell(number, None if rate > -1 else 0.98 - 0.02 * (rate + 1.5) ** 2)
        assert failed <= 8


@pytest.mark.parametrize(
    ("arguments", "what", "where"),
    [
        ({"algorithm": "bayesan"}, "must be one of random, bayesian, hyperband, got 'bayesan'", "algorithm"),
        ({"seed": -1}, "must be a whole number ≥ 0, got -1", "seed"),
        ({"max_trials": 0}, "must be a whole number ≥ 1, got 0", "max_trials"),
        ({"max_trials": None}, "must be a whole number ≥ 1, got null", "max_trials"),
        ({"epochs": 9}, "random trains every trial as long as the others", "epochs"),
        ({"algorithm": "hyperband", "epochs": 2}, "epochs must be a whole number ≥ 3, got 2", "epochs"),
        ({"algorithm": "hyperband", "epochs": 9, "factor": 1}, "must be a whole number ≥ 2, got 1", "factor"),
        ({"algorithm": "hyperband", "epochs": 9}, "begins with 9 different trials, and the space has 8", "algorithm"),
    ],
)
def test_settings_that_make_no_search_are_refused(process, arguments, what, where):
    """By the name of the setting, before anything is asked."""
    chosen = {"algorithm": "random", "seed": 1, "max_trials": 5, "maximize": True} | arguments
    with pytest.raises(UserError) as refused:
        Search(process, EIGHT, **chosen)
    assert what in refused.value.what
    assert refused.value.where.removeprefix("hydra.sweeper.") == where


def test_logarithmic_axes_are_uniform_in_the_logarithm(process):
    """The greatest distance from the uniform distribution, of 400 draws, is what chance allows in 99 of 100 cases."""
    search = Search(process, RATE, "random", seed=1, max_trials=400, maximize=True)
    drawn = sorted(1 + math.log10(float(search.ask().values["rate"])) / 4 for _ in range(400))
    distance = max(abs(value - (place + 0.5) / 400) for place, value in enumerate(drawn))
    assert distance < 1.63 / math.sqrt(400)


def test_axes_have_their_ends_and_nothing_beyond(process):
    """Whole numbers from end to end, the values of a range, and no others."""
    space = axes("n=int(interval(1,9))", "w=tag(log,int(interval(1,9)))", "r=range(0,1,0.25)", "d=interval(-1,1)")
    search = Search(process, space, "random", seed=1, max_trials=200, maximize=True)
    drawn = [search.ask().values for _ in range(200)]
    assert {values["n"] for values in drawn} == {values["w"] for values in drawn} == set("123456789")
    assert {values["r"] for values in drawn} == {"0.0", "0.25", "0.5", "0.75"}
    assert all(-1 <= float(values["d"]) <= 1 for values in drawn)
    assert Counter(values["w"] for values in drawn)["1"] > 40  # log 2 / log 10 of 200, where 1/9 would be 22


@pytest.mark.parametrize("in_flight", [1, 3])
def test_the_model_repeats_nothing_and_stays_inside(process, in_flight):
    """Where the best is a corner, which it comes back to; the upper end of `w` is one more in KerasTuner's own."""
    space = axes("w=tag(log,int(interval(1,50)))", "rate=tag(log,interval(1e-4,1))", "opt=sgd,adam")
    for names in (space[:1], space):
        search = Search(process, names, "bayesian", seed=1, max_trials=30, maximize=True)
        tried, waiting = [], []
        for _ in range(25):
            suggestion = search.ask()
            waiting.append(suggestion)
            tried.append(suggestion.values)
            if len(waiting) == in_flight:
                told = waiting.pop(0)
                search.tell(told.number, int(told.values["w"]) / 50 + float(told.values.get("rate", 0)))
        assert len({tuple(values.values()) for values in tried}) == 25
        assert max(int(values["w"]) for values in tried) == 50
        assert min(int(values["w"]) for values in tried) >= 1
        assert all(1e-4 <= float(values.get("rate", 1)) <= 1 for values in tried)


def test_a_tried_value_is_followed_by_the_next_best(process):
    """Whole numbers around the best, before any that the model knows to be bad."""
    search = Search(process, axes("n=int(interval(1,40))"), "bayesian", seed=1, max_trials=30, maximize=True)
    tried = []
    for number in range(16):
        tried.append(int(search.ask().values["n"]))
        search.tell(number, -((tried[-1] - 13) ** 2))
    assert all(abs(n - 13) <= 6 for n in tried[-8:])


def test_what_keras_tuner_raises_is_told_with_its_traceback(process):
    """As an error of ours; the search is over, and the process serves others."""
    broken = [Axis("rate", Dimension(1.0, 0.5, whole=False))]
    with pytest.raises(SearchFailed, match=r"(?s)Traceback.*min_value 1.0 is greater than the max_value"):
        Search(process, broken, "random", seed=1, max_trials=5, maximize=True)
    search = Search(process, RATE, "random", seed=1, max_trials=5, maximize=True)
    search.request("ask")
    with pytest.raises(SearchFailed, match=r"(?s)Traceback.*IndexError"):
        search.request("tell", Result(9, 0.5))
    with pytest.raises(SearchFailed, match="has failed before"):
        search.ask()


def test_the_process_does_not_hear_ctrl_c(process):
    """Which reaches every process of the terminal; the parent decides what to do."""
    os.kill(process.pid, signal.SIGINT)
    assert Search(process, RATE, "random", seed=1, max_trials=5, maximize=True).ask().number == 0


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_process_that_does_not_answer_is_ended():
    """After the time that an answer may take, which is told; and nothing more can be asked."""
    with KerasTunerProcess(timeout=0.01) as process:
        pid = process.pid
        for words in (r"did not answer within 0\.01 s", "was ended"):
            with pytest.raises(SearchFailed, match=words):
                Search(process, RATE, "random", seed=1, max_trials=5, maximize=True)
        assert gone(pid)


def test_a_process_that_was_killed_is_an_error():
    """Not a wait for nothing."""
    with KerasTunerProcess() as process:
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(SearchFailed, match="was killed by SIGKILL"):
            Search(process, RATE, "random", seed=1, max_trials=5, maximize=True)


def test_the_process_ends_with_its_block():
    """However the block ends."""
    process = KerasTunerProcess()
    pids = []
    with contextlib.suppress(KeyError), process:
        pids.append(process.pid)
        raise KeyError
    assert gone(pids[0])
    assert process.pid is None


PARENT = """
import json, sys, time
from seedsweep.search.oracle_client import KerasTunerProcess
from seedsweep.search.searcher import Search
from seedsweep.search.search_space import Axis
from seedsweep.search.protocol import Dimension

if __name__ == "__main__":
    with KerasTunerProcess() as idle, KerasTunerProcess() as busy:
        axis = Axis("rate", Dimension(0.0, 1.0, whole=False))
        Search(idle, [axis], "random", seed=1, max_trials=5, maximize=True).ask()
        busy._connection.send(("begin", 0, ()))  # and it imports TensorFlow
        heavy = {"keras", "keras_tuner", "tensorflow", "sklearn", "numpy"} & set(sys.modules)
        print(json.dumps([sorted(heavy), idle.pid, busy.pid]), flush=True)
        time.sleep(60)
"""


def test_the_parent_imports_nothing_heavy_and_takes_its_processes_along(tmp_path):
    """While one of them waits, and one is busy, the parent is killed; nothing was printed."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as parent:
        heavy, *pids = json.loads(parent.stdout.readline())
        assert heavy == []
        assert not any(gone(pid) for pid in pids)
        parent.kill()
        deadline = time.monotonic() + 20
        while not all(gone(pid) for pid in pids):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert parent.stderr.read() == ""
    assert list(tmp_path.iterdir()) == [script]
