"""Images of a user's own, from the command line: how they are scaled, and what is said of them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from support.commands import Shell
from support.stores import store_of

from seedsweep.tracking.run_queries import find_sweep


@pytest.mark.full
@pytest.mark.train
def test_the_type_that_holds_pixels_does_not_decide_the_accuracy(tmp_path, starter):
    """The digits of scikit-learn, 0 to 16, in three types.

    Divided by the type's largest value, they came to 83 % in uint8, and in uint16 nothing was learned from twelve bits.
    """
    images, labels = load_digits().images, load_digits().target
    ways = {
        "uint8": (images.astype(np.uint8), "pixels divided by 16"),
        "uint16": ((images * 255).astype(np.uint16), "pixels divided by 4080"),
        "bool": (images > 7, "pixels as they are"),
    }
    for name, (pixels, _) in ways.items():
        np.savez(tmp_path / f"{name}.npz", x_train=pixels, y_train=labels)
    files = ",".join(f"{name}.npz" for name in ways)
    settings = ["data=npz", f"data.path={files}", "model=mlp", "epochs=6", "batch_size=32", "pictures=false"]
    ended = Shell(tmp_path, starter=starter).sweep("-m", *settings, "hydra.launcher.workers=1")
    assert ended.code == 0, ended.err
    trials = {trial.settings["data.path"]: trial for trial in find_sweep(store_of(tmp_path), None).trials}
    for name, (_, said) in ways.items():
        assert trials[f"{name}.npz"].tags["dataset"].endswith(f"; {said}")
    percents = {name: 100 * trials[f"{name}.npz"].metrics["test_accuracy"] for name in ways}
    assert min(percents.values()) > 88, percents
    assert percents["uint8"] == pytest.approx(percents["uint16"], abs=1)


def test_what_makes_results_less_than_they_seem_is_said_and_stays_in_the_table(sweep):
    """At the start, in MLflow, and below the table that is made again."""
    trying = sweep([1, 2], "hydra.launcher.workers=1", EPOCH_SECONDS=0)
    path = trying.directory / "small.npz"
    with np.load(path) as arrays:
        x, y = arrays["x_train"], arrays["y_train"]
    np.savez(path, x_train=x, y_train=y, x_test=x[:30], y_test=y[:30])
    assert trying.run() == 0, trying.output
    said = "30 of the 30 test images are also training images: the test accuracy is too high"
    assert trying.output.count(f"data: {said}") == 1
    assert f"Data: {said}." in Shell(trying.directory).seedsweep("table").out


def test_classes_that_never_train_end_before_anything_starts(sweep):
    """Fifty classes, an image each."""
    trying = sweep([1, 2], EPOCH_SECONDS=0)
    np.savez(trying.directory / "small.npz", x_train=np.eye(50)[:, None] > 0, y_train=np.arange(50))
    assert trying.run() == 2
    assert "classes (" in trying.output
    assert "have no training image" in trying.output
    assert trying.lines("begin") == []
