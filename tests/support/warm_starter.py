"""A process that has imported what a sweep's parent imports, and forks into a command whenever a test asks for one.

Run by `starting.Warm`. The imports are most of what a command of the stand-in costs, and the same each time; all
else is as if Python had started the command: its session, environment, directory, streams, arguments and `__main__`.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path


def next_command(requests):
    """Fork for every request, and tell how commands end; returns in a process that is to become one, with its request.

    Ends with whoever asks, and takes along what still runs.
    """
    running = {}
    while True:
        for ready in select.select([requests, *running], [], [])[0]:
            if ready is not requests:
                pid, report = running.pop(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                os.close(ready)
                with report, suppress(BrokenPipeError):
                    report.send(f"ended {code}".encode())
                continue
            text, files, *_ = socket.recv_fds(requests, 1 << 20, 3)
            if not text:
                for pid, _ in running.values():
                    with suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)
                sys.exit()
            out, err, report = *files[:2], socket.socket(fileno=files[2])
            if (threads := len(list(Path("/proc/self/task").iterdir()))) > 1:
                report.send(f"{threads} threads, and a fork would have one of them".encode())
                sys.exit(1)
            if (pid := os.fork()) == 0:
                for descriptor, (_, other) in running.items():
                    os.close(descriptor)
                    other.close()
                requests.close()
                return json.loads(text), out, err, report
            os.close(out)
            os.close(err)
            running[os.pidfd_open(pid)] = pid, report


def main():
    requests = socket.socket(fileno=int(sys.argv[1]))
    before = dict(os.environ)
    for name in sys.argv[2:]:
        importlib.import_module(name)
    # What the imports have set for themselves, as they would have in the command.
    own = {name: value for name, value in os.environ.items() if before.get(name) != value}
    gc.collect()
    gc.freeze()  # or each command's first collection would copy all that was imported
    command, out, err, report = next_command(requests)
    os.setsid()
    for descriptor, stream in ((out, 1), (err, 2)):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(own | command["environment"])
    os.chdir(command["directory"])
    sys.argv[1:] = command["arguments"]
    sys.path[0] = os.path.dirname(command["script"])  # noqa: PTH120 - as Python does
    with report:
        report.send(f"started {os.getpid()}".encode())
    runpy.run_path(command["script"], run_name="__main__")


if __name__ == "__main__":
    main()
