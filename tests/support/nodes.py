"""A Ray cluster of several nodes on this machine, each with a disk of its own where the tests write."""

import os
import secrets
import shutil
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
from support.commands import ENVIRONMENT
from support.servers import free_port

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
        port, self.client_port = free_port(), free_port()
        # The address that Ray itself would choose: of the interface that leads outside.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            self.address = f"{probe.getsockname()[0]}:{port}"
        # Not below `hidden`: the path of Ray's sockets must be short, and every node needs it.
        self.session = tempfile.mkdtemp(prefix="ray-")
        self.nodes = []
        self.head = self._start(
            "--head",
            f"--port={port}",
            f"--ray-client-server-port={self.client_port}",
            "--num-cpus=0",
            "--include-dashboard=false",
            f"--temp-dir={self.session}",
        )

    def add_node(self, *arguments):
        """Start one more node; two that start at once on one machine take each other's ports."""
        node = self._start(f"--address={self.address}", "--num-cpus=1", *arguments)
        self.nodes.append(node)
        return node

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
        shutil.rmtree(self.session, ignore_errors=True)

    def _start(self, *arguments):
        hide = f'mount -t tmpfs none {self.hidden} && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", hide, "sh", RAY, "start", *arguments, "--block"]
        log = self.logs / f"{len(list(self.logs.iterdir()))}.log"
        with log.open("wb") as file:
            # What the suite hides, a node that is to have GPUs must not be told.
            hides = {} if any("gpus" in word for word in arguments) else {"CUDA_VISIBLE_DEVICES": "-1"}
            environment = {key: word for key, word in self.environment.items() if key != "CUDA_VISIBLE_DEVICES"} | hides
            where = {"env": environment, "stdout": file, "stderr": file, "cwd": "/"}
            process = subprocess.Popen(command, start_new_session=True, **where)
        deadline = time.monotonic() + START_SECONDS
        while "Ray runtime started" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        return process


def can_hide():
    """Whether this process may give another one a disk of its own."""
    return subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0


needs_own_disks = pytest.mark.skipif(not can_hide(), reason="nodes with disks of their own need root's rights")
