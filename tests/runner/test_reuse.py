"""Work that was done is not done again, and what looks the same and is not is told apart."""

import signal

import numpy as np
import pytest
from omegaconf import OmegaConf
from support.stand_in_sweep import own_models
from support.stores import store_of

from seedsweep.config.run_config import register_resolvers
from seedsweep.errors import UserError
from seedsweep.runner.run_metadata import build_run_metadata, differences
from seedsweep.tracking.run_queries import find_sweep
from seedsweep.training.backend import Runtime

ONE = "hydra.launcher.workers=1"


def plans(sweep):
    """The plan lines of all starts so far."""
    return [line for line in sweep.output.splitlines() if line.startswith("plan: ")]


def trained(sweep):
    """The seeds of all trainings so far, in their order."""
    return [int(line[0]) for line in sweep.lines("begin")]


def test_a_finished_trial_is_never_trained_again(sweep):
    """Not by the same command, nor as part of another sweep, nor alone; `rerun=true` trains it."""
    first = sweep([1, 2], ONE, EPOCH_SECONDS=0)
    assert first.run() == 0, first.output
    before = find_sweep(store_of(first.directory), None)
    assert first.run() == 0, first.output
    more = sweep([2, 3], ONE, EPOCH_SECONDS=0)
    assert more.run() == 0, more.output
    assert plans(more) == [
        *(
            "plan: 0 cached, 0 to resume, 2 new",
            "plan: 2 cached, 0 to resume, 0 new",
            "plan: 1 cached, 0 to resume, 1 new",
        )
    ]
    store = store_of(first.directory)
    latest = {trial.settings["seed"]: trial for trial in find_sweep(store, None).trials}
    original = {trial.settings["seed"]: trial for trial in before.trials}
    # Linked to the run that was trained, not to another link, and equal to it in all that was measured.
    assert latest["2"].tags["reused_from"] == original["2"].run_id
    assert latest["2"].metrics == original["2"].metrics
    assert latest["2"].tags["weights_sha256"] == original["2"].tags["weights_sha256"]
    history = [point.step for point in store.client.get_metric_history(latest["2"].run_id, "loss")]
    assert history == [1, 2, 3, 4]
    assert "reused_from" not in latest["3"].tags
    assert "1 of these trials was trained for an earlier sweep" in more.output.replace("\n", " ")
    alone = sweep([2], EPOCH_SECONDS=0)
    alone.arguments.remove("-m")
    assert alone.run() == 0, alone.output
    assert "cached: mlp · adam · seed 2 was trained before, as run " + original["2"].run_id in alone.output
    assert trained(alone) == [1, 2, 3]
    again = sweep([2], ONE, "rerun=true", EPOCH_SECONDS=0)
    assert again.run() == 0, again.output
    assert trained(again) == [1, 2, 3, 2]
    assert plans(again)[-1] == "plan: 0 cached, 0 to resume, 1 new"


def test_only_other_seeds_make_another_look_at_the_same_rows(sweep):
    """Not one seed, which gives no verdict; nor the same command again, `rerun=true`, or the first table once more."""
    single = sweep([1], ONE, EPOCH_SECONDS=0)
    assert single.run() == 0, single.output
    first = sweep([1, 2], ONE, EPOCH_SECONDS=0)
    assert first.run() == 0, first.output
    store = store_of(first.directory)
    assert find_sweep(store, None).look == 1
    first.arguments.append("rerun=true")
    assert first.run() == 0, first.output
    assert find_sweep(store, None).look == 1
    before = find_sweep(store, None).run_id
    more = sweep([1, 2, 3], ONE, EPOCH_SECONDS=0)
    assert more.run() == 0, more.output
    assert find_sweep(store, None).look == 2
    assert find_sweep(store, before).look == 1
    other = sweep([1, 2, 3, 4], ONE, "epochs=2", EPOCH_SECONDS=0)
    assert other.run() == 0, other.output
    assert find_sweep(store, None).look == 1


@pytest.mark.full
def test_an_interrupted_rerun_goes_on_as_one(sweep):
    """The same command without `rerun=true` does not bring the old results back."""
    trying = sweep([1, 2, 3], ONE, EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    trying.environment["EPOCH_SECONDS"] = "0.2"
    trying.arguments.append("rerun=true")
    with trying.started() as parent:
        trying.wait_for(lambda: len(trying.lines("end")) == 4)
        trying.wait_for_epochs(2)
        parent.send_signal(signal.SIGINT)
        assert parent.wait(60) == 130, trying.output
    assert "run the same command without rerun=true again to resume" in trying.output.replace("\n", " ")
    trying.arguments.remove("rerun=true")
    assert trying.run() == 0, trying.output
    assert plans(trying)[-1] == "plan: 1 cached, 0 to resume, 2 new"
    trials = find_sweep(store_of(trying.directory), None).trials
    assert not any("reused_from" in trial.tags for trial in trials)
    assert sorted(trained(trying)) == [1, 1, 2, 2, 2, 3, 3]
    assert "after epoch" in trying.output  # its own checkpoint counts
    # What is reused from then on is the later result.
    assert trying.run() == 0, trying.output
    reused = {trial.tags["reused_from"] for trial in find_sweep(store_of(trying.directory), None).trials}
    assert reused == {trial.run_id for trial in trials}


def test_a_file_that_is_edited_while_a_sweep_runs_changes_none_of_its_trials(sweep):
    """What was planned is trained; the next command sees the other file."""
    trying = sweep([1, 2], ONE, "model=one,two", EPOCH_SECONDS=0.1)
    trying.arguments.remove("model=mlp")
    own_models(trying, one=[8], two=[16])
    with trying.started() as parent:
        trying.wait_for(lambda: trying.lines("epoch"))
        own_models(trying, one=[8], two=[4])
        assert parent.wait(60) == 0, trying.output

    def units():
        trials = find_sweep(store_of(trying.directory), None).trials
        return sorted({trial.settings["model.dense_units"] for trial in trials})

    assert units() == ["[16]", "[8]"]
    assert trying.run() == 0, trying.output
    assert plans(trying)[-1] == "plan: 2 cached, 0 to resume, 2 new"
    assert units() == ["[4]", "[8]"]


def test_a_trial_that_is_not_the_planned_one_is_not_trained(sweep):
    """Where another launcher reads the files once more."""
    trying = sweep([1], "hydra/launcher=basic", "model=one", EPOCH_SECONDS=0)
    trying.arguments.remove("model=mlp")
    own_models(trying, one=[8])
    trying.arguments += ["hydra.mode=RUN", "tracking.settings_id=of-another"]
    trying.arguments.remove("-m")
    assert trying.run() == 1, trying.output
    assert "a file of the configuration was changed after the sweep was planned" in trying.output
    assert trained(trying) == []


def test_twins_are_trained_once(sweep):
    """Two models that differ in their name only are one trial, and two rows."""
    trying = sweep([1], ONE, "model.name=left,right", EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    assert trained(trying) == [1]
    trials = find_sweep(store_of(trying.directory), None).trials
    assert sorted(trial.settings["model.name"] for trial in trials) == ["left", "right"]
    assert len({trial.tags["weights_sha256"] for trial in trials}) == 1
    assert plans(trying) == ["plan: 1 cached, 0 to resume, 1 new"]
    # What a worker imports before it trains is what its start costs.
    assert trying.lines("imported") == [["only"]]


def test_images_that_change_while_a_sweep_runs_are_not_taken_for_what_they_were(sweep):
    """The file is another one when the worker reads it; nothing stands under an identity that it does not have."""
    trying = sweep([1], ONE, "model.name=p,q", EPOCH_SECONDS=0)
    file = trying.directory / "small.npz"
    before = file.read_bytes()
    with np.load(file) as arrays:
        others = {name: array[::-1] if name.startswith("y") else array for name, array in arrays.items()}
    with trying.started() as parent:
        trying.wait_for(lambda: "plan: " in trying.output)
        np.savez(file, **others)
        assert parent.wait(60) == 1, trying.output
    assert "no result for q · seed 1: the images changed while the sweep ran" in trying.output
    (trial,) = find_sweep(store_of(trying.directory), None).trials
    changed = trial.tags["dataset_sha256"]
    file.write_bytes(before)
    assert trying.run() == 0, trying.output
    assert "resuming sweep" in trying.output
    trials = find_sweep(store_of(trying.directory), None).trials
    assert len(trials) == 2
    assert len({trial.tags["dataset_sha256"] for trial in trials} - {changed}) == 1
    assert len(trained(trying)) == 2


@pytest.mark.parametrize("override", ["stop=median", "model.name=other"])
def test_a_sweep_is_identified_by_its_trials_their_names_and_their_pruning(compose, override):
    """The trial is the same one, but a resumed sweep would have one row for two variants."""

    def metadata(*overrides):
        return build_run_metadata(compose(*overrides).trial, "v", Runtime("CPU", {}), 0, {"dataset_sha256": "s"})

    one, other = metadata(), metadata(override)
    assert one.trial_id == other.trial_id
    assert one.identity != other.identity
    assert one.identity == metadata("stop=none").identity


def test_the_plan_says_why_a_trial_that_looks_the_same_is_not_reused(sweep):
    """Other images under the same name, another thread count, another environment of the libraries."""
    first = sweep([1], ONE, EPOCH_SECONDS=0)
    assert first.run() == 0, first.output
    first.arguments.append("threads=2")
    first.environment["TF_ENABLE_ONEDNN_OPTS"] = "0"
    assert first.run() == 0, first.output
    told = "not cached (1 trial): trained with threads=1 (now 2), with TF_ENABLE_ONEDNN_OPTS unset (now 0)"
    assert told in first.output
    with np.load(first.directory / "small.npz") as arrays:
        np.savez(first.directory / "small.npz", x_train=arrays["x_train"] // 2, y_train=arrays["y_train"])
    assert first.run() == 0, first.output
    assert "not cached (1 trial): trained on a different dataset" in first.output
    assert trained(first) == [1, 1, 1]


def test_what_differs_is_named(compose):
    """Device and releases; what does not change a result is left out."""
    trial = compose("model=mlp").trial

    def metadata(device, **versions):
        return build_run_metadata(trial, "v", Runtime(device, versions), 0, {"dataset_sha256": "s"})

    now = metadata("GPU B", keras="3.15", numpy="2.4")
    before = metadata("GPU A", keras="3.14", numpy="2.4")
    tags = {**before.tags, "versions": before.tags["versions"].replace("seedsweep 0", "seedsweep 9")}
    assert differences(tags, "1", now) == ["on GPU A (now GPU B)", "with keras 3.14 (now 3.15)"]
    assert differences(now.tags, "1", now) == []


def test_starts_in_the_same_second_have_names_of_their_own():
    """Fifty, drawn faster than the clock moves."""
    register_resolvers()
    names = set()
    for _ in range(50):
        config = OmegaConf.create({"hydra": {"dir": "${unique_start:}"}})
        names.add(config.hydra.dir)
    assert len(names) == 50


@pytest.mark.full
def test_max_failures_ends_a_sweep_early(sweep):
    """The rest is not started, and says so; the same command starts it."""
    trying = sweep(
        range(1, 7),
        ONE,
        "max_failures=2",
        "hydra.sweeper.max_batch_size=2",
        faults={s: ["raise", 1] for s in (1, 2)},
        EPOCH_SECONDS=0.1,
    )
    assert trying.run() == 1, trying.output
    assert trained(trying) == [1, 2]
    assert "no more trials are started: max_failures=2 trials have failed" in trying.output
    assert trying.output.strip().endswith("error: 2 of 6 trials failed, 4 were not started")
    assert trying.run() == 0, trying.output
    assert plans(trying)[-1] == "plan: 0 cached, 2 to resume, 4 new"
    trying.check_whole()


def test_an_early_end_tells_each_trial_s_own_story(sweep):
    """A worker that dies while the sweep ends is not tried again, and its failure is not another's."""
    faults = {1: ["kill", 9], 2: ["raise", 9]}
    trying = sweep([1, 2, 3], "hydra.launcher.workers=2", "max_failures=1", faults=faults, EPOCH_SECONDS=0.6)
    assert trying.run() == 1, trying.output
    told = {
        trial.settings["seed"]: trial.tags["failure"] for trial in find_sweep(store_of(trying.directory), None).trials
    }
    assert "killed by SIGKILL" in told["1"]
    assert "ValueError: on purpose" in told["2"]
    assert trying.output.strip().endswith("error: 2 of 3 trials failed, 1 were not started")


@pytest.mark.full
def test_who_starts_a_sweep_that_is_at_work_is_told_so(sweep):
    """Both come to their end; what neither of them had finished when the other began is trained twice."""
    trying = sweep([1, 2], ONE, EPOCH_SECONDS=0.5)
    with trying.started() as first:
        trying.wait_for_epochs()
        assert "this sweep is already running" not in trying.output
        assert trying.run() == 0, trying.output
        assert first.wait(60) == 0, trying.output
    assert trying.output.count("this sweep is already running in ") == 1
    assert trying.run() == 0
    assert plans(trying)[-1] == "plan: 2 cached, 0 to resume, 0 new"
    assert trying.output.count("this sweep is already running in ") == 1


def test_two_different_sweeps_in_one_directory(sweep):
    """What the first left there is not taken for the second's."""
    settings = {"EPOCH_SECONDS": 0.1, "faults": {1: ["raise", 9], 5: ["raise", 9]}}
    for seeds in ([1, 2], [5, 6]):
        trying = sweep(seeds, ONE, "hydra.sweep.dir=here", **settings)
        assert trying.run() == 1, trying.output
        store = store_of(trying.directory)
        trials = find_sweep(store, None).trials
        assert sorted((trial.settings["seed"], trial.status) for trial in trials) == [
            *((str(seeds[0]), "failed"), (str(seeds[1]), "finished"))
        ]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("rerun=maybe", "rerun must be one of false, missing, true"),
        ("checkpoint_every=0", "checkpoint_every must be a whole number ≥ 1"),
        ("timeout=-1", "timeout must be a finite number > 0"),
        ("retries=-1", "retries must be a whole number ≥ 0"),
        ("max_failures=0", "max_failures must be a whole number ≥ 1"),
    ],
)
def test_settings_of_execution_are_checked(compose, override, said):
    """By name, with what is allowed."""
    with pytest.raises(UserError, match=said):
        compose(override)
