"""Launchers that are not ours keep what does not depend on who starts a trial; see docs/launchers.md."""

import os
import signal

import psutil
import pytest
from support.commands import Shell
from support.stand_in_sweep import all_gone
from support.stores import small_data, store_of

from seedsweep.tracking.run_queries import find_sweep

# Their processes do not import the script that they were started from.
STAND_IN = "+hydra.callbacks.stand_in._target_=__main__.StandIn"


@pytest.fixture
def launched_by(sweep):
    """A function that makes a sweep of the stand-in with a launcher."""

    def make(launcher, seeds, *arguments, **settings):
        settings = {"epochs": 2, "EPOCH_SECONDS": 0.1, **settings}
        return sweep(seeds, f"hydra/launcher={launcher}", STAND_IN, *arguments, **settings)

    return make


@pytest.mark.parametrize("launcher", ["joblib", pytest.param("submitit_local", marks=pytest.mark.full)])
def test_a_failure_costs_itself_only_and_the_pool_takes_the_rest(launched_by, launcher):
    """To the pool they are the same trials of the same sweep, and it trains the one that is left."""
    trying = launched_by(launcher, [1, 2], faults={"2": ["raise", 1]})
    assert trying.run() == 1, trying.output
    assert "1 of 2 trials failed" in trying.output
    assert "1 failed: ValueError: on purpose" in trying.output
    trying.arguments = [text for text in trying.arguments if "launcher=" not in text] + ["hydra.launcher.workers=1"]
    assert trying.run() == 0, trying.output
    assert "plan: 1 cached, 1 to resume, 0 new" in trying.output
    trying.check_whole()


def test_an_interrupted_sweep_goes_on_in_its_directory(launched_by):
    """A start that goes on leaves no directory of its own, which launchers would make."""
    trying = launched_by("basic", [1, 2])
    with trying.started() as process:
        trying.wait_for(lambda: len(trying.lines("epoch")) >= 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130, trying.output
    assert trying.output.endswith(
        "interrupted: finished trials are in the table; run the same command again to resume\n"
    )
    assert trying.run() == 0, trying.output
    trying.check_whole()
    assert len(list(trying.directory.glob("multirun/*"))) == 1


def test_a_preempted_job_goes_on(launched_by):
    """Submitit's signal ends its process, which is begun again and goes on from its checkpoint."""
    trying = launched_by("submitit_local", [1], epochs=4, EPOCH_SECONDS=0.5)
    with trying.started() as process:
        trying.wait_for(lambda: len(trying.lines("epoch")) >= 2)
        os.kill(int(trying.lines("begin")[0][1]), signal.SIGUSR2)
        assert process.wait(60) == 0, trying.output
    trying.check_whole()
    assert len(trying.lines("begin")) == 2
    assert trying.repeated() <= 1


@pytest.mark.full
def test_a_terminated_sweep_takes_joblib_s_processes_along(launched_by):
    """Those that train at once; the one that cleans up after them goes by itself, and nobody complains."""
    trying = launched_by("joblib", [1, 2], epochs=100)
    with trying.started() as process:
        trying.wait_for(lambda: len(trying.lines("begin")) == 2)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143, trying.output
        assert all_gone(children, 3)
    assert trying.output.endswith("stopped at once; run the same command again to resume\n")


@pytest.mark.full
def test_a_search_takes_its_suggestions_in_batches(launched_by):
    """Those that the pool would try with one worker, which knows them all; then the winner with fresh seeds."""
    space = ["hydra/sweeper=tuner", "opt.learning_rate=tag(log,interval(1e-4,1))"]
    limits = ["hydra.sweeper.max_trials=3", "hydra.sweeper.confirm=2", "epochs=1"]
    trying = launched_by("joblib", [1], *space, *limits, EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    trials = find_sweep(store_of(trying.directory), None).trials
    assert sorted(trial.tags.get("suggestion", "winner") for trial in trials) == ["0", "1", "2", "winner", "winner"]
    assert {trial.status for trial in trials} == {"finished"}
    begun = trying.lines("begin")
    trying.arguments = [text for text in trying.arguments if "launcher=" not in text] + ["hydra.launcher.workers=1"]
    assert trying.run() == 0, trying.output
    assert trying.lines("begin") == begun


@pytest.mark.full
@pytest.mark.train
def test_every_launcher_trains_the_same_networks(tmp_path, starter):
    """The same identities, and the same weights to the last bit."""
    launchers = ["pool", "basic", "joblib", "submitit_local"]
    came = {}
    for launcher in launchers:
        directory = tmp_path / launcher
        directory.mkdir()
        shell = Shell(directory, starter=starter)
        small = [*small_data(directory), "model=conv1", "epochs=1", "pictures=false"]
        ended = shell.sweep("-m", f"hydra/launcher={launcher}", *small, "seed=1,2")
        assert ended.code == 0, ended.out + ended.err
        trials = find_sweep(store_of(directory), None).trials
        came[launcher] = {(trial.tags["trial_id"], trial.tags["weights_sha256"]) for trial in trials}
    assert len(came["pool"]) == 2
    assert [came[launcher] == came["pool"] for launcher in launchers] == [True] * len(launchers)
