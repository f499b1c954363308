"""A trial's identity changes with everything that can change its result, and with nothing else."""

import pytest

from seedsweep.training.runtime import versions
from seedsweep.trials.identity import trial_id

FACTS = {"dataset_sha256": "ab" * 32, "versions": {"keras": "3.15.1"}, "device": "a processor"}


@pytest.mark.parametrize(
    "override",
    [
        "seed=2",
        "epochs=13",
        "batch_size=64",
        "precision=mixed_bfloat16",
        "from_logits=false",
        "threads=2",
        "model=conv4",
        "model.conv_dropout=0.1",
        "model.batch_norm=true",
        "opt=sgd",
        "opt.learning_rate=0.002",
        "reg=l2",
        "data.scale=raw",
        "opt.schedule=cosine",
        "opt.warmup=1",
        "label_smoothing=0.1",
        "data.augment.shift=2",
        "data.augment.rotate=10",
        "data.augment.zoom=0.1",
        "data.validation=test",
    ],
)
def test_what_changes_the_result_changes_the_identity(compose, override):
    """Model, optimizer, penalty, data, training and seed all count."""
    assert trial_id(compose().trial, **FACTS) != trial_id(compose(override).trial, **FACTS)


@pytest.mark.parametrize(
    "override", ["model.name=mine", "tracking.experiment=other", "tracking.name=x", "objective=loss"]
)
def test_what_people_call_it_and_where_it_goes_does_not(compose, override):
    """A label or a store changes no weight."""
    assert trial_id(compose().trial, **FACTS) == trial_id(compose(override).trial, **FACTS)


@pytest.mark.parametrize(
    "fact",
    [{"dataset_sha256": "cd" * 32}, {"versions": {"keras": "3.15.2"}}, {"device": "another processor"}],
)
def test_data_versions_and_device_count(compose, fact):
    """Equal settings on other images, releases or hardware are another trial."""
    trial = compose().trial
    assert trial_id(trial, **FACTS) != trial_id(trial, **{**FACTS, **fact})


def test_a_shell_s_switch_that_changes_sums_counts_as_a_version(monkeypatch):
    """OneDNN off gives other bits under the same settings, so it is another trial."""
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    plain = versions("tensorflow")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert versions("tensorflow") == plain | {"TF_ENABLE_ONEDNN_OPTS": "0"}


def test_the_same_images_under_another_path_are_the_same_trial(compose):
    """A data set is its content, not its file."""
    here, there = (compose("data=npz", f"data.path={path}").trial for path in ("a.npz", "b.npz"))
    assert trial_id(here, **FACTS) == trial_id(there, **FACTS)


def test_the_identity_is_stable(compose):
    """The hash of the defaults is pinned: a change here orphans every result that users have."""
    assert trial_id(compose().trial, **FACTS) == "750475e98203645f"
