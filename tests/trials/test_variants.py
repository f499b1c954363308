"""Variants are told apart by what differs, and by nothing else."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedsweep.config.overrides import format_override
from seedsweep.trials.variants import VariantKey, name_variants, variant_key

IMAGES = "ab" * 32


def names(compose, *rows):
    return name_variants([VariantKey(compose(*row.split()).trial.settings(), IMAGES) for row in rows])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["model=conv3 opt=adam", "model=conv4 opt=sgd"], ["conv3 · adam", "conv4 · sgd"]),
        (["model=conv3", "model=conv4"], ["conv3", "conv4"]),
        (["seed=1", "seed=2"], ["conv3 · adam", "conv3 · adam"]),
        (["reg=none", "reg=l2"], ["reg=none", "l2"]),
        (["batch_size=32", "batch_size=64"], ["batch_size=32", "batch_size=64"]),
        (
            ["opt=sgd", "opt=adam opt.learning_rate=0.01", "opt=adam opt.learning_rate=0.001"],
            ["sgd", "adam · learning_rate=0.01", "adam · learning_rate=0.001"],
        ),
        (["model.conv_filters=[8,8,8]", "model=conv3"], ["conv_filters=[8,8,8]", "conv_filters=[32,32,64]"]),
        (["model=conv1", "model=conv1 reg=l1 reg.strength=0.1"], ["reg=none", "l1"]),
        (
            ["stop=median", "stop=median opt.warmup=2", "stop=median stop.warmup=5"],
            ["opt.warmup=0 · stop.warmup=3", "opt.warmup=2 · stop.warmup=3", "opt.warmup=0 · stop.warmup=5"],
        ),
    ],
)
def test_names_say_what_differs(compose, rows, expected):
    """A group's name stands alone, another setting with its key, what follows from a group not at all."""
    assert names(compose, *rows) == expected


AXES = {
    "model.name": ["conv1", "conv2"],
    "model.conv_dropout": [0.0, 0.25],
    "opt.name": ["sgd", "adam"],
    "opt.learning_rate": [0.1, 0.01],
    "reg.strength": [None, 0.1],
    "batch_size": [32, 64],
    "seed": [1, 2],
}
CELLS = [dict(zip(AXES, values, strict=True)) for values in itertools.product(*AXES.values())]


@given(st.lists(st.sampled_from(CELLS), min_size=1, max_size=20))
def test_two_trials_share_a_name_exactly_when_they_are_one_variant(cells):
    """For any set of trials at all."""
    trials = [VariantKey(cell, IMAGES) for cell in cells]
    named = name_variants(trials)
    for (one, one_name), (other, other_name) in itertools.combinations(zip(trials, named, strict=True), 2):
        assert (one_name == other_name) == (variant_key(one) == variant_key(other))


def test_other_images_are_another_variant_and_other_paths_are_not(compose):
    """One file under two paths is one variant; two files are two, told by their paths."""
    a, b, c = (compose("data=npz", f"data.path={path}").trial.settings() for path in ("a.npz", "./a.npz", "b.npz"))
    assert name_variants([VariantKey(a, "11"), VariantKey(b, "11")]) == ["conv3 · adam", "conv3 · adam"]
    assert name_variants([VariantKey(a, "11"), VariantKey(b, "11"), VariantKey(c, "22")]) == [
        "path=a.npz",
        "path=a.npz",
        "path=b.npz",
    ]
    assert variant_key(VariantKey(a, "11")) == variant_key(VariantKey(b, "11")) != variant_key(VariantKey(c, "22"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.001, "0.001"),
        (1.0, "1"),
        (1e-07, "1e-07"),
        ([32, 64], "[32,64]"),
        ("x", "x"),
    ],
)
def test_values_are_spelled_as_they_are_typed(value, text):
    """What stands in a name can be typed on the command line."""
    assert format_override(value) == text
