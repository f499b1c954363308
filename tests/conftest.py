"""Fixtures that tests of several packages share, and what pytest is to do with its options."""

import json
import os
from pathlib import Path

import hydra
import pytest
from omegaconf import OmegaConf
from support.commands import CONF, ENVIRONMENT, ROOT, Shell
from support.starting import Cold, Warm
from support.stores import put_database, small_data

from seedsweep.config.named_rows import named_rows
from seedsweep.config.run_config import read_config, register_resolvers


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
    "test_bad_inputs",
    "test_search_run",
    "test_grid",
    "test_ray",
    "test_kills",
    "test_reuse",
    "test_determinism",
    "test_searcher",
    "test_resume",
    "test_pool",
    "test_other_launchers",
    "test_places",
    "test_server",
    "test_named_rows",
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
    from support.stand_in_sweep import Sweep

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


@pytest.fixture
def shell(tmp_path, starter):
    """A shell in an empty directory."""
    return Shell(tmp_path, starter=starter)


@pytest.fixture
def small(tmp_path):
    """See `small_data`."""
    return [*small_data(tmp_path), "model=conv1"]
