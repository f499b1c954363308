"""What happens inside a Ray worker: it enters its slot once, then runs one job after another.

Where the sweep's directory is not on this machine, a job has its own directory, and all that it writes there is sent to
the driver while it runs: no disk has to be shared, and nothing is lost with a machine. Ray's own
machinery is in `ray_worker`.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import tempfile
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
from omegaconf import read_write

from seedsweep.launchers import log_relay
from seedsweep.launchers.ray import directory_sync
from seedsweep.launchers.ray.scratch_dir import job_directory, remove_abandoned
from seedsweep.launchers.task_spec import spec_of
from seedsweep.launchers.worker_process import JobRunner
from seedsweep.trials.records import JOURNAL

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Mapping, Sequence

    from hydra.core.utils import JobReturn

    from seedsweep.launchers.ray.directory_sync import Change

# Seconds: between two looks at a job's directory, that records wait for more, that the driver waits for an update.
_LOOK_SECONDS, _TOGETHER_SECONDS, _PATIENCE_SECONDS = 0.5, 0.05, 10.0


@dataclass(frozen=True)
class WorkerUpdate:
    """What happened in a worker since its last update.

    Attributes:
        number: counted from 1.
        records: what was logged.
        changes: what has changed in the job's directory.
    """

    number: int
    records: Sequence[logging.LogRecord]
    changes: Sequence[Change]


@dataclass(frozen=True)
class InputFile:
    """A file that a job reads.

    Attributes:
        path: on the driver's machine.
        sha256: of its content.
        content: its reference in Ray's object store.
    """

    path: str
    sha256: str
    content: Any


@dataclass(frozen=True)
class Assignment:
    """A job as it is sent to a worker.

    Attributes:
        config: pickled, composed and numbered.
        directory: its own, within its sweep's.
        sweep: the sweep's directory on the driver's machine.
        proof: a file in it, by which a worker knows that it sees this directory.
        contents: of the job's directory so far.
        files: the task's key of a file that it reads → that file.
    """

    config: bytes
    directory: str
    sweep: str
    proof: str
    contents: Sequence[Change]
    files: Mapping[tuple[str, str | None], InputFile]


class RayActor:
    """One worker process.

    Args:
        environment: what must be set before anything that reads it is imported.
        context: a pickled `worker_process.LaunchContext`.
    """

    def __init__(self, environment: Mapping[str, str], context: bytes) -> None:
        self._records: deque[logging.LogRecord] = deque()  # what is logged in other threads meanwhile is not lost
        self._lock = threading.Lock()
        self._has_updates = threading.Event()
        self._number = 0
        self._sync: directory_sync.DirectorySync | None = None
        self._home: Path | None = None
        self._waiting_changes: deque[Change] = deque()
        self._checked: set[Path] = set()
        log_relay.report_to(self._log)
        self._runner = JobRunner(environment, context)
        remove_abandoned()

    def ready(self) -> int:
        """Return the process' id, once it can take a job."""
        return os.getpid()

    def ask(self, question: bytes) -> Any:
        """Return what a pickled call without arguments gives here."""
        return cloudpickle.loads(question)()

    def run(self, job: Assignment) -> tuple[bytes, WorkerUpdate]:
        """Run one job; returns its pickled `JobResult`, and the last update."""
        with self._working_directory(job) as home:
            config = cloudpickle.loads(job.config)
            config.hydra.sweep.dir = str(home)
            result = self._runner.run(config, lambda returned: _rename_directory(returned, home, Path(job.sweep)))
            with self._lock:
                last = self._take(looks=2)  # the second finds what was missed at the first
                self._sync = None
                self._waiting_changes.clear()
        return result, last

    def next_update(self) -> WorkerUpdate:
        """Return the next update as soon as there is something in it, or an empty one after seconds."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            if self._has_updates.wait(_LOOK_SECONDS):
                time.sleep(_TOGETHER_SECONDS)
            with self._lock:
                self._has_updates.clear()
                if (found := self._take()).records or found.changes or time.monotonic() > deadline:
                    return found
                self._number -= 1

    def receive_changes(self, changes: Sequence[Change]) -> None:
        """Write down what the jobs that run beside this one have written, as soon as it has started."""
        with self._lock:
            self._waiting_changes += changes
            if self._home:
                self._apply_waiting(self._home)

    def stop(self) -> None:
        """Ask the job to stop, or end the process where it cannot."""
        log_relay.request_stop()

    def _apply_waiting(self, home: Path) -> None:
        while self._waiting_changes:
            # A change after a lost one cannot be applied; those of other files can.
            with suppress(OSError, ValueError):
                directory_sync.apply([self._waiting_changes.popleft()], home)

    def _log(self, record: logging.LogRecord) -> None:
        self._records.append(record)
        self._has_updates.set()

    def _take(self, looks: int = 1) -> WorkerUpdate:
        changes = [change for _ in range(looks) for change in (self._sync.changes() if self._sync else ())]
        records = [self._records.popleft() for _ in range(len(self._records))]
        self._number += 1  # not before what may fail
        return WorkerUpdate(self._number, records, changes)

    @contextmanager
    def _working_directory(self, job: Assignment) -> Iterator[Path]:
        """Provide the job's input files and the sweep's directory, or a copy of what it holds."""
        spec_of(self._runner.task_function).receive_files({key: self._copy(file) for key, file in job.files.items()})
        if Path(job.proof).is_file() and os.access(job.sweep, os.W_OK):
            yield Path(job.sweep)
            return
        with job_directory() as home:
            own = home / job.directory
            directory_sync.apply(job.contents, own)
            watching = directory_sync.DirectorySync(own, JOURNAL)
            watching.changes()  # the driver has it
            with self._lock:
                self._sync, self._home = watching, home
                self._apply_waiting(home)
            yield home
            self._home = None

    def _copy(self, file: InputFile) -> Path:
        """Return a file with that content: the driver's own, or the copy of all workers of this machine."""
        name = f"{file.sha256}{Path(file.path).suffix}"
        kept = Path(tempfile.gettempdir()) / f"seedsweep-{_user()}" / name
        for path in (Path(file.path), kept):
            if path.is_file() and (path in self._checked or sha256_of(path) == file.sha256):
                self._checked.add(path)
                return path
        import ray

        kept.parent.mkdir(mode=0o700, exist_ok=True)
        unfinished = kept.with_name(f"{name}.{os.getpid()}.unfinished")
        unfinished.write_bytes(ray.get(file.content))
        unfinished.replace(kept)
        return kept


def _rename_directory(returned: JobReturn, home: Path, sweep: Path) -> None:
    """Give a job's directory in its result the path that it has on the driver's machine."""

    def on_driver(path: str) -> str:
        return str(sweep / Path(path).relative_to(home)) if Path(path).is_relative_to(home) else path

    returned.working_dir = on_driver(str(returned.working_dir))
    config: Any = returned.hydra_cfg
    with read_write(config.hydra):
        config.hydra.sweep.dir = str(sweep)
        config.hydra.runtime.output_dir = on_driver(config.hydra.runtime.output_dir)


def _user() -> int | str:
    """Return what tells one user from another; not everyone has a name."""
    return os.getuid() if hasattr(os, "getuid") else getpass.getuser()


def sha256_of(path: Path) -> str:
    """Return the hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
