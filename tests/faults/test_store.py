"""The store under many writers, with a disk that is full, and with a server that goes away."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime

import pytest
from support.commands import ENVIRONMENT
from support.servers import free_port, mlflow_server
from support.stores import store_of

from seedsweep.tracking.predictions import PredictionReader
from seedsweep.tracking.run_queries import find_sweep

WRITER = """
import sys
import time
from pathlib import Path
from seedsweep.tracking.journal_uploader import JournalUploader
from seedsweep.tracking.journal import Journal
from seedsweep.tracking.recovery import settle
from seedsweep.tracking.store import open_store
from seedsweep.tracking.trial_logger import TrialWriter
from seedsweep.metrics import EpochMetrics

directory, number, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = open_store(f"sqlite:///{directory}/mlflow.db", "seedsweep")
journal = Journal(directory / number)
writer = TrialWriter(journal, number, parent_run_id=None, settings={"seed": number}, tags={"job": number})
with JournalUploader(store, [directory / number]):
    for step in range(1, count + 1):
        writer.epoch(EpochMetrics(step, {"loss": 1 / step}))
        time.sleep(0.002)
writer.finish({}, {}, step=count)
settle(store, directory / number, "")
"""


def test_many_processes_start_and_write_at_once(tmp_path, starter, full, tally):
    """All of them find or make the same new database; not one of their metrics is missing, and no lock is left."""
    locks = tmp_path / "locks"
    locks.mkdir()
    writers, metrics = (16, 1000) if full else (3, 100)
    (tmp_path / "writer.py").write_text(WRITER, encoding="utf-8")
    began = time.monotonic()
    with (tmp_path / "output").open("wb") as output, ExitStack() as stack:
        processes = [
            stack.enter_context(
                starter.started(
                    tmp_path / "writer.py",
                    [str(tmp_path), str(number), str(metrics)],
                    directory=tmp_path,
                    environment=ENVIRONMENT | {"TMPDIR": str(locks)},
                    out=output,
                    err=output,
                )
            )
            for number in range(writers)
        ]
        codes = [process.wait(400) for process in processes]
    assert codes == [0] * writers, (tmp_path / "output").read_text(encoding="utf-8")
    took = time.monotonic() - began
    assert not list(locks.glob("*.lock"))
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        counts = database.execute("SELECT count(*), count(DISTINCT run_uuid) FROM metrics").fetchone()
        assert counts == (writers * metrics, writers)
        names = database.execute("SELECT name FROM experiments ORDER BY name").fetchall()
        assert names == [("Default",), ("seedsweep",)]
    tally(f"{writers} first-time starts at once, each a writer of {metrics} metrics", writers, writers, took)


@contextmanager
def small_disk(directory, size):
    """A file system of its own that is soon full."""
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@pytest.mark.parametrize("what", ["database", "checkpoint", "artifact"])
def test_a_full_disk(sweep, tmp_path, full, tally, what):
    """One clear message; the database is whole, and the sweep goes on after the cause is removed."""
    if not full:
        pytest.skip("each kind takes half a minute: --full")
    with small_disk(tmp_path / "disk", "24m") as disk:
        settings = {
            "database": {"arguments": [f"tracking.uri=sqlite:///{disk}/mlflow.db"]},
            "checkpoint": {"arguments": [f"hydra.sweep.dir={disk}/jobs"], "CHECKPOINT_BYTES": 9 << 20},
            "artifact": {"arguments": [f"hydra.sweep.dir={disk}/jobs"], "MODEL_BYTES": 9 << 20},
        }[what]
        arguments = settings.pop("arguments")
        trying = sweep([1, 2, 3, 4], "hydra.launcher.workers=2", *arguments, **settings)
        with trying.started() as parent:
            trying.wait_for_epochs(3)
            fill(disk, leave=0 if what == "database" else 5 << 20)
            code = parent.wait(120)
        assert code == 1, trying.output
        last = trying.output.strip().splitlines()[-2:]
        assert last[0].startswith("error: cannot write "), trying.output
        assert "disk" in last[0] or "space" in last[0], last
        assert last[1].startswith("fix: nothing is lost"), last
        assert "Traceback" not in trying.output
        path = disk if what == "database" else tmp_path
        with closing(sqlite3.connect(path / "mlflow.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (disk / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=400m", str(disk)], check=True)
        assert trying.run() == 0, trying.output
        assert trying.trained_after_end() == set() or what == "artifact"
        trying.check_whole(uri=f"sqlite:///{path}/mlflow.db")
    tally(f"disk full while writing the {what}", 1, 1)


def fill(disk, leave):
    """Take all room on a disk but some bytes."""
    descriptor = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while leave == 0 or shutil.disk_usage(disk).free > leave:
            os.write(descriptor, bytes(4096))
    os.close(descriptor)


def test_a_server_that_goes_away(sweep, tmp_path, full, tally):
    """Training does not wait for it, and everything is there when it is back."""
    if not full:
        pytest.skip("an MLflow server takes a quarter of a minute to start, and does so twice: --full")
    away, trials = 60, 24
    place, port = tmp_path / "server", free_port()
    place.mkdir()
    with ExitStack() as stack:
        server = stack.enter_context(ExitStack())
        uri = server.enter_context(mlflow_server(place, port, f"sqlite:///{place}/server.db"))
        trying = sweep(range(1, trials + 1), "hydra.launcher.workers=2", f"tracking.uri={uri}")
        parent = stack.enter_context(trying.started())
        trying.wait_for_epochs(4)
        server.close()
        gone = time.monotonic()
        during = len(trying.lines("epoch"))
        while time.monotonic() - gone < away:
            time.sleep(0.1)
        trained = len(trying.lines("epoch")) - during
        server.enter_context(mlflow_server(place, port, f"sqlite:///{place}/server.db"))
        assert parent.wait(300) == 0, trying.output
        # Two workers, half a second an epoch; half of that speed would already be a wait.
        assert trained > min(away * 2, trials * 4 - during - 4), trained
        trying.check_whole(uri=uri)
        assert trying.repeated() == 0
        assert "the store does not answer" in trying.output
        store = store_of(trying.directory, uri)
        # Its files come over the network, too.
        assert len(PredictionReader(store).read(find_sweep(store, None).trials[0]).label) > 0
    tally(f"MLflow server away for {away} s", 1, 1)


@pytest.mark.timeout(1800)
def test_fifty_starts_in_a_second(sweep, full, tally, tmp_path):
    """Each has a directory of its own, whatever the clock says."""
    if not full:
        pytest.skip("needs minutes: --full")
    starts = 50
    trying = sweep([1], "hydra.launcher.workers=1", "rerun=true", epochs=1, EPOCH_SECONDS=0)
    command = [sys.executable, str(trying.script), *trying.arguments]
    processes = [
        subprocess.Popen(command, cwd=tmp_path, env=trying.environment, stdout=subprocess.PIPE, text=True)
        for _ in range(starts)
    ]
    outputs = [process.communicate(timeout=600)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * starts, outputs
    places = list(tmp_path.glob("multirun/*"))
    assert len(places) == starts
    assert all((place / "table.md").is_file() for place in places)
    seconds = {datetime.strptime(place.name[:19], "%Y-%m-%d_%H-%M-%S").astimezone() for place in places}
    store = store_of(tmp_path)
    runs = store.client.search_runs([store.experiment_id], max_results=1000)
    assert len(runs) == 2 * starts
    assert {run.info.status for run in runs} == {"FINISHED"}
    tally(f"{starts} sweeps started at once, within {len(seconds)} clock seconds", starts, starts)


def test_hostile_names(sweep, tmp_path, tally):
    """A name that would be a path, markup or a formula stays a name, and nothing is written outside."""
    before = set(tmp_path.parent.iterdir())
    hostile = "../../<script>|=x"
    trying = sweep([1], "hydra.launcher.workers=1", f"tracking.name='{hostile}'", f"model.name='{hostile}'")
    assert trying.run() == 0, trying.output
    trying.check_whole()
    (run,), (trial,) = trying.runs()
    assert (run.info.run_name, trial.data.params["model.name"]) == (hostile, hostile)
    assert set(tmp_path.parent.iterdir()) == before
    tally("hostile names", 1, 1)
