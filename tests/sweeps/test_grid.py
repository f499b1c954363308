"""The main job, end to end: commands as a user types them, real training, a real store."""

import json
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.commands import ROOT, Shell
from support.stores import small_data, store_of

from seedsweep.config.trial_config import setting_names
from seedsweep.data.dataset import load
from seedsweep.tracking.run_queries import find_sweep

pytestmark = pytest.mark.train

SWEEP = ["-m", "model=mlp,conv1", "seed=1,2", "epochs=2", "opt=sgd"]


# sweep.py, which leaves behind what it has imported.
SCRIPT = f"""
import atexit
import sys
from pathlib import Path
from seedsweep.cli.sweep_command import main
if __name__ == "__main__":
    atexit.register(lambda: Path("imported").write_text(" ".join(sys.modules), encoding="utf-8"))
    main(Path({str(ROOT / "conf")!r}))
"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """One sweep of two variants with two seeds each, and where it ran; started as a user does."""
    directory = tmp_path_factory.mktemp("swept")
    (directory / "sweep.py").write_text(SCRIPT, encoding="utf-8")
    shell = Shell(directory, directory / "sweep.py")
    ended = shell.sweep(*SWEEP)
    assert ended.code == 0, ended.out + ended.err
    return shell, ended


def test_the_parent_never_imports_what_trains(swept):
    """Whoever imported it would hold the GPUs."""
    imported = set((swept[0].directory / "imported").read_text(encoding="utf-8").split())
    assert "mlflow" in imported
    assert not {"tensorflow", "keras", "keras_tuner"} & imported


def test_the_first_line_says_which_data(swept):
    """Before anything else."""
    assert (
        swept[1].out.splitlines()[0] == "data: mnist5k: 3,600 train, 400 validation, 1,000 test; pixels divided by 255"
    )


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
    typed = [sys.executable, "-m", "seedsweep", "table"]
    assert subprocess.run(typed, cwd=shell.directory, capture_output=True, text=True, check=True).stdout == text
    for wanted in ([], [sweep.run_id[:8]], [" ".join(SWEEP[1:])]):
        assert shell.seedsweep("table", *wanted).out == text
    rows = json.loads(shell.seedsweep("table", "--format", "json").out)["rows"]
    assert [row["seeds"] for row in rows] == [[1, 2], [1, 2]]
    shell.seedsweep("table", "-o", "again.md")
    assert (shell.directory / "again.md").read_text(encoding="utf-8") == text
    shell.seedsweep("table", "-o", "again.csv")
    assert (shell.directory / "again.csv").read_text(encoding="utf-8").startswith("variant,n,seeds,")
    shell.seedsweep("table", "--format", "md", "-o", "again.html")
    assert (shell.directory / "again.html").read_text(encoding="utf-8") == text
    assert len(re.findall(r"^\| (mlp|conv1) ", text, flags=re.MULTILINE)) == 2


PICTURES = {f"{name}.png" for name in ("accuracies", "curves", "sample", "mosaic", "confusion", "mistakes")}


def test_pictures_stand_beside_the_table_and_in_mlflow(swept):
    """And `report` draws the same ones again, from MLflow and the images alone, beside the table in every format."""
    shell, _ = swept
    (saved,) = shell.directory.glob("multirun/*/table.md")
    (stored,) = shell.directory.glob(f"mlruns/*/{find_sweep(store_of(shell.directory), None).run_id}/artifacts")
    assert shell.seedsweep("report", "-o", "again").code == 0
    again = {path.name: path.read_bytes() for path in (shell.directory / "again").iterdir()}
    assert set(again) == PICTURES | {f"table.{form}" for form in ("md", "html", "csv", "tex", "json")}
    for name in PICTURES | {"table.md"}:
        assert (saved.parent / name).read_bytes() == (stored / name).read_bytes() == again[name], name


def test_the_answers_to_single_images_reach_the_table(swept):
    """Two seeds each: the intervals count other test images too."""
    rows = json.loads(swept[0].seedsweep("table", "--format", "json").out)["rows"]
    assert all(row["new_images"]["n_images"] == 1000 for row in rows)
    assert rows[1]["against"]["counts_images"]


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
    import keras

    from seedsweep.data.sources import read_mnist5k

    shell, _ = swept
    trial = find_sweep(store_of(shell.directory), None).trials[0]
    (files,) = shell.directory.glob(f"mlruns/*/{trial.run_id}/artifacts")
    names = {path.name for path in files.iterdir()}
    diagram = {"diagram.png"} if shutil.which("dot") else set()
    assert names == {"model.keras", "model.txt", "config.yaml", "curves.png", "predictions.npz"} | diagram
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
    """The `reproduce` tag of one of the sweep's trials, typed in an empty directory by somebody else.

    Somebody whose Keras is configured otherwise, by a file and by variables, which must change nothing.
    """
    home = tmp_path_factory.mktemp("keras")
    (home / "keras.json").write_text('{"image_data_format": "channels_first", "epsilon": 0.01}', encoding="utf-8")
    trial = find_sweep(store_of(swept[0].directory), None).trials[-1]
    python, script, *arguments = shlex.split(trial.tags["reproduce"])
    assert (python, script) == ("python", "sweep.py")
    shell = Shell(tmp_path_factory.mktemp("single"))
    ended = shell.sweep(*arguments, KERAS_HOME=str(home), KERAS_MAX_EPOCHS="1", KERAS_MAX_STEPS_PER_EPOCH="2")
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


HOSTILE = "a'b\\\"|<i>${x}[]$y$\n="


@pytest.fixture(scope="module")
def troubled(tmp_path_factory, starter):
    """One sweep with a model of a hostile name, a learning rate that diverges, and a seed given twice."""
    directory = tmp_path_factory.mktemp("troubled")
    project = directory / "project"
    shutil.copytree(ROOT / "conf", project / "conf")
    shutil.copy(ROOT / "sweep.py", project)
    escaped = HOSTILE.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("${", "\\\\${")
    text = (ROOT / "conf" / "model" / "conv1.yaml").read_text(encoding="utf-8")
    hostile = text.replace("name: conv1", f'name: "{escaped}"')
    (project / "conf" / "model" / "hostile.yaml").write_text(hostile, encoding="utf-8")
    shell = Shell(directory, project / "sweep.py", starter)
    arguments = ["opt=sgd", "opt.learning_rate=0.01,1e30", "seed=1,1", "hydra.launcher.workers=1"]
    return shell, shell.sweep("-m", *small_data(directory), "model=hostile,mlp", *arguments)


def test_a_single_trial_that_diverges_is_one_line(sweep):
    """Exit code 1, no traceback on the screen, and the run says why."""
    trying = sweep([1], faults={1: ["nan", 1]}, EPOCH_SECONDS=0.1)
    trying.arguments.remove("-m")
    assert trying.run() == 1
    assert "Traceback" not in trying.output
    assert trying.output.strip().splitlines()[-1] == "error: Diverged: loss became nan in epoch 2"
    (trial,) = find_sweep(store_of(trying.directory), None).trials
    assert trial.status == "failed"


def test_colour_and_raw_pixels_are_trained_on(shell, compose):
    """Own images in colour, as they are."""
    from seedsweep.training import trainer
    from seedsweep.training.checkpoints import CheckpointConfig

    x = np.random.default_rng(0).integers(0, 256, size=(90, 7, 9, 3), dtype=np.uint8)
    path = shell.directory / "own.npz"
    np.savez(path, x_train=x, y_train=np.arange(90) % 3)
    recipe = ["data=npz", f"data.path={path}", "data.scale=raw", "model=conv1", "epochs=1", "batch_size=9"]
    trial = compose(*recipe).trial
    keeping = CheckpointConfig("t", shell.directory / "checkpoint", 1, lambda: False)
    trained = trainer.train(trial, load(trial.data), lambda _: None, keeping, None)
    assert trained.tested.predictions.shape == (18,)


def test_the_full_mnist_goes_in_by_the_same_door(sweep, mnist):
    """60,000 images, from the command line into a worker."""
    trying = sweep([1], "hydra.launcher.workers=1", EPOCH_SECONDS=0, SEEDSWEEP_DATA=mnist)
    trying.arguments = [text for text in trying.arguments if not text.startswith(("data", "batch_size"))]
    trying.arguments += ["data=mnist", "batch_size=1000"]
    assert trying.run() == 0, trying.output
    assert (
        trying.output.splitlines()[0]
        == "data: mnist: 54,000 train, 6,000 validation, 10,000 test; pixels divided by 255"
    )
    assert trying.lines("end") == [["1"]]


def test_a_diverging_variant_is_named_and_the_others_finish(troubled):
    """Exit code 1; the table has all variants, the failed ones last, with their reason."""
    shell, ended = troubled
    assert ended.code == 1, ended.err
    assert "2 of 4 trials failed" in ended.err
    full = shell.seedsweep("table", "--full").out
    rows = [line for line in full.splitlines() if line.startswith("| ")][1:]
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
