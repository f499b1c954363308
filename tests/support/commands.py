"""The project's files, and its commands as a user types them, in a directory of the test's own."""

import contextlib
import io
import os
import signal
import subprocess
import tempfile
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path

from support.starting import Cold, Warm

import seedsweep.cli.table_command

ROOT = Path(__file__).parents[2]
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
        # A shell starts background jobs with SIGINT ignored, and their child processes inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
