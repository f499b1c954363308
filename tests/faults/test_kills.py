"""Real signals on real processes, and what is left afterwards.

`pytest tests/faults --full -n0` tries each fault as often as `docs/reliability.md` says; without `--full` less often.
"""

import os
import random
import signal
import time

import pytest
from support.stand_in_sweep import all_gone, expected_weights, workers_of
from support.starting import Cold
from support.stores import store_of

TWO = "hydra.launcher.workers=2"


def test_kill_9_a_worker_in_mid_epoch(sweep, full, tally):
    """The trial goes on from its last whole epoch in a new process."""
    kills = 20 if full else 2
    trying = sweep(range(1, 11 if full else 4), TWO, f"retries={kills}")
    with trying.started() as parent:
        for _ in range(kills):
            trying.wait_for_epochs()
            time.sleep(random.uniform(0, 0.5))
            if workers := workers_of(parent):
                random.choice(workers).kill()
        code = parent.wait(300)
    assert code == 0, trying.output
    trying.check_whole()
    assert trying.repeated() <= kills
    tally("kill -9 a worker in mid-epoch", kills, kills)


@pytest.mark.timeout(1800)
def test_kill_9_the_parent_and_resume(sweep, starter, full, tally):
    """Nothing is retrained, lost or doubled; at most one epoch of each running trial is repeated; no orphans."""
    kills = 20 if full else 2
    # Cold, because some of the moments lie in the imports.
    trying = sweep(range(1, 3 * kills + 3), TWO, where="fresh", starter=Cold())
    for _ in range(kills):
        with trying.started() as parent:
            # From the first imports to the middle of training.
            time.sleep(random.uniform(0.5, 7))
            workers = workers_of(parent)
            assert parent.poll() is None, trying.output
            parent.kill()
            parent.wait()
            assert all_gone(workers, 3)
    trying.starter = starter
    assert trying.run() == 0, trying.output
    trying.check_whole()
    assert trying.repeated() <= 2 * kills
    assert trying.trained_after_end() == set()
    tally("kill -9 the parent at a random moment, resume", kills, kills)


@pytest.mark.timeout(1800)
def test_stopping(sweep, full, tally):
    """Ctrl-C once, twice, SIGTERM: out in time, nothing left running, no run left open; the same command goes on."""
    tries = 5 if full else 1
    ways = {
        "Ctrl-C": ([signal.SIGINT], 130, 30),
        "Ctrl-C twice": ([signal.SIGINT, signal.SIGINT], 130, 3),
        "SIGTERM": ([signal.SIGTERM], 143, 3),
    }
    trying = sweep(range(1, 9 * tries + 1), TWO)
    for way, (signals, code, seconds) in ways.items():
        longest = 0.0
        for _ in range(tries):
            shown = trying.output.count("\ntable: ")
            with trying.started() as parent:
                trying.wait_for_epochs(2)
                workers = workers_of(parent)
                for number in signals:
                    os.killpg(parent.pid, number)
                    began = time.monotonic()
                    time.sleep(0.1)
                assert parent.wait(seconds + 5) == code, trying.output
                longest = max(longest, time.monotonic() - began)
                assert all_gone(workers, 0.5)
            sweeps, trials = trying.runs()
            assert {run.info.status for run in sweeps} == {"KILLED"}
            assert {run.info.status for run in trials} <= {"KILLED", "FINISHED"}
            assert way != "Ctrl-C" or trying.output.count("\ntable: ") == shown + 1
        assert longest < seconds
        tally(way, tries, tries, longest)
    assert trying.run() == 0, trying.output
    trying.check_whole()
    assert trying.trained_after_end() == set()
    assert trying.repeated() <= 2 * 3 * tries


def test_a_trial_alone(sweep, tally):
    """Killed, interrupted, ended by SIGTERM: one run in the end, with every epoch once."""
    trying = sweep([7], epochs=8, EPOCH_SECONDS=0.4)
    trying.arguments.remove("-m")
    for number, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with trying.started() as parent:
            trying.wait_for_epochs(2)
            parent.send_signal(number)
            assert parent.wait(10) == code, trying.output
    assert trying.run() == 0, trying.output
    _, (run,) = trying.runs()
    store = store_of(trying.directory)
    assert [p.step for p in store.client.get_metric_history(run.info.run_id, "loss")] == list(range(1, 9))
    assert (run.info.status, run.data.tags["attempts"]) == ("FINISHED", "4")
    assert run.data.tags["weights_sha256"] == expected_weights(7, 8)
    assert trying.repeated() <= 3
    tally("a trial by itself: kill -9, Ctrl-C, SIGTERM", 3, 3)


def test_a_hang_is_ended_by_its_timeout(sweep, full, tally):
    """Also one that ignores SIGTERM; the slot is used again within 5 s."""
    hangs = 10 if full else 2
    kinds = ["hang", "hang hard"]
    faults = {seed: [kinds[seed % 2], 9] for seed in range(1, hangs + 1)}
    trying = sweep(range(1, hangs + 3), TWO, "timeout=12", faults=faults)
    assert trying.run() == 1, trying.output
    _, trials = trying.runs()
    ended = {int(run.data.params["seed"]): run for run in trials}
    statuses = [ended[seed].info.status for seed in sorted(ended)]
    assert statuses == ["FAILED"] * hangs + ["FINISHED"] * 2
    assert trying.output.count("TimedOut: took longer than timeout=12 s") >= hangs
    # From the moment that its time was up to that in which the next trial took the slot.
    waits = sorted(float(line[2]) for line in trying.lines("begin"))[2:]
    ends = sorted(float(line[2]) + 12 for line in trying.lines("begin"))[: len(waits)]
    longest = max(wait - end for wait, end in zip(waits, ends, strict=True))
    # Beside other tests on the same two cores, a process takes longer to start than it should be asked to.
    assert longest < (5 if full else 15)
    tally("hang, also ignoring SIGTERM: timeout, slot used again", hangs, hangs, longest)


@pytest.mark.full
def test_each_kind_of_crash_costs_itself_only(sweep, tally):
    """FAILED with its reason, the traceback on the screen; a death is tried again, an exception is not."""
    kinds = ["raise", "exit", "kill", "segfault", "leave", "memory", "nan", "inf", "-inf"]
    # Those that die do so once and finish at the second try; one dies every time.
    faults = {seed: [how, 1] for seed, how in enumerate(kinds, start=1)} | {10: ["kill", 9]}
    trying = sweep(range(1, 12), TWO, faults=faults, EPOCH_SECONDS=0.2)
    assert trying.run() == 1, trying.output
    _, trials = trying.runs()
    ended = dict(sorted((int(run.data.params["seed"]), run) for run in trials))
    expected = {
        1: ("FAILED", 1, "ValueError: on purpose"),
        2: ("FAILED", 1, "SystemExit: 3"),
        **dict.fromkeys((3, 4, 5, 6), ("FINISHED", 2, "")),
        7: ("FAILED", 1, "Diverged: loss became nan in epoch 2"),
        8: ("FAILED", 1, "Diverged: loss became inf in epoch 2"),
        9: ("FAILED", 1, "Diverged: loss became -inf in epoch 2"),
        10: ("FAILED", 2, "WorkerDied: the worker process was killed by SIGKILL, perhaps for lack of memory"),
        11: ("FINISHED", 1, ""),
    }
    tags = {seed: run.data.tags for seed, run in ended.items()}
    assert expected == {
        seed: (run.info.status, int(tags[seed]["attempts"]), tags[seed].get("failure", ""))
        for seed, run in ended.items()
    }
    assert {seed for seed in tags if "diverged_at_epoch" in tags[seed]} == {7, 8, 9}
    said = ["killed by SIGKILL", "killed by SIGSEGV", "ended by itself with exit code 0", "MemoryError"]
    for again in said:
        assert f"{again}" in trying.output
    assert 'raise ValueError("on purpose")' in trying.output
    assert "6 of 11 trials failed" in trying.output
    # The same command: what failed is tried again, what diverged is known.
    trying.environment["FAULTS"] = "{}"
    assert trying.run() == 1, trying.output
    assert "plan: 8 cached, 3 to resume, 0 new" in trying.output
    _, trials = trying.runs()
    assert sorted(run.info.status for run in trials) == ["FAILED"] * 3 + ["FINISHED"] * 8
    tally("each of nine kinds of crash", 9, 9)


@pytest.mark.timeout(1800)
def test_many_trials_with_crashes(sweep, full, tally):
    """5 % of the trials die once, in four ways; all finish, at little more than the time of a clean sweep."""
    if not full:
        pytest.skip("needs minutes: --full")
    count = 200
    kinds = ["kill", "segfault", "leave", "memory"]
    unlucky = random.sample(range(1, count + 1), count // 20)
    faults = {seed: [kinds[number % 4], 1] for number, seed in enumerate(unlucky)}
    took = []
    for where, wanted in (("clean", {}), ("faulty", faults)):
        arguments = ["hydra.launcher.workers=4", "retries=2"]
        trying = sweep(range(1, count + 1), *arguments, where=where, faults=wanted)
        began = time.monotonic()
        assert trying.run(900) == 0, trying.output
        took.append(time.monotonic() - began)
        trying.check_whole()
    tally(f"{count} trials of 2 s, 5 % crash once: {took[1] / took[0]:.2f} × the clean time", count, count, took[1])
    assert took[1] < 1.15 * took[0], took
