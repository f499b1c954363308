"""Bad input gets two lines that say what to type, exit code 2, and nothing is created."""

import http.server
import itertools
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from support.commands import CONF, ENVIRONMENT, ROOT, Shell

from seedsweep.config.run_config import all_setting_names
from seedsweep.errors import UserError, did_you_mean
from seedsweep.tracking import sqlite_checks
from seedsweep.tracking.store import existing_store

# Arguments, what the first line must say, what the second must.
CASES = [
    (["epoch=3"], "no setting 'epoch'; did you mean 'epochs'?", "epochs="),
    (["-m", "epoch=3,4"], "no setting 'epoch'; did you mean 'epochs'?", "epochs=3,4"),
    (["+epoch=3"], "no setting 'epoch'; did you mean 'epochs'?", "epochs="),
    (["opt.learning_rate=abc"], "must be a number > 0, got 'abc'", "opt.learning_rate=0.001"),
    (["opt.learning_rate="], "must be a finite number > 0, got ''", "opt.learning_rate=0.001"),
    (["opt.learning_rate=null"], "must be a finite number > 0, got null", "opt.learning_rate=0.001"),
    (["opt.learning_rate=nan"], "must be a finite number > 0, got nan", "opt.learning_rate=0.001"),
    (["opt.learning_rate=.inf"], "must be a finite number > 0, got '.inf'", "opt.learning_rate=0.001"),
    (["opt.learning_rate=inf"], "must be a finite number > 0, got inf", "opt.learning_rate=0.001"),
    (["opt.learning_rate=-1"], "must be a finite number > 0, got -1", "opt.learning_rate=0.001"),
    (["-m", "opt.learning_rate=0.1,0"], "must be a finite number > 0, got 0", "opt.learning_rate=0.001"),
    (["epochs=2.5"], "epochs must be a whole number ≥ 1, got 2.5", "epochs=12"),
    (["epochs=0"], "epochs must be a whole number ≥ 1, got 0", "epochs=12"),
    (["batch_size=100000"], "exceeds the 3,600 training images", "batch_size=128"),
    (["opt.learning_rate=1e-3,1e-2"], "list of values to sweep over", "put -m before the overrides"),
    (["seed=1", "-m", "opt=sgd"], "both sides of a flag", "put -m first: python sweep.py -m seed=1 opt=sgd"),
    (
        ["-m", "model.conv_filters=32,64"],
        "must be a list of whole numbers, got 32",
        "'model.conv_filters=[32,64]' for one trial",
    ),
    (["data.augment.shift=40"], "moves images of 28 × 28 pixels out of sight", "data.augment.shift=2"),
    (["data.augment.rotate=400"], "must be degrees from 0 to 180, got 400", "data.augment.rotate=10"),
    (
        ["-m", "seed=1,2", "+hydra.job.env_set.TF_ENABLE_ONEDNN_OPTS='0'"],
        "TF_ENABLE_ONEDNN_OPTS changes how a worker computes",
        "TF_ENABLE_ONEDNN_OPTS=0 python sweep.py",
    ),
    (["model.conv_filters=[32,64"], "unclosed '['", "model.conv_filters=[32,64]"),
    (["model=huge"], "no model 'huge'; available: conv1, conv2, conv3, conv4, function, mlp", "model="),
    (["-m", "model=conv1,huge"], "no model 'huge'; available: conv1", "model="),
    (["opt=adm"], "no opt 'adm'; available: adadelta, adam", "opt=adam"),
    (["model=null"], "model cannot be null", "model=conv3"),
    (["-m", "hydra/launcher=nope"], "no hydra/launcher 'nope'; available: basic,", "hydra/launcher="),
    (["-m", "sweeps=nope"], "no sweep 'nope'; available: best, depth", "sweeps=best, or another of these"),
    (["-m", "sweeps=depth,optimizers"], "a command runs one", "python sweep.py -m sweeps=depth"),
    (["-m", "sweeps=[depth,optimizers]"], "a command runs one", "python sweep.py -m sweeps=depth"),
    (["-m", "sweeps=wiki", "hydra.sweeper.only=[w99]"], "no row 'w99'; the rows are w01,", "hydra.sweeper.only=[w0"),
    (["-m", "hydra.sweeper.only=[w01]"], "no row 'w01'; this sweep has no rows", "leave hydra.sweeper.only out"),
    (
        ["-m", "+hydra.sweeper.rows={a: {}, b: {overrides: ['epochs=0']}}"],
        "row b: epochs must be a whole number ≥ 1, got 0",
        "epochs=12",
    ),
    (["sweeps=wiki"], "a sweep was named, and this trains one trial", "put -m first"),
    (["hydra/sweeper=tuner"], "a sweep was named, and this trains one trial", "-m hydra/sweeper=tuner"),
    (
        ["-m", "seed=1,2", "hydra.sweeper.max_trials=5"],
        "the sweeper that was chosen has no setting 'max_trials'",
        "hydra/sweeper=tuner",
    ),
    (["-m", "hydra/sweeper=tuner", "seed=1,2", "hydra.sweeper.factor=4"], "bayesian has no factor, got 4", "hyperband"),
    (["-m", "hydra/sweeper=bayesian"], "no hydra/sweeper 'bayesian'", "tuner hydra.sweeper.algorithm=bayesian"),
    (["-m", "hydra/sweeper=tuner", "batch_size=interval(16, 256)"], "got 16.0", "'batch_size=int(interval(16, 256))'"),
    (["-m", "hydra/sweeper=tuner", "model.conv_dropout=interval(0, 1)"], "got 1.0", "conv_dropout=interval(0, 0.9)'"),
    (["-m", "seed=1,", "2"], "seed=1, ends with a comma", "seed=1,2 without a space"),
    (["-m", "seed=rnge(1,4)"], "no function 'rnge'", "seed=range(1,4)"),
    (["-m", "opt.learning_rate=log(interval(1e-4,1e-2))"], "no function 'log'", "tag(log, interval(1e-4,1e-2))"),
    (["opt.learning_rate=tag(log, interval(1e-4,1e-2))"], "sweep", "-m 'opt.learning_rate=tag(log, interval("),
    (["stop=patience", "data.validation=test"], "that the test images happen to favour", "data.validation=holdout"),
    (["stop.patience=3"], "stop=none has no patience, got 3", "stop=patience stop.patience=3"),
    (["stop=median", "stop.patience=3"], "stop=median has no patience, got 3", "stop=patience stop.patience=3"),
    (["-m", "opt.learning_rate=interval(1e-4,1e-1)"], "a range needs a search", "hydra/sweeper="),
    (["-m", "model=glob(zzz*)"], "the sweep is empty", "model="),
    (["-m", "hydra.sweep.subdir=x", "opt=sgd,adam"], "2 trials would write to", "hydra.sweep.subdir="),
    (
        ["-m", "hydra.sweep.subdir=../x", "opt=sgd,adam"],
        "outside the sweep's directory",
        "hydra.sweep.subdir=",
    ),
    (["-m", "hydra.sweep.subdir=/tmp/x", "opt=sgd"], "outside the sweep's directory", "hydra.sweep.subdir="),
    (["-m", "hydra.sweep.subdir=${nope}", "opt=sgd"], "cannot resolve", "hydra.sweep.subdir="),
    (["~epochs"], "epochs is required", "leave '~epochs' out"),
    (["~model"], "model is required", "leave '~model' out"),
    (
        ["epochs=${missing}"],
        "cannot resolve epochs: Interpolation key 'missing' not found",
        "leave 'epochs=${missing}' out",
    ),
    (["epochs=${oc.env:NOPE}"], "Environment variable 'NOPE' not found", "leave 'epochs=${oc.env:NOPE}' out"),
    (["epochs=???"], "epochs is required", "leave 'epochs=???' out"),
    (["seed=0"], "seed must be a whole number ≥ 1, got 0", "seed=1"),
    (["-m", "seed=1,-1"], "seed must be a whole number ≥ 1, got -1", "seed=1"),
    (
        ["objective=val_acc"],
        "the metrics are loss, accuracy, val_loss, val_accuracy",
        "objective=val_accuracy",
    ),
    (["-m", "seed=1,2", "hydra.launcher.gpus=[9]"], "GPU 9 not present; found []", "hydra.launcher.gpus=[]"),
    (
        ["-m", "seed=1,2", "hydra.launcher.workers=0"],
        "must be a whole number ≥ 1, got 0",
        "hydra.launcher.workers=2",
    ),
    (["-m", "threads=1,2"], "all trials of a sweep must have the same threads, got 1, 2", "threads=1"),
    (["backend=nope"], "backend must be one of tensorflow, jax, torch, got 'nope'", "backend=tensorflow"),
    (["data=npz"], "data=npz needs a file", "data=npz data.path=FILE.npz"),
    (["data=npz", "data.path=gone.npz"], "no such file: gone.npz", "data=mnist5k data.path=null"),
    (["data=mnist", "data.path=gone.npz"], "no such file: gone.npz", "data=mnist5k data.path=null"),
    (
        ["model.kernel_size=29"],
        "images of 28×28 pixels are too small for model 'conv3'",
        "model.padding=same",
    ),
    (["opt=adam", "opt.momentum=0.9"], "opt=adam has no momentum, got 0.9", "opt=sgd opt.momentum=0.9"),
    (["-m", "hydra.launcher.gpus=0"], "must be a list of numbers or UUIDs, got 0", "hydra.launcher.gpus=[]"),
    (["-m", "threads=0"], "threads must be a whole number ≥ 1, got 0", "threads=1"),
    (["-m", "hydra.sweeper.max_batch_size=0"], "must be null or a whole number ≥ 1, got 0", "max_batch_size=null"),
    (["-m", "hydra.sweep.dir=/proc/nope"], "cannot write /proc/nope", "hydra.sweep.dir="),
    (["hydra.run.dir=/proc/nope"], "cannot write to /proc/nope", "hydra.run.dir="),
    (["hydra.launcher.foo=1"], "no setting 'hydra.launcher.foo'", "--cfg hydra"),
    (
        ["-m", "hydra/launcher=basic", "hydra.launcher.workers=2"],
        "that was chosen has no setting 'workers'",
        "hydra/launcher=pool or ray",
    ),
    (["hydra.launcher.worker=1"], "did you mean 'hydra.launcher.workers'?", "hydra.launcher.workers="),
    (["-m", "hydra.sweeper.onyl=[w01]"], "did you mean 'hydra.sweeper.only'?", "hydra.sweeper.only="),
    (["seed=0..3"], "seed must be a whole number ≥ 1, got '0..3'", "-m 'seed=range(1,4)'"),
    (["-m", "epochs=1-3"], "epochs must be a whole number ≥ 1, got '1-3'", "-m 'epochs=range(1,4)'"),
    (["data=npz", 'data.path="it\'s.npz"'], "no such file: it's.npz", "data=mnist5k"),
    (['data.path="it\'s.npz"'], "reads no file, got 'it's.npz'", "data=npz 'data.path="),
    (
        ["-m", "hydra/sweeper=tuner", "hydra.sweeper.algorithm=hyperband", "opt=sgd,adam", "epochs=2"],
        "epochs must be a whole number ≥ 3",
        "epochs=9",
    ),
    (["tracking.uri=sqlite:///my exp/mlflow.db"], "there is no directory", "mkdir -p"),
    (["opt="], "opt cannot be null", "opt=adam"),
    (["gpus=[7]"], "no setting 'gpus'; did you mean 'hydra.launcher.gpus'?", "hydra.launcher.gpus="),
    (["-m", "hydra.launcher.gpus=0,1"], "cannot be swept over", "hydra.launcher.gpus="),
    (["model=[conv1,conv2]"], "would merge several choices into one", "-m model=conv1,conv2"),
    (["sweeps=depth"], "a sweep was named, and this trains one trial", "put -m first: python sweep.py -m sweeps=depth"),
    (["seed=4294967296"], "seed must be a whole number ≤ 4294967295", "seed=1"),
    (["tracking=null"], "tracking must be a group of settings, got null", "leave tracking out"),
    (["tracking.name=2024"], "tracking.name must be a text, got 2024", "tracking.name=\"'2024'\""),
    (["model.pool_after=[9]"], "convolutions from 1 to 3, each once, in order, got [9]", "model.pool_after=[3]"),
    (["~nokey"], "no setting 'nokey'", "leave ~nokey out"),
    (["-m", "seed=1,2", "--cfg", "job"], "--cfg shows what one trial would get", "python sweep.py --cfg job seed=1"),
    (["--run", "--multirun"], "exclude each other", "leave --run out"),
    (["--resolve"], "--resolve is for --cfg", "--cfg job --resolve"),
    (["--experimental-rerun", "gone"], "no such file: gone", "leave --experimental-rerun out"),
    (["--shell-completion"], "needs to know what to do", "install=bash"),
    (["tracking.uri=localhost:5000"], "lacks 'http://'", "tracking.uri=http://localhost:5000"),
    (["tracking.uri=mlflow.db"], "lacks 'sqlite:///'", "tracking.uri=sqlite:///mlflow.db"),
    (["--config-name", "nope"], "no config 'nope'", "--config-name"),
]


def key_of(word):
    return word.partition("=")[0].lstrip("+~")


def is_typed(word):
    """Whether a word of a fix line is part of what is to be typed, and not of the words around it."""
    return word == "-m" or re.match(r"[+~]?[\w./@]+=\S", word)


def after(arguments, error, fix):
    """What a user types next who follows a fix line to the letter: the arguments, and variables before the command."""
    said = fix.removeprefix("fix: ")
    before, command, rest = said.partition("python sweep.py")
    if command:
        variables = [word for word in shlex.split(before) if re.fullmatch(r"[A-Z_]+=\S*", word)]
        return shlex.split(rest), dict(word.split("=", 1) for word in variables)
    words = [word.rstrip(",;") for word in shlex.split(said)]
    if words[0] == "leave":
        assert words[2] == "out", said
        given = iter(arguments)
        left = []
        for word in given:
            if word == words[1] or key_of(word) == words[1]:
                if word.startswith("--"):
                    next(given, None)  # its value
                continue
            left.append(word)
        return left, {}
    if words[0] == "mkdir":
        subprocess.run(words[:3], check=True)
        return arguments, {}
    typed = list(itertools.takewhile(is_typed, words))
    assert typed, f"nothing to type in: {said}"
    replaced = {key_of(word) for word in typed} | {error.rpartition("(")[2].rstrip(")")}
    kept = [word for word in arguments if ("=" in word or word.startswith("-")) and key_of(word) not in replaced]
    flags = [word for word in dict.fromkeys([*kept, *typed]) if word.startswith("-")]
    return [*flags, *(word for word in [*kept, *typed] if not word.startswith("-"))], {}


def accepted(shell, arguments, variables):
    """Type a command; returns its error line, or None when it was understood: then it makes a directory to work in."""
    where = {"directory": shell.directory, "environment": {**ENVIRONMENT, **variables}}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with shell.starter.started(shell.script, arguments, **where, out=out, err=err) as process:
            while process.poll() is None and not any(shell.directory.glob("*/*")):
                time.sleep(0.02)
        if process.poll() == 0 or any(shell.directory.glob("*/*")):
            return None
        assert "Traceback" not in out_of(err), out_of(err)
        return out_of(err).strip().splitlines()[-2]


def out_of(file):
    file.seek(0)
    return file.read().decode()


@pytest.mark.parametrize(("arguments", "what", "fix"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_bad_input_is_answered_and_nothing_is_created(shell, arguments, what, fix):
    """An error line, a fix line, exit code 2, no traceback, no file; and what the fix line says to type helps."""
    ended = shell.sweep(*arguments)
    lines = ended.err.strip().splitlines()
    assert ended.code == 2, ended.err
    assert lines[-2].startswith("error: ")
    assert what in lines[-2]
    assert lines[-1].startswith("fix: ")
    assert fix in lines[-1]
    assert "Traceback" not in ended.err
    assert list(shell.directory.iterdir()) == []
    assert "…" not in lines[-1]
    assert accepted(shell, *after(arguments, *lines[-2:])) != lines[-2]


@pytest.mark.parametrize(
    ("arguments", "what", "fix"),
    [
        (["-o", "t.pdf"], "no format is called pdf; the formats are md, html, csv, latex, json", "--output t.md"),
        (["--uri", "localhost:5000"], "the store localhost:5000 lacks 'http://'", "--uri http://localhost:5000"),
        (["--uri", "nope://x"], "cannot use the store nope://x", "--uri sqlite:///mlflow.db"),
    ],
)
def test_a_table_that_cannot_be_read_or_written_is_said(shell, arguments, what, fix):
    """In the words of the command that was typed."""
    ended = shell.seedsweep("table", *arguments)
    error, advice = ended.err.strip().splitlines()
    assert (ended.code, what in error, fix in advice) == (2, True, True), ended.err
    assert list(shell.directory.iterdir()) == []


BROKEN_FILES = [
    ("seed: 1\n\tepochs: 2\n", "line 3: a tab, where YAML allows spaces only"),
    ("seed: 1\nseed: 2\n", "line 3: found duplicate key seed"),
    ("seed: 1\n  epochs: 2\n", "line 3: mapping values are not allowed here"),
]


@pytest.mark.parametrize(("content", "what"), BROKEN_FILES)
def test_a_broken_file_is_named_with_its_line(tmp_path, starter, content, what):
    """A file of a group that YAML cannot read."""
    project, here = tmp_path / "project", tmp_path / "here"
    shutil.copytree(CONF, project / "conf")
    here.mkdir()
    shutil.copy(ROOT / "sweep.py", project)
    (project / "conf" / "model" / "mine.yaml").write_text(f"name: mine\n{content}", encoding="utf-8")
    ended = Shell(here, project / "sweep.py", starter).sweep("model=mine")
    assert ended.code == 2
    assert f"error: conf/model/mine.yaml, {what}" in ended.err
    assert list(here.iterdir()) == []


BROKEN_SWEEPS = [
    (
        "# @package _global_\nhydra: {sweeper: {algorithm: random, params: {seed: '1,2'}}}\n",
        "sweeps/mine.yaml: Key 'algorithm' not in",
        "defaults: [override /hydra/sweeper: tuner] in that file",
    ),
    ("epochs: 2\n", "arrived under the key 'sweeps'", "# @package _global_"),
    (
        "# @package _global_\nhydra: {sweeper: {param: {seed: 1}}}\n",
        "sweeps/mine.yaml: Key 'param' not in",
        "params in the place of param",
    ),
    ("# @package _global_\nhydra: {sweeper: {params: {model: [conv1, conv2]}}}\n", "would merge", "model=conv1,conv2"),
    ("# @package _global_\nhydra: {sweeper: {params: [seed]}}\n", "sweeps/mine.yaml: ", "correct it in that file"),
]


@pytest.mark.parametrize(("content", "what", "fix"), BROKEN_SWEEPS)
def test_a_sweep_of_one_s_own_is_told_what_is_wrong_with_it(tmp_path, starter, content, what, fix):
    """The first sweep that a user writes down."""
    project, here = tmp_path / "project", tmp_path / "here"
    for name in ("conf", "sweeps"):
        shutil.copytree(ROOT / name, project / name)
    here.mkdir()
    shutil.copy(ROOT / "sweep.py", project)
    (project / "sweeps" / "mine.yaml").write_text(content, encoding="utf-8")
    ended = Shell(here, project / "sweep.py", starter).sweep("-m", "sweeps=mine")
    error, advice = ended.err.strip().splitlines()[-2:]
    assert (ended.code, what in error, fix in advice) == (2, True, True), ended.err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("EPOCHS", "epochs"),
        ("lr", "opt.learning_rate"),
        ("opt.lr", "opt.learning_rate"),
        ("optim", "opt"),
        ("optimizer", "opt"),
        ("dropout", "model.conv_dropout"),
        ("modle", "model"),
        ("sweep", "sweeps"),
        ("epoch", "epochs"),
        ("model.conv_filter", "model.conv_filters"),
        ("xyzzy", None),
    ],
)
def test_what_was_probably_meant(typed, meant):
    """As other programs call it, in capitals, without its group, or with a letter wrong."""
    assert did_you_mean(typed, all_setting_names()) == meant


def test_a_key_invented_in_a_file_is_refused(tmp_path):
    """A typing error in a user's own model file."""
    project = tmp_path / "project"
    shutil.copytree(CONF, project / "conf")
    shutil.copy(ROOT / "sweep.py", project)
    text = (CONF / "model" / "conv3.yaml").read_text(encoding="utf-8").replace("padding:", "paddding:")
    (project / "conf" / "model" / "mine.yaml").write_text(text, encoding="utf-8")
    # Without the fixture `shell`: one of all these is started as a user does.
    ended = Shell(tmp_path, project / "sweep.py").sweep("-m", "model=conv3,mine")
    assert ended.code == 2
    assert "no setting 'model.paddding'; did you mean 'model.padding'?" in ended.err


@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        ({"x_train": np.zeros((40, 5, 5), np.uint8)}, "no array 'y_train'"),
        ({"x_train": np.zeros((40, 25), np.uint8), "y_train": np.arange(40) % 2}, "must have the shape"),
        ({"x_train": np.array([{}], dtype=object), "y_train": np.arange(1)}, "pickled Python objects"),
    ],
)
def test_a_bad_data_file_is_refused_before_anything_starts(shell, arrays, what):
    """For a single trial and for a sweep alike."""
    path = shell.directory / "mine.npz"
    np.savez(path, **arrays)
    for mode in ([], ["-m"]):
        ended = shell.sweep(*mode, "data=npz", "data.path=mine.npz")
        assert ended.code == 2
        assert what in ended.err
        assert list(shell.directory.iterdir()) == [path]


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("nope://x", "cannot use the store nope://x"),
        ("http://127.0.0.1:9", "cannot use the store http://127.0.0.1:9"),
        ("sqlite:////proc/nope/mlflow.db", "there is no directory /proc/nope"),
    ],
)
def test_a_store_that_cannot_be_used_is_said(shell, uri, what):
    """For a sweep, and for a table of one; no trial starts."""
    ended = shell.sweep("-m", f"tracking.uri='{uri}'", "seed=1,2")
    assert (ended.code, "Traceback" in ended.err) == (2, False), ended.err
    assert what in ended.err
    assert "started" not in ended.out
    assert shell.seedsweep("table", "--uri", uri).code == 2


@pytest.mark.parametrize(
    ("answer", "fix"), [(401, "MLFLOW_TRACKING_USERNAME"), (403, "--allowed-hosts"), (404, "sqlite")]
)
def test_a_server_that_lets_nobody_in_is_said(answer, fix):
    """What to do depends on its answer."""

    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(answer)

        def log_message(self, *words):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(UserError) as refused:
            existing_store(f"http://127.0.0.1:{server.server_port}", "seedsweep")
        server.shutdown()

    assert fix in refused.value.fix
    assert str(answer) in refused.value.what


def make_foreign(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE invoices (id INTEGER)")


def make_another_alembic(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE dag (id INTEGER)")
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        database.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
        database.commit()


def make_no_database(path):
    path.write_text("a diary", encoding="utf-8")


def make_damaged(path):
    make_foreign(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes([0xFF]) * (len(whole) - 100))


def make_schema(revision):
    def make(path):
        with closing(sqlite3.connect(path)) as database:
            for table in ("experiments", "runs", "metrics", "params", "tags", "latest_metrics"):
                database.execute(f"CREATE TABLE {table} (id INTEGER)")
            database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            database.execute("INSERT INTO alembic_version VALUES (?)", [revision])
            database.commit()

    return make


@pytest.mark.parametrize(
    ("make", "what", "fix"),
    [
        (make_foreign, "is a database of something else (it has the table invoices)", "another file"),
        (make_another_alembic, "is a database of something else", "another file"),
        (make_no_database, "is no database that can be read (file is not a database)", "another file"),
        (make_damaged, "is no database that can be read (database disk image is malformed)", "another file"),
        (
            make_schema("451aebb31d03"),
            "was written by an older release than MLflow",
            "back it up, then: mlflow db upgrade",
        ),
        (make_schema("ffffffffffff"), "was written by a newer release than MLflow", "pip install --upgrade mlflow"),
    ],
)
def test_a_database_that_is_not_ours_is_left_alone(shell, make, what, fix):
    """Said in one line, and not a byte of it changed."""
    path = shell.directory / "mlflow.db"
    make(path)
    before = path.read_bytes()
    ended = shell.sweep("-m", "seed=1,2")
    assert (ended.code, "Traceback" in ended.err) == (2, False), ended.err
    error, fixed = ended.err.strip().splitlines()
    assert what in error
    assert fix in fixed
    assert path.read_bytes() == before


@pytest.fixture
def locked():
    """A directory of root's with a database, for whoever may not write to it."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "mlflow.db").touch()
        (directory / "mlflow.db").chmod(0o444)
        directory.chmod(0o555)
        if root := os.geteuid() == 0:
            os.seteuid(65534)
        yield directory
        if root:
            os.seteuid(0)
        directory.chmod(0o755)


def test_a_place_that_cannot_be_written_is_said(locked):
    """The directory for artifacts, that of a database, and a database by itself."""
    for check in (
        lambda: sqlite_checks.probe(locked),
        lambda: sqlite_checks.probe(locked / "mlruns"),
        lambda: sqlite_checks.check_early(f"sqlite:///{locked}/mlflow.db"),
    ):
        with pytest.raises(UserError, match=f"cannot write {locked}.*: permission denied"):
            check()


def test_a_config_directory_of_one_s_own_works_for_a_single_trial(shell):
    """--config-dir adds to conf/, and its files are checked like any other."""
    directory = shell.directory / "mine" / "model"
    directory.mkdir(parents=True)
    text = (CONF / "model" / "conv1.yaml").read_text(encoding="utf-8")
    (directory / "own.yaml").write_text(text.replace("kernel_size: 3", "kernel_size: x"), encoding="utf-8")
    ended = shell.sweep("--config-dir", "mine", "model=own")
    assert "model.kernel_size must be a whole number ≥ 1, got 'x'" in ended.err


def test_no_sweep_to_make_a_table_of_is_said(shell):
    """`python -m seedsweep table` in a directory where nothing ran."""
    ended = shell.seedsweep("table")
    assert ended.code == 2
    assert "no sweep" in ended.err
    assert list(shell.directory.iterdir()) == []
