"""Settings are checked once, by type and range, and every file in conf/ composes."""

import shutil

import pytest
from support.commands import CONF, ROOT

from seedsweep.config.trial_config import Trial
from seedsweep.errors import UserError

GROUPS = {
    group: sorted(path.stem for path in (CONF / group).glob("*.yaml") if path.stem != "function")
    for group in ("model", "opt", "reg", "stop")
}


@pytest.mark.parametrize(("group", "choice"), [(group, name) for group, names in GROUPS.items() for name in names])
def test_every_file_of_every_group_composes(compose, group, choice):
    """Each gives a valid trial that carries the file's name."""
    assert getattr(compose(f"{group}={choice}").trial, group).name == choice


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["opt=adadelta"], 1.0),
        (["opt=sgd"], 0.01),
        (["opt=adam"], 0.001),
    ],
)
def test_optimizers_have_their_stated_learning_rates(compose, overrides, expected):
    """Adadelta learns at 1.0, the value of its paper."""
    assert compose(*overrides).trial.opt.learning_rate == expected


def test_the_settings_are_flat_and_complete(compose):
    """Every leaf of the composed config stands under its dotted path."""
    settings = compose("opt=sgd").trial.settings()
    assert settings["opt.name"] == "sgd"
    assert settings["model.conv_filters"] == [32, 32, 64]
    assert {"seed", "epochs", "batch_size", "precision", "backend", "reg.strength", "data.path"} <= set(settings)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.conv_filters=32", "model.conv_filters must be a list of whole numbers, got 32"),
        ("model.conv_filters=[32,0]", "must be a list of whole numbers ≥ 1"),
        ("model.kernel_size=[3,3]", "one number, or a list of 3"),
        ("model.pool_after=[3,2]", "convolutions from 1 to 3, each once, in order"),
        ("model.dense_dropout=1.0", "from 0 up to, not including, 1"),
        ("model.batch_norm=1", "model.batch_norm must be true or false, got 1"),
        ("model.padding=smae", "one of valid, same, got 'smae'"),
        ("seed=true", "seed must be a whole number ≥ 1, got True"),
        ("seed=0", "seed must be a whole number ≥ 1, got 0"),
        ("opt.momentum=0.9", "opt=adam has no momentum"),
        ("reg.strength=0.1", "reg=none has no strength"),
        ("data.path=x.npz", "data=mnist5k is built in and reads no file"),
        ("opt.schedule=cosin", "one of constant, cosine, one_cycle, got 'cosin'"),
        ("opt.warmup=-1", "opt.warmup must be a finite number ≥ 0, got -1"),
        ("opt.warmup=12", "opt.warmup must be less than the 12 epochs, got 12"),
        ("label_smoothing=1", "from 0 up to, not including, 1"),
        ("data.augment=2", "data.augment must be a group of settings, got 2"),
        ("data.augment.shift=-2", "a finite number ≥ 0, got -2"),
        ("objective=accuracy_val", "the metrics are loss, accuracy, val_loss"),
        ("tracking.uri=7", "tracking.uri must be a text, got 7"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(compose, override, message):
    """The error names the setting, what was received and what is allowed."""
    with pytest.raises(UserError) as refused:
        compose(override)
    assert message in refused.value.what
    assert refused.value.where == override.partition("=")[0]


def test_batch_norm_without_convolutions_is_refused(compose):
    """A setting that would change nothing is not silently ignored."""
    with pytest.raises(UserError, match="this model has none"):
        compose("model=mlp", "model.batch_norm=true")


def test_a_key_that_a_file_invents_is_refused():
    """A typing error in a user's own model file does not pass as a new setting."""
    with pytest.raises(UserError, match=r"no setting 'conv_filter'"):
        Trial.from_config({"conv_filter": [1]})


def test_the_help_names_every_choice_of_every_group(shell):
    """`sweep.py --help` lists what conf/ and sweeps/ hold, and a user's own files too."""
    own = shell.directory / "mine" / "model"
    own.mkdir(parents=True)
    shutil.copyfile(CONF / "model" / "mlp.yaml", own / "wide.yaml")
    ended = shell.sweep("--config-dir", "mine", "--help")
    assert ended.code == 0, ended.err
    for directory in (*(CONF / group for group in ("model", "opt", "reg", "data", "stop")), ROOT / "sweeps"):
        line = next(line for line in ended.out.splitlines() if line.startswith(f"{directory.name}: "))
        there = [path.stem for path in directory.glob("*.yaml")] + ["wide"] * (directory.name == "model")
        assert line.partition(": ")[2].split(", ") == sorted(there)


def test_each_file_of_a_group_says_how_to_use_it():
    """The first line of each group's file is the command that runs it."""
    for group in ("model", "opt", "reg", "data", "stop"):
        for path in (CONF / group).glob("*.yaml"):
            first = path.read_text(encoding="utf-8").splitlines()[0]
            assert first.startswith(f"# python sweep.py {group}={path.stem}")
