"""The main job, end to end: commands as a user types them, real training, a real store."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import numpy as np
import psutil
import pytest
from conftest import ROOT, Shell

from seedsweep.tracking.reading import find_sweep
from seedsweep.tracking.store import existing_store
from seedsweep.trials.spec import setting_names

pytestmark = pytest.mark.train

SWEEP = ["-m", "model=mlp,conv1", "seed=1,2", "epochs=2", "opt=sgd"]


def store_of(directory):
    return existing_store(f"sqlite:///{directory}/mlflow.db", "seedsweep")


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """One sweep of two variants with two seeds each, and where it ran."""
    shell = Shell(tmp_path_factory.mktemp("swept"))
    ended = shell.sweep(*SWEEP)
    assert ended.code == 0, ended.out + ended.err
    return shell, ended


def test_the_first_line_says_which_data(swept):
    """Before anything else."""
    assert swept[1].out.splitlines()[0] == "data: mnist5k: 3,600 train, 400 validation, 1,000 test"


def test_the_table_is_printed_saved_stored_and_written_again(swept):
    """The same text on the screen, beside the sweep, in MLflow, and from MLflow alone."""
    shell, ended = swept
    (saved,) = shell.directory.glob("multirun/*/table.md")
    text = saved.read_text(encoding="utf-8")
    sweep = find_sweep(store_of(shell.directory), None)
    (stored,) = shell.directory.glob(f"mlruns/*/{sweep.run_id}/artifacts/table.md")
    assert text in ended.out
    assert stored.read_text(encoding="utf-8") == text
    store = store_of(shell.directory)
    assert store.client.get_run(sweep.run_id).data.tags["mlflow.note.content"] == text
    for wanted in ([], [sweep.run_id[:8]], [" ".join(SWEEP[1:])]):
        assert shell.seedsweep("table", *wanted).out == text
    shell.seedsweep("table", "-o", "again.md")
    assert (shell.directory / "again.md").read_text(encoding="utf-8") == text
    assert len(re.findall(r"^\| (mlp|conv1) ", text, flags=re.MULTILINE)) == 2


def test_mlflow_has_a_parent_with_four_named_children(swept):
    """A person can tell them apart."""
    store = store_of(swept[0].directory)
    runs = store.client.search_runs([store.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert [run.info.run_name for run in parents] == [" ".join(SWEEP[1:])]
    assert sorted(run.info.run_name for run in children) == [
        *("conv1 · seed 1", "conv1 · seed 2", "mlp · seed 1", "mlp · seed 2")
    ]
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_child_has_all_params_metrics_and_tags(swept):
    """Every leaf of the config, metrics by epoch, the test set once, and what is needed to do it again."""
    store = store_of(swept[0].directory)
    for trial in find_sweep(store, None).trials:
        assert sorted(trial.settings) == sorted(setting_names())
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert [point.step for point in store.client.get_metric_history(trial.run_id, name)] == [1, 2]
        for name in ("test_loss", "test_accuracy", "train_seconds"):
            assert len(store.client.get_metric_history(trial.run_id, name)) == 1
        assert {"trial_id", "variant", "weights_sha256", "dataset_sha256", "reproduce"} <= set(trial.tags)


def test_a_child_has_its_files_and_they_agree_with_its_metrics(swept):
    """The stored network gives the stored predictions, and those the stored accuracy."""
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import keras

    from seedsweep.training.sources import read_mnist5k

    shell, _ = swept
    trial = find_sweep(store_of(shell.directory), None).trials[0]
    (files,) = shell.directory.glob(f"mlruns/*/{trial.run_id}/artifacts")
    names = {path.name for path in files.iterdir()}
    assert names == {"model.keras", "model.txt", "config.yaml", "curves.png", "predictions.npz"}
    answers = np.load(files / "predictions.npz")
    assert np.mean(answers["predicted"] == answers["label"]) == pytest.approx(trial.metrics["test_accuracy"])
    raw = read_mnist5k()
    np.testing.assert_array_equal(answers["label"], raw.y_test)
    model = keras.models.load_model(files / "model.keras", safe_mode=True)
    images = raw.x_test[..., np.newaxis].astype(np.float32) / 255
    again = model.predict(images, verbose=0).argmax(axis=1)
    assert np.mean(again == answers["predicted"]) > 0.998  # another batch size may turn a tie


@pytest.fixture(scope="module")
def single(swept, tmp_path_factory):
    """The `reproduce` tag of one of the sweep's trials, typed in an empty directory."""
    trial = find_sweep(store_of(swept[0].directory), None).trials[-1]
    python, script, *arguments = shlex.split(trial.tags["reproduce"])
    assert (python, script) == ("python", "sweep.py")
    shell = Shell(tmp_path_factory.mktemp("single"))
    ended = shell.sweep(*arguments)
    assert ended.code == 0, ended.err
    return shell, ended, trial


def test_the_reproduce_tag_gives_the_same_weights(single):
    """In a fresh process it ends with the same bits and the same identity."""
    shell, _, trial = single
    (again,) = find_sweep(store_of(shell.directory), None).trials
    for tag in ("weights_sha256", "trial_id"):
        assert again.tags[tag] == trial.tags[tag]
    assert again.metrics["test_accuracy"] == trial.metrics["test_accuracy"]


def test_a_single_trial_looks_like_a_sweep_s_child(single):
    """The same params, metrics and tags, by the same code, and a table of one row."""
    shell, ended, child = single
    (alone,) = find_sweep(store_of(shell.directory), None).trials
    assert set(alone.settings) == set(child.settings)
    assert set(alone.metrics) == set(child.metrics)
    assert set(child.tags) - set(alone.tags) == {"mlflow.parentRunId"}
    assert "| conv1 · sgd" in ended.out
    assert shell.seedsweep("table").out.strip() in ended.out


def small_data(directory):
    """Arguments for trials of a second: 300 images of 8 × 8 pixels that a network can learn."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    x = rng.integers(0, 100, size=(300, 8, 8), dtype=np.uint8)
    x[np.arange(300), y] += 150
    path = directory / "small.npz"
    np.savez(path, x_train=x, y_train=y)
    return ["data=npz", f"data.path={path}", "batch_size=32", "epochs=2"]


@pytest.fixture
def small(tmp_path):
    """See `small_data`."""
    return [*small_data(tmp_path), "model=conv1"]


HOSTILE = "a'b\\\"|<i>${x}[]$y$\n="


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    """One sweep with a model of a hostile name, a learning rate that diverges, and a seed given twice."""
    directory = tmp_path_factory.mktemp("troubled")
    project = directory / "project"
    shutil.copytree(ROOT / "conf", project / "conf")
    shutil.copy(ROOT / "sweep.py", project)
    escaped = HOSTILE.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("${", "\\\\${")
    text = (ROOT / "conf" / "model" / "conv1.yaml").read_text(encoding="utf-8")
    hostile = text.replace("name: conv1", f'name: "{escaped}"')
    (project / "conf" / "model" / "hostile.yaml").write_text(hostile, encoding="utf-8")
    shell = Shell(directory, project / "sweep.py")
    rates = "opt.learning_rate=0.01,1e30"
    return shell, shell.sweep("-m", *small_data(directory), "model=hostile,mlp", "opt=sgd", rates, "seed=1,1")


def test_a_diverging_variant_is_named_and_the_others_finish(troubled):
    """Exit code 1; the table has all variants, the failed ones last, with their reason."""
    shell, ended = troubled
    assert ended.code == 1, ended.err
    assert "2 of 4 trials failed" in ended.err
    rows = [line for line in shell.seedsweep("table").out.splitlines() if line.startswith("| ")][1:]
    assert ["Diverged: loss became" in row for row in rows] == [False, False, True, True]
    statuses = [trial.status for trial in find_sweep(store_of(shell.directory), None).trials]
    assert sorted(statuses) == ["failed", "failed", "finished", "finished"]


def test_a_trial_given_twice_is_trained_once(troubled):
    """With a warning for each."""
    assert troubled[1].out.count("it is trained once") == 4


def test_a_hostile_name_reaches_mlflow_and_the_table_whole(troubled):
    """Quotes, brackets, a dollar and a newline go through every layer."""
    trials = find_sweep(store_of(troubled[0].directory), None).trials
    assert {trial.settings["model.name"] for trial in trials} == {HOSTILE, "mlp"}


def test_the_same_weights_whoever_trains_and_whenever(shell, small):
    """One worker ten times in a row, four at once, and Hydra's basic launcher agree to the last bit."""
    recipe = ["-m", *small, "model.batch_norm=true", "model.conv_filters=[8]", "opt=adam"]
    launches = {
        "one": [*recipe, "seed=range(1,11)", "hydra.launcher.workers=1"],
        "four": [*recipe, "seed=7,8,9,10", "hydra.launcher.workers=4"],
        "basic": [*recipe, "seed=10", "hydra/launcher=basic"],
    }
    weights = {}
    for launch, arguments in launches.items():
        ended = shell.sweep(*arguments)
        assert ended.code == 0, ended.out + ended.err
        trials = find_sweep(store_of(shell.directory), None).trials
        weights[launch] = {trial.tags["trial_id"]: trial.tags["weights_sha256"] for trial in trials}
    assert len(weights["one"]) == len(set(weights["one"].values())) == 10
    assert len(weights["four"]) == 4
    assert weights["four"].items() <= weights["one"].items()
    assert weights["basic"].items() <= weights["one"].items()


@contextmanager
def in_training(shell, *arguments):
    """A sweep of two trials with at least one epoch behind each, as a running process; ended in any case."""
    command = [
        sys.executable,
        "-u",
        str(ROOT / "sweep.py"),
        "-m",
        *arguments,
        "seed=1,2",
        "hydra.launcher.workers=2",
    ]
    with subprocess.Popen(
        command,
        cwd=shell.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as parent:
        try:
            while "on core 1" not in (line := parent.stdout.readline()):
                assert line, "the sweep ended before it began"
            store = store_of(shell.directory)
            deadline = time.monotonic() + 60
            while sum("loss" in trial.metrics for trial in find_sweep(store, None).trials) < 2:
                assert time.monotonic() < deadline, "no trial ended its first epoch"
                time.sleep(0.1)
            yield parent
        finally:
            with suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)


def test_a_killed_worker_is_recorded_and_its_sibling_finishes(shell, small):
    """The trial is FAILED with its reason, the other one FINISHED, exit code 1."""
    with in_training(shell, *small, "epochs=30") as parent:
        children = psutil.Process(parent.pid).children()
        next(child for child in children if "spawn_main" in " ".join(child.cmdline())).kill()
        out, _ = parent.communicate(timeout=120)
    assert parent.returncode == 1, out
    assert "killed by SIGKILL" in out
    trials = find_sweep(store_of(shell.directory), None).trials
    assert sorted(trial.status for trial in trials) == ["failed", "finished"]
    assert "1 failed: WorkerDied: the worker process was killed by SIGKILL" in shell.seedsweep("table").out


def test_ctrl_c_leaves_a_table_and_no_running_run(shell, small):
    """Exit code 130; what was running is KILLED."""
    with in_training(shell, *small, "epochs=2000") as parent:
        os.killpg(parent.pid, signal.SIGINT)
        out, _ = parent.communicate(timeout=60)
    assert parent.returncode == 130, out
    store = store_of(shell.directory)
    sweep = find_sweep(store, None)
    assert [trial.status for trial in sweep.trials] == ["killed", "killed"]
    assert store.client.get_run(sweep.run_id).info.status == "KILLED"
    assert "table: " in out
