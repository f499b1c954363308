"""What the tests share: the project's files, composed configs, and commands in an empty directory."""

import contextlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import tempfile
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path

import hydra
import numpy as np
import pytest
from omegaconf import OmegaConf
from starting import Cold, Warm

import seedsweep.cli.table_command
from seedsweep.config.named_rows import named_rows
from seedsweep.config.run_config import read_config, register_resolvers

ROOT = Path(__file__).parent.parent
CONF = ROOT / "conf"

# The full MNIST is no part of the project. Where it lies beside a checkout, the tests use it.
_BESIDE = ROOT.parent / "shared" / "data" / "mnist.npz"
if "SEEDSWEEP_DATA" not in os.environ and _BESIDE.is_file():
    os.environ["SEEDSWEEP_DATA"] = str(_BESIDE)


# What commands are started with, whatever a test's own process has set since.
ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}  # the suite is about CPUs, on any machine
# One thread and one backend for what tests train in their own process, where another test may have begun.
os.environ |= {
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}


def pytest_addoption(parser):
    """Where pytest finds it whatever is asked to run."""
    parser.addoption(
        "--full",
        action="store_true",
        help="faults and simulations in their long form, about half an hour; installs PostgreSQL where it can",
    )
    parser.addoption("--cold", action="store_true", help="start every command with Python, as a user does; slower")


# The files that take longest, the longest first: whichever came last would run alone, on one core.
LONGEST = (
    "test_searches",
    "test_sweep",
    "test_ray",
    "test_kills",
    "test_reuse",
    "test_determinism",
    "test_searching",
    "test_resume",
    "test_pool",
    "test_other_launchers",
    "test_bad_inputs",
    "test_server",
    "test_rows",
    "test_hydra_suites",
    "test_store",
)


def pytest_collection_modifyitems(config, items):
    """Start the longest files first, and pass over what is for `--full`; within a file nothing changes."""
    if not config.getoption("--full"):
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.skip(reason="a long form: --full"))
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A database as the first sweep makes it; making one takes MLflow two seconds."""
    from seedsweep.tracking.store import open_store

    path = tmp_path_factory.mktemp("database") / "mlflow.db"
    open_store(f"sqlite:///{path}", "seedsweep")
    return path


def put_database(directory, database):
    """Copy an empty database, with its artifacts to go where they would."""
    copy = directory / "mlflow.db"
    if copy.exists():
        return
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        rows = target.execute("SELECT experiment_id FROM experiments").fetchall()
        for (number,) in rows:
            place = f"{directory}/mlruns/{number}"
            target.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", [place, number])
        target.commit()
        target.execute("PRAGMA journal_mode=WAL")


@pytest.fixture(scope="session")
def full(request):
    """Whether the long form was asked for."""
    return request.config.getoption("--full")


@pytest.fixture(scope="session")
def starter(request):
    """Starts commands without the seconds that their imports take, unless `--cold` asks for those."""
    if request.config.getoption("--cold"):
        yield Cold()
        return
    warm = Warm(ENVIRONMENT)
    yield warm
    warm.stop()


@pytest.fixture
def sweep(tmp_path, empty_database, starter):
    """A function that makes a `Sweep` of the stand-in, by default in a directory that has an empty database."""
    from stand_in_sweep import Sweep

    def make(seeds, *arguments, where=".", faults=None, epochs=4, starter=starter, **environment):
        (tmp_path / where).mkdir(exist_ok=True)
        if where == ".":
            put_database(tmp_path, empty_database)
        said = {key: str(value) for key, value in environment.items()} | {"FAULTS": json.dumps(faults or {})}
        return Sweep(tmp_path / where, seeds, *arguments, epochs=epochs, starter=starter, **said)

    return make


@pytest.fixture
def tally(record_property):
    """Notes what the fault suite tried, for the table at the end."""

    def noted(fault, tried, held, seconds=None):
        record_property("fault", [fault, tried, held, seconds])

    return noted


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    """Print what was tried, how often, and how often it held."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    rows = [value for report in reports for name, value in report.user_properties if name == "fault"]
    if not rows:
        return
    terminalreporter.section("faults")
    width = max(len(fault) for fault, *_ in rows)
    terminalreporter.write_line(f"{'fault':{width}}  tried  held  longest")
    for fault, tried, held, seconds in sorted(rows):
        took = "" if seconds is None else f"{seconds:6.1f} s"
        terminalreporter.write_line(f"{fault:{width}}  {tried:5}  {held:4}  {took}")


@pytest.fixture(scope="session")
def mnist():
    """The path of the full MNIST."""
    path = os.environ.get("SEEDSWEEP_DATA")
    if not path or not Path(path).is_file():
        pytest.skip("the full MNIST is not here: SEEDSWEEP_DATA names no file")
    return Path(path)


@pytest.fixture
def compose(hydra_restore_singletons):  # noqa: ARG001 - Hydra keeps its version base in one
    """A function from overrides to the checked config that they compose."""
    register_resolvers()

    def composed(*overrides):
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            return read_config(hydra.compose("config", list(overrides)))

    return composed


@pytest.fixture(scope="session")
def rows_of():
    """A function from the name of a file in sweeps/ to its named rows by key."""
    return lambda name: named_rows(OmegaConf.load(ROOT / "sweeps" / f"{name}.yaml").hydra.sweeper)


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """Runs the project's commands as a user would, in one directory."""

    directory: Path
    script: Path = ROOT / "sweep.py"
    starter: Cold | Warm = field(default_factory=Cold)

    def sweep(self, *arguments, timeout=240, **environment):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            where = {"directory": self.directory, "environment": {**ENVIRONMENT, **environment}}
            with self.starter.started(self.script, arguments, **where, out=out, err=err) as process:
                code = process.wait(timeout)
            return Ended(code, *(_text(file) for file in (out, err)))

    def seedsweep(self, *arguments):
        """In this process, which has MLflow imported; `test_sweep.py` starts the command as a user does, too."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        with contextlib.chdir(self.directory), redirect_stdout(out), redirect_stderr(err):
            try:
                seedsweep.cli.table_command.main(list(arguments))
            except SystemExit as ended:
                code = ended.code
        return Ended(code, out.getvalue(), err.getvalue())


def _text(file):
    file.seek(0)
    return file.read().decode()


@pytest.fixture
def shell(tmp_path, starter):
    """A shell in an empty directory."""
    return Shell(tmp_path, starter=starter)


@contextmanager
def in_its_own_group(command, directory):
    """A command as a terminal's foreground job: its own process group, which is gone when the block ends."""
    with subprocess.Popen(
        command,
        cwd=directory,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell starts its background jobs with SIGINT ignored, and whoever they start inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def store_of(directory, uri=None, experiment="seedsweep"):
    """The store that commands in a directory have written to."""
    from seedsweep.tracking.locations import sqlite_uri
    from seedsweep.tracking.store import existing_store

    return existing_store(uri or sqlite_uri(directory / "mlflow.db"), experiment)


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
