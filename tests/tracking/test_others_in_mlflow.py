"""What users do in MLflow beside our own runs: they add, rename and delete, and nothing of it decides a table."""

import signal
import sqlite3
from contextlib import closing

import mlflow
import pytest
from support.commands import Shell
from support.stores import store_of

from seedsweep.tracking.run_queries import find_sweep

ONE = "hydra.launcher.workers=1"


def add_everything(store, sweep):
    """A user's own params, metrics, tags and runs, wherever MLflow lets them be."""
    client = store.client
    for trial in sweep.trials[:1]:
        client.log_param(trial.run_id, "reviewer", "ann")
        client.log_metric(trial.run_id, "f1", 0.5)
        client.set_tag(trial.run_id, "note", "look again")
        client.set_tag(trial.run_id, "mlflow.user", "ann")
        client.log_text(trial.run_id, "hello", "notes.txt")
    client.log_param(sweep.run_id, "reviewer", "ann")
    client.log_metric(sweep.run_id, "cost", 3.5)
    for tags in (
        {"mlflow.parentRunId": sweep.run_id},
        {"mlflow.parentRunId": sweep.run_id, "job": "nightly"},
        {"mlflow.parentRunId": sweep.trials[0].run_id},
        {"sweep_name": "my own sweep"},
        {"trial_id": "7", "job": "3"},
        {"plan_id": "x"},
        {},
    ):
        run = client.create_run(store.experiment_id, tags=tags)
        client.log_param(run.info.run_id, "lr", "0.1")
        client.log_metric(run.info.run_id, "test_accuracy", 1.0)
        if "plan_id" not in tags:
            client.set_terminated(run.info.run_id)


def without_heading(table):
    """A table without the line that says which sweep it is of, and when it ran."""
    return [line for line in table.splitlines() if not line.startswith("- Run: ")]


def test_a_table_is_the_same_whatever_users_add(sweep):
    """Also where it is made anew from linked trials."""
    trying = sweep([1, 2], ONE, "opt.learning_rate=0.01,0.02", EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    shell = Shell(trying.directory)
    before = shell.seedsweep("table").out
    store = store_of(trying.directory)
    add_everything(store, find_sweep(store, None))
    assert shell.seedsweep("table").out == before
    assert trying.run() == 0, trying.output
    assert "plan: 4 cached, 0 to resume, 0 new" in trying.output
    after = [line for line in without_heading(shell.seedsweep("table").out) if "for an earlier sweep" not in line]
    assert [line for line in after if line] == [line for line in without_heading(before) if line]
    linked = {key for trial in find_sweep(store, None).trials for key in store.client.get_run(trial.run_id).data.tags}
    assert "note" not in linked


def test_an_interrupted_sweep_resumes_beside_runs_of_others(sweep):
    """A child run of a user's own is none of its trials."""
    trying = sweep([1, 2], ONE)
    trying.environment["EPOCH_SECONDS"] = "0.2"
    with trying.started() as parent:
        trying.wait_for(lambda: len(trying.lines("end")) == 1)
        trying.wait_for_epochs(2)
        parent.send_signal(signal.SIGINT)
        assert parent.wait(60) == 130, trying.output
    store = store_of(trying.directory)
    add_everything(store, find_sweep(store, None))
    assert trying.run() == 0, trying.output
    assert "resuming sweep" in trying.output
    assert "plan: 1 cached, 1 to resume, 0 new" in trying.output
    assert len(find_sweep(store, None).trials) == 2


def test_a_run_without_its_name_is_read_by_its_id(sweep):
    """A user removed the tag `sweep_name`."""
    trying = sweep([1], ONE, EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    store = store_of(trying.directory)
    run_id = find_sweep(store, None).run_id
    store.client.delete_tag(run_id, "sweep_name")
    from seedsweep.tracking.run_queries import read_sweep

    assert read_sweep(store, run_id).name == store.client.get_run(run_id).info.run_name


def delete_experiment(directory):
    store = store_of(directory)
    store.client.delete_experiment(store.experiment_id)


@pytest.mark.parametrize("arguments", [["-m"], []])
def test_a_deleted_experiment_is_said_before_anything_trains(sweep, arguments):
    """For a sweep, a single trial and a table; the command that is given restores it."""
    trying = sweep([1], EPOCH_SECONDS=0)
    trying.arguments = [*arguments, *trying.arguments[1:]]
    delete_experiment(trying.directory)
    assert trying.run() == 2, trying.output
    fix = "fix: mlflow experiments restore --experiment-id 1"
    assert trying.output.strip().splitlines()[-2:] == [
        "error: the experiment 'seedsweep' was deleted in MLflow (tracking.experiment)",
        fix,
    ]
    assert trying.lines("begin") == []
    assert not (trying.directory / "multirun").exists()
    table = Shell(trying.directory).seedsweep("table")
    assert (table.code, "mlflow experiments restore --experiment-id 1" in table.err) == (2, True), table.err
    mlflow.MlflowClient(f"sqlite:///{trying.directory}/mlflow.db").restore_experiment("1")
    assert trying.run() == 0, trying.output


@pytest.mark.parametrize("arguments", [["-m"], []])
def test_a_trial_that_was_not_recorded_never_ends_with_0(sweep, arguments):
    """The experiment is deleted while it trains; when it is restored, the same command delivers what was kept."""
    trying = sweep([1], EPOCH_SECONDS=0.3)
    trying.arguments = [*arguments, *trying.arguments[1:]]
    with trying.started() as parent:
        trying.wait_for(lambda: trying.runs()[1])
        delete_experiment(trying.directory)
        assert parent.wait(60) == 1, trying.output
    assert "Traceback" not in trying.output
    error, fix = trying.output.strip().splitlines()[-2:]
    assert "the experiment 'seedsweep' was deleted in MLflow; what was trained is kept in" in error
    assert fix.startswith("fix: mlflow experiments restore --experiment-id 1")
    mlflow.MlflowClient(f"sqlite:///{trying.directory}/mlflow.db").restore_experiment("1")
    assert trying.run() == 0, trying.output
    (trial,) = find_sweep(store_of(trying.directory), None).trials
    assert trial.status == "finished"
    assert [line[0] for line in trying.lines("begin")] == ["1"], trying.output


def test_runs_that_are_deleted_while_they_train_are_no_success(sweep):
    """A trial's run, or the sweep's own."""
    trying = sweep([1, 2], ONE, EPOCH_SECONDS=0.3)
    with trying.started() as parent:
        trying.wait_for_epochs(2)
        store = store_of(trying.directory)
        trying.wait_for(lambda: trying.runs()[1])
        (running,) = trying.runs()[1]
        store.client.delete_run(running.info.run_id)
        assert parent.wait(60) == 1, trying.output
    assert "1 of 2 trials failed" in trying.output
    assert "were deleted in MLflow" in trying.output.replace("was deleted", "were deleted")
    other = sweep([3], ONE, EPOCH_SECONDS=0.3)
    with other.started() as parent:
        other.wait_for_epochs(2)
        store.client.delete_run(find_sweep(store, None).run_id)
        assert parent.wait(60) == 1, other.output
    assert "Traceback" not in other.output
    assert "refuses the sweep's run" in other.output
    assert "mlflow runs restore --run-id" in other.output


@pytest.mark.full
def test_a_search_whose_trial_was_not_recorded_does_not_end_with_0(sweep):
    """The run of a trial that confirms its winner is deleted while it trains."""
    search = ["hydra/sweeper=tuner", "hydra.sweeper.algorithm=random", "hydra.sweeper.max_trials=1"]
    trying = sweep([1], *search, "hydra.sweeper.confirm=1", "opt.learning_rate=0.01,0.02", ONE, EPOCH_SECONDS=0.4)
    with trying.started() as parent:
        trying.wait_for(lambda: len(trying.runs()[1]) == 2)
        (running,) = [run for run in trying.runs()[1] if run.info.status == "RUNNING"]
        store_of(trying.directory).client.delete_run(running.info.run_id)
        assert parent.wait(60) == 1, trying.output
    assert "1 trials are not recorded" in trying.output


@pytest.mark.full
def test_a_database_that_is_locked_is_not_called_a_refusal(sweep):
    """Another process holds it for longer than a sweep waits."""
    trying = sweep([1, 2], ONE, EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    trying.arguments.append("rerun=true")
    trying.environment["EPOCH_SECONDS"] = "0.5"
    with trying.started() as parent:
        trying.wait_for_epochs(1)
        with closing(sqlite3.connect(trying.directory / "mlflow.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert parent.wait(120) == 1, trying.output
    assert "refuses" not in trying.output
    assert "cannot write to the store" in trying.output
