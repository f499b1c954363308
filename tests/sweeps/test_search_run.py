"""Searches from the command line, with the stand-in for the network: everything else is real."""

import json
import signal
import sqlite3
import time
from contextlib import closing

import pytest
from support.stand_in_sweep import all_gone, own_models, workers_of
from support.stores import store_of

from seedsweep.reporting.tables.search_ranking import ranking_of
from seedsweep.tracking.run_queries import find_sweep
from seedsweep.tracking.tags import DIVERGED_TAG

RATE = "opt.learning_rate=tag(log,interval(1e-5,1))"
TWO = "hydra.launcher.workers=2"


@pytest.fixture
def search(sweep):
    """A function that makes a search of the stand-in over its learning rate."""

    def make(algorithm, *arguments, where=".", **environment):
        made = [f"hydra.sweeper.algorithm={algorithm}", "hydra/sweeper=tuner", TWO, RATE, *arguments]
        return sweep([1], *made, where=where, **{"EPOCH_SECONDS": 0.05, **environment})

    return make


def suggested(trying):
    """The trials of the latest search by the number of their suggestion, and those that confirm its winner."""
    trials = find_sweep(store_of(trying.directory), None).trials
    ranked = {int(trial.tags["suggestion"]): trial for trial in trials if "suggestion" in trial.tags}
    return dict(sorted(ranked.items())), [trial for trial in trials if "suggestion" not in trial.tags]


def curve(trying):
    """The best score so far of the latest search, by step."""
    store = store_of(trying.directory)
    found = store.client.get_metric_history(find_sweep(store, None).run_id, "best_val_accuracy")
    return sorted((point.step, point.value) for point in found)


def rates(trying):
    """The learning rate of each suggestion."""
    return {number: trial.settings["opt.learning_rate"] for number, trial in suggested(trying)[0].items()}


@pytest.mark.full
def test_a_search_confirms_its_winner(search, shell):
    """Not one of its trials sees the test images but those with fresh seeds; the gap stands in the table."""
    trying = search("random", "hydra.sweeper.max_trials=6", "hydra.sweeper.confirm=2")
    assert trying.run() == 0, trying.output
    ranked, fresh = suggested(trying)
    assert list(ranked) == list(range(6))
    assert not any("test_accuracy" in trial.metrics for trial in ranked.values())
    winner = max(ranked.values(), key=lambda trial: trial.metrics["val_accuracy"])
    number, rate = winner.tags["suggestion"], float(winner.settings["opt.learning_rate"])
    assert [trial.settings["seed"] for trial in fresh] == ["2", "3"]
    assert {trial.tags["variant"] for trial in fresh} == {f"winner #{number} learning_rate={rate:.3g}"}
    assert {trial.settings["opt.learning_rate"] for trial in fresh} == {winner.settings["opt.learning_rate"]}
    assert all("test_accuracy" in trial.metrics for trial in fresh)
    told = json.loads(shell.seedsweep("table", "--format", "json").out)
    assert told["ranking"]["rows"][0]["suggestion"] == int(winner.tags["suggestion"])
    assert told["ranking"]["gap"] == pytest.approx(0)  # the stand-in is as good with any seed
    assert [row["seeds"] for row in told["rows"]] == [[2, 3]]
    assert told["rows"][0]["variant"] == f"winner #{number} learning_rate={rate:.3g}"
    assert "seed: 1, the winner's seeds: 2, 3;" in trying.output
    assert "winner: #" in trying.output
    assert "optimism gap" in shell.seedsweep("table").out
    lines = shell.seedsweep("table", "--format", "csv").out.splitlines()
    fresh_seeds = "confirmed_n,confirmed_seeds,confirmed_test_accuracy_mean,confirmed_test_accuracy_std"
    names = f"suggestion,opt.learning_rate,val_accuracy,epochs,bracket,rung,status,note,{fresh_seeds}"
    assert lines[0].startswith(names)
    assert len(lines) == 7
    assert ",2,2 3," in lines[1]  # the winner stands first
    assert all(line.endswith(",,,,,,") for line in lines[2:])
    scores = [ranked[number].metrics["val_accuracy"] for number in range(6)]
    assert curve(trying) == [(step, max(scores[:step])) for step in range(1, 7)]
    # The same command again: another search with the same suggestions, of which nothing is trained.
    before = trying.lines("begin")
    assert trying.run() == 0, trying.output
    assert trying.lines("begin") == before
    # A grid wants to know how the winner does on the test images, and trains it once more.
    trying.arguments = [text for text in trying.arguments if not text.startswith(("hydra/sweeper", "hydra.sweeper"))]
    trying.arguments[trying.arguments.index(RATE)] = f"opt.learning_rate={winner.settings['opt.learning_rate']}"
    assert trying.run() == 0, trying.output
    assert len(trying.lines("begin")) == len(before) + 1


@pytest.mark.full
def test_a_search_goes_on_while_its_store_is_away(search):
    """What the store may know of a suggestion's earlier runs is not waited for; all is told when it is back."""
    trying = search("random", "hydra.sweeper.max_trials=6", "hydra.sweeper.confirm=0", EPOCH_SECONDS=0.1)
    with trying.started() as parent, closing(sqlite3.connect(trying.directory / "mlflow.db", timeout=30)) as database:
        trying.wait_for(lambda: len(trying.lines("end")) >= 2)
        database.execute("ALTER TABLE runs RENAME TO away")
        begun = len(trying.lines("begin"))
        trying.wait_for(lambda: len(trying.lines("begin")) >= begun + 2)
        database.execute("ALTER TABLE away RENAME TO runs")
        assert parent.wait(120) == 0, trying.output
    assert [trial.status for trial in suggested(trying)[0].values()] == ["finished"] * 6
    assert len(trying.lines("begin")) == 6


@pytest.mark.parametrize(
    ("algorithm", "order"),
    [("bayesian", "reproducible"), ("hyperband", "fastest")],
)
@pytest.mark.full
def test_a_killed_search_goes_on(search, algorithm, order):
    """No epoch twice; in the reproducible order with the suggestions of a search that nobody disturbed.

    Also with fewer slots, as free memory may have it: it goes on as it was begun.
    """
    told = ["hydra.sweeper.max_trials=9", "hydra.sweeper.confirm=0", f"hydra.sweeper.order={order}"]
    trying = search(algorithm, *told, EPOCH_SECONDS=0.3)
    with trying.started() as parent:
        trying.wait_for(lambda: trying.lines("end") and curve(trying))  # it grows while the search goes on
        trying.wait_for(lambda: len(trying.lines("end")) >= 5)
        workers = workers_of(parent)
        parent.kill()
        parent.wait()
        assert all_gone(workers, 3)
    time.sleep(0.2)
    trying.arguments[trying.arguments.index(TWO)] = "hydra.launcher.workers=1"
    assert trying.run() == 0, trying.output
    assert "resuming sweep" in trying.output
    assert "replayed: " in trying.output
    assert f"order: {order}" in trying.output
    assert "with 2 slots" in trying.output
    assert len(trying.lines("end")) == 9
    assert list(rates(trying)) == list(range(9))
    assert [step for step, _ in curve(trying)] == list(range(1, 10))
    epochs = trained_epochs(suggested(trying)[0])
    assert epochs <= len(trying.lines("epoch")) <= epochs + 2  # one again for each slot, at most
    if order == "reproducible":
        peaceful = search("bayesian", *told, where="peace")
        assert peaceful.run() == 0, peaceful.output
        assert rates(peaceful) == rates(trying)


def interrupted(trying, ended):
    """Ctrl-C, as soon as that many trials have ended."""
    before = len(trying.lines("end"))
    with trying.started() as parent:
        trying.wait_for(lambda: len(trying.lines("end")) >= before + ended)
        parent.send_signal(signal.SIGINT)
        assert parent.wait(60) == 130, trying.output


@pytest.mark.full
def test_a_search_does_not_go_on_over_other_networks(search):
    """A file was edited meanwhile: what its trials came to is another network's."""
    trying = search(
        "random", "model=one,two", "hydra.sweeper.max_trials=5", "hydra.sweeper.confirm=0", EPOCH_SECONDS=0.1
    )
    trying.arguments.remove("model=mlp")
    own_models(trying, one=[8], two=[16])
    interrupted(trying, 2)
    own_models(trying, one=[8], two=[4])
    assert trying.run() == 0, trying.output
    assert "resuming sweep" not in trying.output
    units = {
        trial.settings["model.name"]: trial.settings["model.dense_units"] for trial in suggested(trying)[0].values()
    }
    assert units == {"one": "[8]", "two": "[4]"}


@pytest.mark.parametrize(("first", "second"), [("median", "patience"), ("none", "median")])
def test_the_winner_is_confirmed_by_its_own_rule(search, first, second):
    """The weights of its best epoch are kept where they were; nobody is stopped by the others."""
    told = [f"stop={first},{second}", "hydra.sweeper.max_trials=4", "hydra.sweeper.confirm=1"]
    trying = search("random", *told, "hydra.sweeper.seed=4")
    assert trying.run() == 0, trying.output
    ranked, (fresh,) = suggested(trying)
    winner = max(ranked.values(), key=lambda trial: trial.metrics["val_accuracy"])
    assert winner.settings["stop.name"] == second  # for the sake of this test; it depends on the seed
    assert fresh.settings["stop.name"] == {"median": "none"}.get(second, second)


@pytest.mark.full
def test_who_was_stopped_in_a_search_is_stopped_in_the_same_one(search):
    """Typed again, a search that has ended trains nothing, and comes to the same."""
    told = ["stop=median", "stop.warmup=1", "hydra.sweeper.max_trials=8", "hydra.sweeper.confirm=1"]
    trying = search("random", *told)
    assert trying.run() == 0, trying.output
    first = suggested(trying)[0]
    statuses = [trial.status for trial in first.values()]
    assert "stopped" in statuses  # for the sake of this test; it depends on the seed
    before = trying.lines("epoch")

    assert trying.run() == 0, trying.output

    again = suggested(trying)[0]
    assert trying.lines("epoch") == before
    assert [trial.status for trial in again.values()] == statuses
    scores = [[trial.metrics["val_accuracy"] for trial in search.values()] for search in (first, again)]
    assert scores[0] == scores[1]


def test_a_search_without_room_for_its_record_ends_in_one_line(search):
    """What is under way ends and is kept."""
    trying = search("random", "hydra.sweeper.max_trials=6", "hydra.sweeper.confirm=0", EPOCH_SECONDS=0.2)
    with trying.started() as parent:
        trying.wait_for(lambda: len(trying.lines("end")) >= 1)
        (record,) = trying.directory.glob("multirun/*/search-*.jsonl")
        record.unlink()
        record.mkdir()  # which nobody can append to
        assert parent.wait(60) == 1, trying.output
    assert "Traceback" not in trying.output
    assert trying.output.strip().splitlines()[-2].startswith("error: cannot write to ")
    assert "run the same command again to resume" in trying.output
    assert len(trying.lines("end")) == len(trying.lines("begin"))


def test_trials_that_fail_do_not_end_a_search(search):
    """Divergence is an answer, a crash is a failure; both are told, and the rest is searched."""
    worst = {"DIVERGES_ABOVE": 0.1, "CRASHES_BELOW": 1e-3}
    trying = search("random", "hydra.sweeper.max_trials=10", "hydra.sweeper.confirm=1", **worst)
    assert trying.run() == 1, trying.output
    ranked, (fresh,) = suggested(trying)
    kinds = {number: float(trial.settings["opt.learning_rate"]) for number, trial in ranked.items()}
    diverged = {number for number, rate in kinds.items() if rate > 0.1}
    crashed = {number for number, rate in kinds.items() if rate < 1e-3}
    assert min(len(diverged), len(crashed)) > 0
    assert {number for number, trial in ranked.items() if DIVERGED_TAG in trial.tags} == diverged
    assert {number for number, trial in ranked.items() if trial.status == "failed"} == diverged | crashed
    assert trying.output.strip().endswith(f"error: {len(crashed)} of 11 trials failed")
    assert fresh.status == "finished"


def test_hyperband_goes_on_where_it_stopped(search):
    """A promoted trial trains the epochs that it has not had; the tags say whose it goes on with."""
    trying = search("hyperband", "hydra.sweeper.confirm=0", "epochs=9", "hydra.sweeper.factor=3")
    assert trying.run() == 0, trying.output
    ranked, _ = suggested(trying)
    goes_on = {number: int(trial.tags["continues"]) for number, trial in ranked.items() if "continues" in trial.tags}
    assert goes_on
    for number, before in goes_on.items():
        assert int(ranked[number].tags["rung"]) == int(ranked[before].tags["rung"]) + 1
        assert ranked[number].settings["opt.learning_rate"] == ranked[before].settings["opt.learning_rate"]
    assert len(trying.lines("epoch")) == trained_epochs(ranked)
    best = max(ranked.values(), key=lambda trial: (int(trial.settings["epochs"]), trial.metrics["val_accuracy"]))
    assert f"winner: #{best.tags['suggestion']} " in trying.output
    assert not list(trying.directory.glob("multirun/*/*/checkpoint.bin"))


@pytest.mark.full
def test_two_searches_may_use_one_directory(search):
    """What the first suggested is not taken for the second's; and a winner is confirmed as it was trained."""
    told = ["hydra.sweeper.max_trials=5", "hydra.sweeper.confirm=1", "epochs=9", "hydra.sweep.dir=here"]
    for seed in (1, 2):
        trying = search("hyperband", *told, f"hydra.sweeper.seed={seed}")
        assert trying.run() == 0, trying.output
        ranked, (fresh,) = suggested(trying)
        assert list(ranked) == list(range(5))
        # Five trials do not fill the first rung, whose trials are trained for one epoch.
        assert {trial.settings["epochs"] for trial in (*ranked.values(), fresh)} == {"1"}


@pytest.mark.full
def test_the_epochs_of_a_search_that_varies_them_do_not_rank_its_trials(search):
    """The winner that the table names is the one that was confirmed."""
    trying = search("random", "hydra.sweeper.max_trials=6", "hydra.sweeper.confirm=1", "epochs=1,2,6")
    assert trying.run() == 0, trying.output
    ranked, (fresh,) = suggested(trying)
    ranking = ranking_of(find_sweep(store_of(trying.directory), None))
    best = max(ranked.values(), key=lambda trial: trial.metrics["val_accuracy"])
    assert ranking.winner.suggestion == int(best.tags["suggestion"])
    for key in ("opt.learning_rate", "epochs"):
        assert fresh.settings[key] == best.settings[key]


def trained_epochs(ranked):
    """How many epochs the trials of a search need, if none is trained twice."""
    epochs = {number: int(trial.settings["epochs"]) for number, trial in ranked.items()}
    before = [int(trial.tags["continues"]) for trial in ranked.values() if "continues" in trial.tags]
    return sum(epochs.values()) - sum(epochs[number] for number in before)


SEARCH = ["-m", "hydra/sweeper=tuner", "model=mlp"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["opt=sgd"], "nothing to search"),
        (["opt=sgd,adam", "hydra.sweeper.algorithm=forest"], "hydra.sweeper.algorithm must be one of"),
        (["opt=sgd,adam", "hydra.sweeper.order=quick"], "hydra.sweeper.order must be one of"),
        (["opt=sgd,adam", "hydra.sweeper.confirm=-1"], "hydra.sweeper.confirm must be a whole number ≥ 0"),
        (["opt=sgd,adam", "hydra.sweeper.max_trials=0"], "hydra.sweeper.max_trials must be a whole number ≥ 1"),
        (["opt=sgd,adam", "seed=1,2"], "a search trains each suggestion with one seed"),
        (["opt=sgd,adam", "objective=test_accuracy"], "would choose what the test images happen to favour"),
        (["reg=l1,l2", "objective=val_loss"], "val_loss is not one thing in all trials of a search over reg"),
        (["opt=sgd,adam", "data.validation=test"], "would choose what the test images happen to favour"),
        (["opt=sgd,adam", "objective=val_acuracy"], "fix: objective=val_accuracy"),
        (["model.conv_dropout=interval(0,1)"], "model.conv_dropout must be"),
        (["threads=1,2"], "all trials of a sweep must have the same threads"),
        (["data.validation=holdout,test"], "would choose what the test images happen to favour"),
        (["objective=val_loss,val_accuracy"], "objective is no setting of a trial"),
        (["++seed=1,2"], "a search trains each suggestion with one seed"),
        (["hydra.sweeper.algorithm=hyperband", "epochs=3,9"], "hyperband decides the epochs itself"),
        (["hydra.sweeper.algorithm=hyperband", "stop=patience", "opt=sgd,adam"], "hyperband stops trials by itself"),
        (["opt=sgd,adam", "hydra.sweep.subdir=x"], "2 trials would write to 'x'"),
        (
            ["hydra.sweeper.algorithm=hyperband", "epochs=9", "opt.warmup=1", RATE],
            "opt.warmup must be less than the 1 epochs",
        ),
        (
            ["hydra.sweeper.algorithm=hyperband", "hydra.sweeper.factor=2", "epochs=2", "opt.warmup=0,1.5", RATE],
            "opt.warmup must be less than the 1 epochs",
        ),
        (["opt=sgd,adam", "seed=4294967295"], "the winner is confirmed with the 5 seeds after seed=4294967295"),
    ],
)
def test_a_search_that_cannot_be_is_refused_before_anything_trains(shell, arguments, said):
    """With what was received and what to type."""
    ended = shell.sweep(*SEARCH, *arguments)
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert said in ended.err
    assert "fix: " in ended.err
    assert list(shell.directory.iterdir()) == []
