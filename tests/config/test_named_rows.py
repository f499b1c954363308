"""Named rows: what a sweep's file lists is trained as it says, told apart, and told again in the table."""

import re
import shlex

import pytest
from omegaconf import OmegaConf
from support.commands import ROOT
from support.stores import store_of

from seedsweep.config.named_rows import NamedRow, named_rows
from seedsweep.errors import UserError
from seedsweep.tracking.run_queries import find_sweep

FILES = sorted(path.stem for path in (ROOT / "sweeps").glob("*.yaml"))


def test_a_row_has_what_its_file_says():
    """One reported value may stand without a list; what is left out is empty."""
    rows = named_rows({"rows": {"a": {"name": "the first", "overrides": ["model=conv3"], "reported": 99}, "b": {}}})
    assert rows == {"a": NamedRow("a", "the first", ("model=conv3",), (99.0,)), "b": NamedRow("b")}
    assert [row.title for row in rows.values()] == ["a: the first", "b"]


def test_only_picks_rows_and_keeps_the_file_s_order():
    """Whatever order they are asked for in; a single one may stand without a list."""
    rows = {key: {} for key in ("a", "b", "c")}
    assert list(named_rows({"rows": rows, "only": ["c", "a"]})) == ["a", "c"]
    assert list(named_rows({"rows": rows, "only": "b"})) == ["b"]


def test_keys_need_not_be_texts():
    """YAML reads some of them as numbers and truth values; a row may be nothing but its key."""
    sweeper = OmegaConf.create("{rows: {2: {name: two}, true: , 2.5: }, only: [2, true]}")
    assert [row.title for row in named_rows(sweeper).values()] == ["2: two", "true"]
    assert list(named_rows(OmegaConf.create("{rows: {1: , 2: }, only: 2}"))) == ["2"]


def test_what_other_settings_refer_to_is_no_row_s_affair():
    """A `params` that takes a value from elsewhere is resolved where that is."""
    assert named_rows(OmegaConf.create({"params": {"epochs": "${batch_size}"}, "rows": {"a": {}}})) == {
        "a": NamedRow("a")
    }


@pytest.mark.parametrize(
    ("sweeper", "what", "fix"),
    [
        ({"rows": {"w1": {}}, "only": ["w2"]}, "no row 'w2'; the rows are w1", "hydra.sweeper.only=[w1]"),
        ({"rows": {}, "only": ["w2"]}, "no row 'w2'; this sweep has no rows", "leave hydra.sweeper.only out"),
        ({"rows": {"w1": {}}, "only": []}, "must be null or a list of rows, got []", "hydra.sweeper.only=[w1]"),
        ({"rows": ["w1"]}, "must be rows by key, got ['w1']", "rows: {first"),
        ({"rows": {"a b": {}}}, "a key of letters, digits", "a short key"),
        ({"rows": {"a": "model=conv3"}}, "must be a group of fields, got 'model=conv3'", "overrides: [model=conv3]"),
        ({"rows": {"a": {"override": []}}}, "did you mean 'hydra.sweeper.rows.a.overrides'?", "overrides"),
        ({"rows": {"a": {"overrides": "model=conv3"}}}, "a list of overrides, got 'model=conv3'", "[model=conv3,"),
        ({"rows": {"a": {"overrides": ["conv3"]}}}, "a list of overrides, got ['conv3']", "[model=conv3,"),
        ({"rows": {"a": {"reported": "high"}}}, "in percent, from 0 to 100, got 'high'", "reported: [98.66"),
        ({"rows": {"a": {"reported": [0.5, 101]}}}, "in percent, from 0 to 100, got 101", "reported: [98.66"),
        ({"rows": {"a": {"name": 3}}}, "hydra.sweeper.rows.a.name must be a text, got 3", "name="),
        ({"rows": {"a": {"name": "${nope}"}}}, "'nope' not found", "a value"),
        ({"rows": {"a": {"overrides": ["rerun=true"]}}}, "rerun holds for a whole sweep", "rerun=true on the command"),
        (
            {"rows": {"a": {"overrides": ["hydra/launcher=basic"]}}},
            "hydra/launcher holds for a whole sweep",
            "basic on",
        ),
        ({"rows": {"a": {"overrides": ["+tracking.name=x"]}}}, "tracking.name holds for a whole sweep", "tracking"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_by_name(sweeper, what, fix):
    """The error says which, what was received and what to write."""
    with pytest.raises(UserError) as refused:
        named_rows(OmegaConf.create(sweeper))
    assert what in refused.value.what
    assert fix in refused.value.fix


@pytest.mark.parametrize("name", FILES)
def test_every_row_of_every_file_composes(compose, rows_of, name):
    """And no two rows of a file are the same trial under two names."""
    # Of a row that is itself a list of variants, the first.
    listed = {
        key: [re.sub(r"=([^\[,]+),.*", r"=\1", text) for text in row.overrides] for key, row in rows_of(name).items()
    }
    trials = {key: compose(*overrides).trial for key, overrides in listed.items()}
    assert len(set(trials.values())) == len(trials)


def test_the_wiki_s_rows_differ_as_their_names_say(compose, rows_of):
    """Depth, dropout, hidden layers, optimizer, batch norm and penalty of all sixteen, as their names say."""
    rows = rows_of("wiki")
    assert list(rows) == [f"w{number:02}" for number in range(1, 17)]
    for row in rows.values():
        words, trial = row.name, compose(*row.overrides).trial
        model = trial.model
        assert len(model.conv_filters) == int(words[0]), row
        assert model.batch_norm == ("batch norm" in words), row
        assert trial.reg.name == next((kind for kind in ("l1", "l2") if f"{kind} reg" in words), "none"), row
        assert trial.opt.name == next((kind for kind in ("sgd", "rmsprop") if kind in words), "adam"), row
        assert (model.conv_dropout > 0) == ("w dropout" in words), row
        hidden = words.count("dense") + words.count("dsn") if "2 dense" not in words else 2
        assert len(model.dense_units) == hidden, row
        dropped = words.count(" drop ") + words.count(" dr ")
        assert sum(rate > 0 for rate in model.dense_rates) == dropped, row
        assert (model.activation_at == "conv") == ("act" in words), row


ROWS = (
    "+hydra.sweeper.rows={one: {name: 'a | b', overrides: ['model.dense_units=[8]'], reported: [97.5, 98], note: lost},"
    " two: {overrides: ['model.dense_units=[9]', 'opt.learning_rate=0.5']}, six: {overrides:"
    " ['model.dense_units=[8]']}}"
)


def test_rows_are_multiplied_with_the_grid(sweep):
    """Rows × grid × seeds; equal rows are trained once; a key typed replaces the row's; `only` picks."""
    trying = sweep([1, 2], "hydra.launcher.workers=1", ROWS, "opt=sgd,adam", EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    trials = find_sweep(store_of(trying.directory), None).trials
    assert len(trials) == 3 * 2 * 2
    assert len(trying.lines("begin")) == 2 * 2 * 2
    assert {trial.tags["variant"] for trial in trials} == {
        f"{title} · {opt}" for title in ("one: a | b", "two", "six") for opt in ("sgd", "adam")
    }
    told = {trial.tags["row"]: trial for trial in trials}
    assert told["one"].tags["reported"] == "97.5, 98"
    assert told["one"].tags["row_note"] == "lost"
    assert "reported" not in told["six"].tags
    assert told["two"].settings["opt.learning_rate"] == "0.5"
    assert "tracking" not in told["two"].tags["reproduce"]
    assert "opt.learning_rate=0.5" in told["two"].tags["reproduce"]
    # The same command again trains nothing, and its rows keep their words.
    assert trying.run() == 0, trying.output
    assert len(trying.lines("begin")) == 8
    again = find_sweep(store_of(trying.directory), None).trials
    assert sorted(trial.tags["row_title"] for trial in again) == sorted(trial.tags["row_title"] for trial in trials)
    trying.arguments += ["hydra.sweeper.only=[two]", "opt.learning_rate=0.2"]
    assert trying.run() == 0, trying.output
    (record,) = {trial.settings["opt.learning_rate"] for trial in find_sweep(store_of(trying.directory), None).trials}
    assert record == "0.2"


def test_a_row_s_words_are_part_of_the_sweep(sweep):
    """A row that is called something else is another sweep's, which trains nothing again."""
    trying = sweep([1], "hydra.launcher.workers=1", "+hydra.sweeper.rows={a: {name: first}}", EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    trying.arguments[-1] = "+hydra.sweeper.rows={a: {reported: [50]}}"
    assert trying.run() == 0, trying.output
    assert len(trying.lines("begin")) == 1
    (trial,) = find_sweep(store_of(trying.directory), None).trials
    assert (trial.tags["row_title"], trial.tags["reported"]) == ("a", "50")


def test_a_trial_of_a_named_sweep_can_be_typed_again(sweep):
    """Its `reproduce` tag trains the one trial, not the sweep that the file names."""
    trying = sweep([1, 2], "hydra.launcher.workers=1", "sweeps=depth", EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    trial = find_sweep(store_of(trying.directory), None).trials[1]
    python, script, *trying.arguments = shlex.split(trial.tags["reproduce"])
    assert (python, script) == ("python", "sweep.py")
    assert trying.run() == 0, trying.output
    assert f"was trained before, as run {trial.run_id}" in trying.output
