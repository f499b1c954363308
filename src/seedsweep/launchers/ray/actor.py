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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from seedsweep.launchers import log_relay, worker_process
from seedsweep.launchers.hydra.packing import unpacked
from seedsweep.launchers.job_inputs import carrying_of
from seedsweep.launchers.ray import directory_sync
from seedsweep.launchers.ray.scratch_dir import job_directory, remove_abandoned
from seedsweep.trials.records import JOURNAL

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Mapping, Sequence

    from omegaconf import DictConfig

    from seedsweep.launchers.hydra.job_result import JobOutcome
    from seedsweep.launchers.ray.directory_sync import Change

# How often a job's directory is looked at, how long records wait for company, and how long a listener waits for news.
_LOOK_SECONDS, _TOGETHER_SECONDS, _PATIENCE_SECONDS = 0.5, 0.05, 10.0


@dataclass(frozen=True)
class WorkerUpdate:
    """What a worker has to tell.

    Attributes:
        number: counted from 1; what came before is to be taken first.
        records: what was logged.
        changes: what has changed in the job's directory.
    """

    number: int
    records: Sequence[logging.LogRecord]
    changes: Sequence[Change]


@dataclass(frozen=True)
class Carried:
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
        proof: a file in it that is nowhere else.
        before: what is in the job's directory already.
        files: what the task calls a file that it reads → that file.
    """

    config: bytes
    directory: str
    sweep: str
    proof: str
    before: Sequence[Change]
    files: Mapping[tuple[str, str | None], Carried]


class RayActor:
    """One worker process.

    Args:
        environment: what must be set before anything that reads it is imported.
        shared: a pickled `worker.LaunchContext`.
    """

    def __init__(self, environment: Mapping[str, str], shared: bytes) -> None:
        self._records: deque[logging.LogRecord] = deque()  # what is logged in other threads meanwhile is not lost
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._number = 0
        self._mirror: directory_sync.DirectorySync | None = None
        self._home: Path | None = None
        self._unheard: deque[Change] = deque()
        self._checked: set[Path] = set()
        log_relay.report_to(self._log)
        worker_process.enter(environment, shared)
        remove_abandoned()

    def ready(self) -> int:
        """Return the process' id, once it can take a job."""
        return os.getpid()

    def ask(self, question: bytes) -> Any:
        """Return what a pickled call without arguments gives here."""
        return cloudpickle.loads(question)()

    def run(self, job: Assignment) -> tuple[bytes, WorkerUpdate]:
        """Run one job; what it came to, and the last news of it."""
        with self._at_home(job) as home:

            def load() -> DictConfig:
                config: DictConfig = unpacked(job.config)
                config.hydra.sweep.dir = str(home)
                return config

            result = worker_process.run_loaded(load, lambda told: _as_on_driver(told, home, Path(job.sweep)))
            with self._lock:
                last = self._take(looks=2)  # the second finds what was missed at the first
                self._mirror = None
                self._unheard.clear()
        return result, last

    def news(self) -> WorkerUpdate:
        """Return what is new, as soon as anything is, or after seconds."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            if self._woken.wait(_LOOK_SECONDS):
                time.sleep(_TOGETHER_SECONDS)
            with self._lock:
                self._woken.clear()
                if (found := self._take()).records or found.changes or time.monotonic() > deadline:
                    return found
                self._number -= 1

    def hear(self, changes: Sequence[Change]) -> None:
        """Take over what the jobs beside this one have written, as soon as it has begun."""
        with self._lock:
            self._unheard += changes
            if self._home:
                self._take_over(self._home)

    def stop(self) -> None:
        """Ask the job to stop, or end the process where it cannot."""
        log_relay.request_stop()

    def _take_over(self, home: Path) -> None:
        while self._unheard:
            # What follows a change that was lost is worth nothing, and the other files are.
            with suppress(OSError, ValueError):
                directory_sync.apply([self._unheard.popleft()], home)

    def _log(self, record: logging.LogRecord) -> None:
        self._records.append(record)
        self._woken.set()

    def _take(self, looks: int = 1) -> WorkerUpdate:
        changes = [change for _ in range(looks) for change in (self._mirror.changes() if self._mirror else ())]
        records = [self._records.popleft() for _ in range(len(self._records))]
        self._number += 1  # not before what may fail
        return WorkerUpdate(self._number, records, changes)

    @contextmanager
    def _at_home(self, job: Assignment) -> Iterator[Path]:
        """Give the job files to read, and the sweep's directory, or one that has what the driver's has."""
        carrying_of(worker_process.task_function()).receive(
            {told: self._copy(file) for told, file in job.files.items()}
        )
        if Path(job.proof).is_file() and os.access(job.sweep, os.W_OK):
            yield Path(job.sweep)
            return
        with job_directory() as home:
            own = home / job.directory
            directory_sync.apply(job.before, own)
            watching = directory_sync.DirectorySync(own, JOURNAL)
            watching.changes()  # the driver has it
            with self._lock:
                self._mirror, self._home = watching, home
                self._take_over(home)
            yield home
            self._home = None

    def _copy(self, file: Carried) -> Path:
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


def _as_on_driver(told: JobOutcome, home: Path, sweep: Path) -> JobOutcome:
    """Say of a job's directory what it is called on the driver's machine."""

    def there(path: str | None) -> str | None:
        inside = path is not None and Path(path).is_relative_to(home)
        return str(sweep / Path(str(path)).relative_to(home)) if inside else path

    return replace(told, working_dir=there(told.working_dir), directory=there(told.directory))


def _user() -> int | str:
    """Return what tells one user from another; not everyone has a name."""
    return os.getuid() if hasattr(os, "getuid") else getpass.getuser()


def sha256_of(path: Path) -> str:
    """Return the hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
