"""A command that is started warm is the same command: what most tests start stands for what a user does."""

import json
import signal
import subprocess

import psutil
import pytest
from support.commands import ENVIRONMENT
from support.starting import Cold, Warm

# Tells what it finds, and a process that it spawns finds.
PROBE = """
import json, multiprocessing, os, signal, sys
from pathlib import Path

def found():
    return {
        "arguments": sys.argv, "directory": os.getcwd(), "path": sys.path, "script": __file__,
        "environment": {**os.environ, "_MLFLOW_TELEMETRY_SESSION_ID": ""},
        "leads": [os.getpid() == os.getsid(0), os.getpid() == os.getpgrp()],
        "interrupt": str(signal.getsignal(signal.SIGINT)), "pipe": str(signal.getsignal(signal.SIGPIPE)),
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), "mask": os.umask(0o22),
        "open": sorted(os.readlink(f"/proc/self/fd/{n}").split(":")[0] for n in range(3)),
        "encodings": [sys.stdout.encoding, sys.stderr.encoding, sys.getfilesystemencoding()],
        "buffered": [sys.stdout.write_through, sys.stderr.write_through], "flags": list(sys.flags),
        "threads": len(os.listdir("/proc/self/task")), "heavy": sorted({"keras", "tensorflow"} & set(sys.modules)),
    }

def tell(name):
    Path(name).write_text(json.dumps(found()))

if __name__ == "__main__":
    print("said", flush=True)
    print("complained", file=sys.stderr)
    # As a sweep does before it starts workers; some of these set variables of the environment.
    import seedsweep.sweeps.grid, seedsweep.runner.reuse, seedsweep.tracking.store
    worker = multiprocessing.get_context("spawn").Process(target=tell, args=("worker.json",))
    worker.start()
    worker.join()
    tell("parent.json")
    sys.exit(3)
"""


def run(directory, script, starter, *arguments):
    """Run a script in a directory of its own; returns its exit code and all that it left."""
    directory.mkdir()
    where = {"directory": directory, "environment": {**ENVIRONMENT, "SAID": "ä\n"}}
    with (
        (directory / "out").open("wb") as out,
        (directory / "err").open("wb") as err,
        starter.started(script, arguments, **where, out=out, err=err) as process,
    ):
        code = process.wait(60)
    left = {path.name: path.read_text(encoding="utf-8") for path in directory.iterdir()}
    return code, {key: text.replace(str(directory), "HERE") for key, text in left.items()}


def test_warm_is_as_cold(tmp_path, starter):
    """Arguments, environment, directory, session, signals, streams; and in a process that it spawns, which is cold."""
    script = tmp_path / "probe.py"
    script.write_text(PROBE, encoding="utf-8")
    code, cold = run(tmp_path / "cold", script, Cold(), "a b", "ü")
    warm_code, warm = run(tmp_path / "warm", script, starter, "a b", "ü")
    assert (code, warm_code) == (3, 3), warm["err"]
    assert (warm["out"], warm["err"]) == ("said\n", "complained\n")
    for name in ("parent.json", "worker.json"):
        one, other = json.loads(cold[name]), json.loads(warm[name])
        # Some libraries start threads when they are imported, and what is warm has none of those.
        assert one.pop("threads") >= other.pop("threads"), name
        assert one == other, name


@pytest.mark.parametrize(
    ("text", "expected"),
    [("pass", 0), ("raise ValueError('on purpose')", 1), ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL)],
)
def test_its_end_is_told(tmp_path, starter, text, expected):
    """The exit code, the signal, and what Python says of an error."""
    script = tmp_path / "script.py"
    script.write_text(text, encoding="utf-8")
    code, left = run(tmp_path / "warm", script, starter)
    assert code == expected
    assert ("ValueError: on purpose" in left["err"]) == ("raise" in text)


@pytest.fixture
def waiting(tmp_path):
    """What to start for a command that waits."""
    script = tmp_path / "wait.py"
    script.write_text("import time; time.sleep(60)", encoding="utf-8")
    with (tmp_path / "out").open("wb") as out:
        yield {
            "script": script,
            "arguments": [],
            "directory": tmp_path,
            "environment": ENVIRONMENT,
            "out": out,
            "err": out,
        }


def test_a_command_can_be_waited_for_and_is_gone_with_its_block(starter, waiting):
    """`wait` has its limit; several run at a time, each with an end of its own."""
    with starter.started(**waiting) as one, starter.started(**waiting) as other:
        with pytest.raises(subprocess.TimeoutExpired):
            one.wait(0.1)
        assert one.poll() is None
        one.send_signal(signal.SIGTERM)
        assert one.wait(10) == -signal.SIGTERM
        assert other.poll() is None
    assert other.poll() == -signal.SIGKILL


def test_another_python_or_store_is_said_to_a_process_of_its_own(starter, waiting):
    """What is read when Python or MLflow is imported would come too late."""
    waiting["environment"] = {**ENVIRONMENT, "PYTHONHASHSEED": "1"}
    with starter.started(**waiting) as process:
        assert isinstance(process, subprocess.Popen)


def test_a_starter_takes_its_commands_along(waiting):
    """When the tests are gone, however they went."""
    warm = Warm(ENVIRONMENT, modules=())
    with pytest.raises(RuntimeError, match="no starter any more"), warm.started(**waiting) as command:  # noqa: PT012
        process = psutil.Process(command.pid)
        warm.stop()
    assert psutil.wait_procs([process], timeout=10)[1] == []


def test_threads_would_be_lost_and_are_refused(tmp_path, waiting):
    """Whatever a library does some day."""
    (tmp_path / "threaded.py").write_text(
        "import threading, time; threading.Thread(target=time.sleep, args=[60], daemon=True).start()", encoding="utf-8"
    )
    warm = Warm({**ENVIRONMENT, "PYTHONPATH": str(tmp_path)}, modules=("threaded",))
    waiting["environment"] = {**ENVIRONMENT, "PYTHONPATH": str(tmp_path)}
    with pytest.raises(RuntimeError, match="2 threads"), warm.started(**waiting):
        pass
    warm.stop()
