"""A Ray cluster of several nodes on this machine, each with a disk of its own where the tests write."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from conftest import ENVIRONMENT

START_SECONDS = 120
RAY = str(Path(sys.executable).parent / "ray")


class Cluster:
    """A head on which nothing runs, and nodes of one core each.

    Args:
        hidden: a directory that is another, empty one for every node.
        logs: where the nodes' output goes.
    """

    def __init__(self, hidden, logs):
        self.hidden, self.logs = hidden, logs
        # What a driver needs that joins it.
        self.variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        here = str(Path(__file__).parent)
        self.environment = {**ENVIRONMENT, **self.variables, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": here}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        # The address that Ray itself would choose: of the interface that leads outside.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            self.address = f"{probe.getsockname()[0]}:{port}"
        # Not below `hidden`: the path of Ray's sockets must be short, and every node needs it.
        self.session = tempfile.mkdtemp(prefix="ray-")
        self.nodes = []
        self.head = self._start(
            "head",
            "--head",
            f"--port={port}",
            "--num-cpus=0",
            "--include-dashboard=false",
            f"--temp-dir={self.session}",
        )
        self._wait_for_head()

    def add_node(self):
        """Start one more node."""
        self.nodes.append(
            self._start(f"node-{len(list(self.logs.iterdir()))}", f"--address={self.address}", "--num-cpus=1")
        )

    def lose(self, node):
        """Pull a node's plug: all of its processes are gone at once."""
        for process in [*psutil.Process(node.pid).children(recursive=True), psutil.Process(node.pid)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        node.wait()
        self.nodes.remove(node)

    def stop(self):
        """End everything."""
        for node in [*self.nodes, self.head]:
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                for process in psutil.Process(node.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                os.killpg(node.pid, signal.SIGKILL)
            node.wait()

    def _start(self, name, *arguments):
        hide = f'mount -t tmpfs none {self.hidden} && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", hide, "sh", RAY, "start", *arguments, "--block"]
        with (self.logs / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, cwd="/", start_new_session=True
            )

    def _wait_for_head(self):
        deadline = time.monotonic() + START_SECONDS
        while b"Ray runtime started" not in (log := (self.logs / "head.log").read_bytes()):
            assert self.head.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.2)


def can_hide():
    """Whether this process may give another one a disk of its own."""
    return subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0


needs_own_disks = pytest.mark.skipif(not can_hide(), reason="nodes with disks of their own need root's rights")
