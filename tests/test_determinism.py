"""The same command gives the same weights, to the last bit."""

import pytest
from conftest import store_of

from seedsweep.tracking.reading import find_sweep

pytestmark = pytest.mark.train


def test_the_same_weights_whoever_trains_and_whenever(shell, small):
    """One worker ten times in a row, four at once, and Hydra's basic launcher agree to the last bit."""
    recipe = ["-m", *small, "model.batch_norm=true", "model.conv_filters=[8]", "opt=adam", "pictures=false"]
    recipe.append("rerun=true")  # each launch trains, though an earlier one has
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
        assert not any("reused_from" in trial.tags for trial in trials)
        weights[launch] = {trial.tags["trial_id"]: trial.tags["weights_sha256"] for trial in trials}
    assert len(weights["one"]) == len(set(weights["one"].values())) == 10
    assert len(weights["four"]) == 4
    assert weights["four"].items() <= weights["one"].items()
    assert weights["basic"].items() <= weights["one"].items()
