"""The same command gives the same weights, to the last bit."""

import pytest
from support.stores import store_of

from seedsweep.tracking.run_queries import find_sweep

pytestmark = pytest.mark.train


def test_the_same_weights_whoever_trains_and_whenever(shell, small, full):
    """One worker several times in a row, some at once, and Hydra's basic launcher (--full) agree to the last bit."""
    in_a_row, at_once = (10, 4) if full else (3, 2)
    recipe = ["-m", *small, "model.batch_norm=true", "model.conv_filters=[8]", "opt=adam", "pictures=false"]
    recipe.append("rerun=true")  # each launch trains, though an earlier one has
    last = ",".join(map(str, range(in_a_row - at_once + 1, in_a_row + 1)))
    launches = {
        "in a row": [*recipe, f"seed=range(1,{in_a_row + 1})", "hydra.launcher.workers=1"],
        "at once": [*recipe, f"seed={last}", f"hydra.launcher.workers={at_once}"],
    }
    if full:  # otherwise test_sweep.py shows that a trial by itself, in the parent's process, gives what workers do
        launches["basic"] = [*recipe, f"seed={in_a_row}", "hydra/launcher=basic"]
    weights = {}
    for launch, arguments in launches.items():
        ended = shell.sweep(*arguments)
        assert ended.code == 0, ended.out + ended.err
        trials = find_sweep(store_of(shell.directory), None).trials
        assert not any("reused_from" in trial.tags for trial in trials)
        weights[launch] = {trial.tags["trial_id"]: trial.tags["weights_sha256"] for trial in trials}
    assert len(weights["in a row"]) == len(set(weights["in a row"].values())) == in_a_row
    assert len(weights["at once"]) == at_once
    assert all(some.items() <= weights["in a row"].items() for some in weights.values())
