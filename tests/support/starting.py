"""How tests start commands: cold, as a user does, or warm, without the seconds that their imports take."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

STARTER = Path(__file__).parent / "warm_starter.py"
# In the order in which a sweep imports them. Nothing that starts a thread, which no fork survives.
MODULES = (
    "seedsweep.cli.sweep_command",
    "seedsweep.launchers.pool.pool",
    "seedsweep.launchers.scheduler",
    "seedsweep.sweeps.grid",
    "seedsweep.data.sources",
    "seedsweep.runner.reuse",
    "seedsweep.runner.standalone",
    "seedsweep.tracking.run_writer",
    "seedsweep.tracking.journal_uploader",
    "seedsweep.sweeps.publish",
)
# The first one waits for the starter's own imports, beside other tests.
_START_SECONDS = 120
# Whatever Python, the C library and the imports read when they start: another value needs a start of its own.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MLFLOW_", "OMP_", "OPENBLAS_")
# Without them numpy and Arrow each start a thread.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


class Cold:
    """Starts each command with Python, as a user does."""

    @contextmanager
    def started(self, script, arguments, *, directory, environment, out, err):
        """The command as a terminal's foreground job; killed with all that it started when the block ends."""
        with subprocess.Popen(
            [sys.executable, "-u", str(script), *arguments],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            preexec_fn=_heed_interrupts,  # noqa: PLW1509 - it starts no thread and takes no lock
        ) as process:
            yield from _killed_at_the_end(process)


class Warm:
    """Starts commands by forking a process that has made their imports, which is started with the first of them."""

    def __init__(self, environment, modules=MODULES):
        self._environment, self._modules = environment, modules
        self._process = None
        self._requests = None

    @contextmanager
    def started(self, script, arguments, *, directory, environment, out, err):
        """The same, with what tests use of a `Popen`."""
        if _read_at_start(environment) != _read_at_start(self._environment):
            with Cold().started(
                script, arguments, directory=directory, environment=environment, out=out, err=err
            ) as process:
                yield process
            return
        if self._process is None:
            self._begin()
        request = {
            "script": str(script),
            "arguments": list(map(str, arguments)),
            "directory": str(directory),
            "environment": environment,
        }
        reports, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with reports:
            with theirs:
                files = [out.fileno(), err.fileno(), theirs.fileno()]
                socket.send_fds(self._requests, [json.dumps(request).encode()], files)
            yield from _killed_at_the_end(Forked(reports))

    def _begin(self):
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-u", str(STARTER), str(theirs.fileno()), *self._modules],
                env=self._environment | _ONE_THREAD,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                preexec_fn=_heed_interrupts,  # noqa: PLW1509 - it starts no thread and takes no lock
            )

    def stop(self):
        """End the starter, which ends by itself when this process is gone."""
        if self._process is not None:
            self._requests.close()
            self._process.wait()
            self._process = None


class Forked:
    """What tests use of a `Popen`, for a child of the starter."""

    def __init__(self, reports):
        self.returncode = None
        self._reports = reports
        self.pid = self._told("started", _START_SECONDS)

    def wait(self, timeout=None):
        if self.returncode is None:
            self.returncode = self._told("ended", timeout)
        return self.returncode

    def poll(self):
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def _told(self, what, seconds):
        self._reports.settimeout(seconds)
        try:
            word, _, number = self._reports.recv(1000).decode().partition(" ")
        except (TimeoutError, BlockingIOError):
            raise subprocess.TimeoutExpired("a command started warm", seconds) from None
        if word != what:
            raise RuntimeError(f"the starter of commands: {word} {number}" if word else "there is no starter any more")
        return int(number)


def _killed_at_the_end(process):
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _heed_interrupts():
    """A shell starts its background jobs with SIGINT ignored, and whoever they start inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _read_at_start(environment):
    return {name: value for name, value in environment.items() if name.startswith(_READ_AT_START)}
