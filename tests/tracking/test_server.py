"""Sweeps that write to an MLflow server, which keeps runs in PostgreSQL and serves the files: a team's set-up."""

from types import SimpleNamespace
from urllib.parse import urlsplit

import psycopg
import pytest
from support.commands import ROOT, Shell
from support.servers import free_port, mlflow_server, postgresql
from support.stand_in_sweep import Sweep
from support.stores import put_database, store_of

from seedsweep.tracking.run_queries import find_sweep


class Networks(Sweep):
    """The same sweep with real networks."""

    script = ROOT / "sweep.py"


@pytest.fixture(scope="module", params=["stand-in", "networks"])
def swept(request, tmp_path_factory, empty_database, starter, full):
    """The same sweep twice: beside a database in a file, and on a server whose files are in a place of its own."""
    if request.param == "networks" and not full:
        pytest.skip("real networks, and the server as users start it: --full")
    kind, cold = (Networks, True) if request.param == "networks" else (Sweep, False)

    def make(name, *arguments):
        directory = tmp_path_factory.mktemp(name)
        return kind(directory, [1, 2], *arguments, "hydra.launcher.workers=1", starter=starter, EPOCH_SECONDS="0")

    in_file = make("file")
    put_database(in_file.directory, empty_database)
    place = tmp_path_factory.mktemp("server")
    with (
        postgresql(install=full) as database,
        in_file.started() as beside,
        mlflow_server(place, free_port(), database, None if cold else starter) as uri,
    ):
        assert beside.wait(120) == 0, in_file.output
        on_server = make("client", f"tracking.uri={uri}")
        assert on_server.run() == 0, on_server.output
        sweep = find_sweep(store_of(on_server.directory, uri), None)
        yield SimpleNamespace(
            in_file=in_file, on_server=on_server, place=place, database=database, uri=uri, sweep=sweep
        )


def test_postgresql_has_the_sweep_and_its_trials(swept):
    """Through MLflow's client, and where PostgreSQL itself is asked."""
    (parent,), trials = swept.on_server.runs(swept.uri)
    assert parent.info.run_id == swept.sweep.run_id
    assert [run.data.tags["mlflow.parentRunId"] for run in trials] == [parent.info.run_id] * 2
    assert {run.info.status for run in (parent, *trials)} == {"FINISHED"}
    with psycopg.connect(swept.database.replace("+psycopg", "")) as connection:
        kept = {run_id for (run_id,) in connection.execute("SELECT run_uuid FROM runs")}
    assert kept == {run.info.run_id for run in (parent, *trials)}
    # Nothing of a store lies where the command ran.
    assert not {"mlflow.db", "mlruns"} & {path.name for path in swept.on_server.directory.iterdir()}


def test_it_keeps_what_a_database_in_a_file_keeps(swept):
    """Every value of every metric by its step, every param, and the weights; but for how long training took."""

    def kept(sweep, uri=None):
        store, found = store_of(sweep.directory, uri), {}
        for run in sweep.runs(uri)[1]:
            for name in set(run.data.metrics) - {"train_seconds"}:
                points = store.client.get_metric_history(run.info.run_id, name)
                found[run.data.params["seed"], name] = [(point.step, point.value) for point in points]
            params = {**run.data.params, "data.path": "small.npz"}
            found[run.data.params["seed"], "weights"] = (params, run.data.tags["weights_sha256"])
        return found

    on_server = kept(swept.on_server, swept.uri)
    assert on_server == kept(swept.in_file)
    assert [step for step, _ in on_server["2", "val_accuracy"]] == [1, 2, 3, 4]


def test_files_are_had_from_the_server(swept, tmp_path):
    """Sent to it and fetched from it; the client knows of no directory."""
    store = store_of(tmp_path, swept.uri)
    for run in (*swept.on_server.runs(swept.uri)[0], *swept.on_server.runs(swept.uri)[1]):
        assert urlsplit(run.info.artifact_uri).scheme == "mlflow-artifacts"
        fetched = tmp_path / run.info.run_id
        fetched.mkdir()
        store.client.download_artifacts(run.info.run_id, "", str(fetched))
        (kept,) = swept.place.glob(f"artifacts/*/{run.info.run_id}/artifacts")
        contents = {path.name: path.read_bytes() for path in fetched.iterdir()}
        assert contents == {path.name: path.read_bytes() for path in kept.iterdir()}
        assert {"table.md"} == set(contents) or {"model.keras", "predictions.npz", "config.yaml"} <= set(contents)


def test_the_table_is_had_from_anywhere(swept, tmp_path):
    """Written again in another directory, it is the text that was printed."""
    ended = Shell(tmp_path).seedsweep("table", swept.sweep.run_id, "--uri", swept.uri)
    assert ended.code == 0, ended.err
    assert ended.out in swept.on_server.output
    assert ended.out.count("| mlp") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_second_start_trains_nothing(swept):
    """What the server has is reused, with all that was measured."""
    assert swept.on_server.run() == 0, swept.on_server.output
    plans = [line for line in swept.on_server.output.splitlines() if line.startswith("plan: ")]
    assert plans == ["plan: 0 cached, 0 to resume, 2 new", "plan: 2 cached, 0 to resume, 0 new"]
    again = find_sweep(store_of(swept.on_server.directory, swept.uri), None)
    assert again.run_id != swept.sweep.run_id
    assert [trial.tags["reused_from"] for trial in again.trials] == [trial.run_id for trial in swept.sweep.trials]
    assert [trial.metrics for trial in again.trials] == [trial.metrics for trial in swept.sweep.trials]
    assert [trial.artifacts for trial in again.trials] == [trial.artifacts for trial in swept.sweep.trials]


def test_mlflow_prints_nothing_of_its_own(swept):
    """It would say two lines for each run of a server, between those of the sweep."""
    assert "View run" not in swept.on_server.output
    assert swept.uri not in swept.on_server.output
