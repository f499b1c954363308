"""Servers that tests start: a PostgreSQL and an MLflow of their own, on this machine only, gone when the test ends."""

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import requests
from support.commands import ENVIRONMENT
from support.starting import Cold

# The application that `mlflow server` starts, without the ten seconds of a core that the command itself imports.
APPLICATION = Path(__file__).parent / "mlflow_application.py"
COMMAND = Path(sysconfig.get_path("scripts")) / "mlflow"
# Two cores with other tests on them import MLflow's server, and make its tables, in up to a minute.
_START_SECONDS = 120
_NOT_HERE = "PostgreSQL is not installed: apt-get install postgresql, or --full, which does so as root"


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def postgresql(*, install=False):
    """An empty database in a PostgreSQL cluster of its own; gives its URI.

    It listens on a Unix socket only, so that it needs no port and no password. It forgets everything when the machine
    fails, which spares it the disk.

    Args:
        install: whether Debian's package may be installed where there is none; takes half a minute.
    """
    programs = _programs(install=install)
    # Not below pytest's own directories, which other users cannot enter, and whose paths are too long for a socket.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        place, owner = Path(name), {}
        if os.geteuid() == 0:  # as whom it refuses to run
            owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(place, "postgres", "postgres")
        making = ["--auth=trust", "--username=mlflow", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(
            [programs / "initdb", f"--pgdata={place}/data", *making],
            cwd=place,
            check=True,
            capture_output=True,
            **owner,
        )
        settings = [f"unix_socket_directories={place}", "listen_addresses=", "fsync=off", "shared_buffers=16MB"]
        options = [word for setting in settings for word in ("-c", setting)]
        with (
            (place / "log").open("wb") as log,
            subprocess.Popen(
                [programs / "postgres", "-D", f"{place}/data", *options], cwd=place, stdout=log, stderr=log, **owner
            ) as process,
        ):
            try:
                _wait_for(process, lambda: _make_database(place), place / "log")
                yield f"postgresql+psycopg://mlflow@/mlflow?host={place}"
            finally:
                process.send_signal(signal.SIGQUIT)  # at once, whoever is connected
                process.wait(30)


def _programs(*, install):
    """The directory of PostgreSQL's programs, which Debian keeps out of everybody's path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    if elsewhere := shutil.which("initdb"):
        return Path(elsewhere).resolve().parent
    if not install or os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip(_NOT_HERE)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "postgresql"]):
        ended = subprocess.run(["apt-get", "--quiet", *command], env=environment, capture_output=True, check=False)
        if ended.returncode:
            pytest.skip(f"PostgreSQL cannot be installed: {ended.stderr.decode().strip()[-300:]}")
    return _programs(install=False)


def _make_database(place):
    with suppress(psycopg.OperationalError):
        with psycopg.connect(host=str(place), user="mlflow", dbname="postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE mlflow")
        return True
    return False


@contextmanager
def mlflow_server(directory, port, database, starter=None):
    """A real MLflow server that serves its artifacts too; gives its address. It is killed when the block ends.

    What it keeps stays: with the same arguments it comes back.

    Args:
        directory: where it runs, and keeps its artifacts in `artifacts`.
        port: of loopback.
        database: the URI of where it keeps all else.
        starter: a warm one starts its application alone, in one process; by default it is the command that users type.
    """
    uri, artifacts = f"http://127.0.0.1:{port}", directory / "artifacts"
    options = ["--backend-store-uri", database, "--artifacts-destination", str(artifacts), "--serve-artifacts"]
    typed = ["server", *options, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    script, arguments, environment = APPLICATION, [database, str(artifacts), str(port)], ENVIRONMENT
    if starter is None:
        # Jobs are for evaluating language models, in processes of their own.
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        script, arguments, environment = COMMAND, typed, {**ENVIRONMENT, **quiet}
    log = directory / "server.log"
    with (
        log.open("ab") as output,
        (starter or Cold()).started(
            script, arguments, directory=directory, environment=environment, out=output, err=output
        ) as process,
    ):
        _wait_for(process, lambda: _is_healthy(uri), log)
        yield uri


def _is_healthy(uri):
    with suppress(requests.RequestException):
        return requests.get(f"{uri}/health", timeout=2).ok
    return False


def _wait_for(process, ready, log):
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"a server did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
        time.sleep(0.1)
