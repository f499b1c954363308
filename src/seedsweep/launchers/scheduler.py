"""Runs a source's jobs on workers, until there are no more of either.

A job that raises, exits or dies costs itself only. Not here: what a worker is, see `pool` and `ray`; which jobs
there are, see `jobs`.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, Any, Protocol

from hydra.core.utils import JobStatus

from seedsweep.errors import (
    LaunchInterrupted,
    Retryable,
    Terminated,
    TrialError,
    TrialPruned,
    TrialStopped,
    UserError,
    WorkerDied,
    WriteError,
    reason,
)
from seedsweep.launchers.hydra.job import JobResult, error_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.utils import JobReturn

    from seedsweep.launchers.jobs import Job, JobComposer, JobSource
    from seedsweep.launchers.progress import ProgressDisplay

# How often the loop looks for workers that died silently.
_LOOK_SECONDS = 1.0
# How long running jobs may take to stop after Ctrl-C: a batch, a checkpoint, and what the store needs.
_STOP_SECONDS = 15.0
# Seconds after which a user reads that no worker has started.
_IDLE_SECONDS = 10.0


class Worker(Protocol):
    """Runs one job at a time, in a process that can be replaced."""

    @property
    def name(self) -> str:
        """Where it runs, for people."""

    def starting(self) -> Future[Any] | None:
        """Return what is done when it can take a job; None when it can.

        Raises:
            UserError: it does not start.
        """

    def run(self, job: Job) -> Future[Any]:
        """Start a job; what is returned is done when it has ended."""

    def is_lost(self) -> bool:
        """Tell whether the worker died silently."""

    def result(self, future: Future[Any]) -> JobResult:
        """Return the outcome of its job.

        Raises:
            TrialError: its process is gone, or took too long and was killed.
            WriteError: what it has written cannot be kept.
        """

    def request_stop(self) -> None:
        """Ask its job to write down what it has and to end, or to end at once where it cannot."""

    def stop(self) -> None:
        """End its process; the next job gets a new one."""


def run_jobs(
    source: JobSource, composer: JobComposer, workers: Sequence[Worker], screen: ProgressDisplay, failed_before: int
) -> list[JobReturn]:
    """Run a source's jobs, as many at once as there are workers.

    Args:
        source: says what distinguishes each job.
        composer: composes each.
        workers: where they run.
        screen: shows what happens.
        failed_before: how many jobs of the same sweep have failed in earlier launches.

    Returns:
        One `JobReturn` for each job that the source gave, in its order.

    Raises:
        UserError: no worker starts.
        LaunchInterrupted: Ctrl-C; running jobs have been asked to stop.
    """
    return _Launch(source, composer, workers, screen, failed_before).run()


class _Launch:
    """One launch: a single loop over futures, into which Ctrl-C lands directly."""

    def __init__(
        self,
        source: JobSource,
        composer: JobComposer,
        workers: Sequence[Worker],
        screen: ProgressDisplay,
        failed_before: int,
    ) -> None:
        self._source = source
        self._composer = composer
        self._workers = workers
        self._free = deque(workers)
        self._usable_workers = len(workers)
        self._start_error = ""
        self._screen = screen
        self._failed_before = failed_before
        self._retries: deque[tuple[Job, JobResult]] = deque()
        self._tries: dict[int, int] = {}
        self._running: dict[Future[Any], tuple[Job, Worker]] = {}
        self._results: dict[int, JobReturn] = {}
        self._failures: dict[int, BaseException] = {}
        self._starts_no_more = self._is_stopping = False

    def run(self) -> list[JobReturn]:
        try:
            self._run()
        except Terminated:
            raise
        except KeyboardInterrupt as stop:
            self._stop_running()
            raise LaunchInterrupted(self._failures) from stop
        for job, result in self._retries:
            self._record_failure(job, result)  # it was to be tried again when the launch ended early
        return [self._results[position] for position in sorted(self._results)]

    def _run(self) -> None:
        """Run until there is nothing to run, or no more may be started."""
        idle_since, has_said = time.monotonic(), False
        while True:
            starting = self._start_jobs()
            if self._running:
                idle_since = time.monotonic()
            elif not starting or self._starts_no_more:
                return
            elif not has_said and time.monotonic() - idle_since > _IDLE_SECONDS:
                has_said = True
                self._screen.say("waiting for a place to run: no worker has started yet")
            self._collect(_LOOK_SECONDS, starting)

    def _start_jobs(self) -> list[Future[Any]]:
        """Start jobs on all workers that can take one; returns what is done when another can."""
        starting = []
        for worker in list(self._free):
            try:
                ready = worker.starting()
            except UserError as error:
                self._drop_worker(worker, error)
                continue
            if ready is not None:
                starting.append(ready)
                continue
            job = self._next_job()
            if job is None:
                return []
            self._free.remove(worker)
            self._screen.started(job.number, job.label, worker.name)
            self._tries[job.position] = self._tries.get(job.position, 0) + 1
            self._running[worker.run(job)] = (job, worker)
        return starting

    def _drop_worker(self, worker: Worker, error: UserError) -> None:
        """Continue without a worker that does not start, if there are others."""
        self._free.remove(worker)
        self._usable_workers -= 1
        if not self._usable_workers:
            raise error
        if error.what != self._start_error:
            self._start_error = error.what
            self._screen.say(f"{worker.name} is left out: {error.what}")

    def _next_job(self) -> Job | None:
        if self._starts_no_more:
            return None
        if self._retries:
            return self._retries.popleft()[0]
        overrides = self._source.next()
        return None if overrides is None else self._composer.job(overrides)

    def _collect(self, seconds: float, starting: Sequence[Future[Any]] = ()) -> None:
        """Wait for a job to end or a worker to start, and process the results of jobs that ended."""
        done = wait([*self._running, *starting], timeout=seconds, return_when=FIRST_COMPLETED).done
        is_lost = {future for future, (_, worker) in self._running.items() if worker.is_lost()}
        for future in done & self._running.keys() | is_lost:
            job, worker = self._running.pop(future)
            try:
                result = worker.result(future)
            except (TrialError, WriteError) as error:
                result = JobResult.failed(job.config.hydra.overrides.task, error)
            self._screen.ended(job.number)
            # In front: a second try belongs to the slot in which memory is free now that its process is gone.
            self._free.appendleft(worker)
            if result.status is JobStatus.FAILED:
                self._handle_failure(job, worker, error_of(result), result)
            else:
                self._results[job.position] = result
                self._source.ended(job.position, result)

    def _handle_failure(self, job: Job, worker: Worker, error: BaseException, result: JobResult) -> None:
        if self._is_stopping and isinstance(error, TrialStopped | WorkerDied):
            return
        if isinstance(error, TrialPruned):  # it has ended, and did not fail
            self._results[job.position] = result
            self._source.ended(job.position, result)
            self._screen.say(f"{job.label} {reason(error)}")
            return
        if isinstance(error, Retryable):
            worker.stop()  # whatever memory its process holds
            if self._tries[job.position] <= job.spec.retries and not self._starts_no_more:
                self._screen.retried(job.label, reason(error))
                self._retries.append((job, result))
                return
        self._record_failure(job, result)
        if isinstance(error, WriteError):
            self._start_no_more("no trial can be kept")
        elif self._failed_before + len(self._failures) == job.spec.max_failures:
            self._start_no_more(f"max_failures={job.spec.max_failures} trials have failed")

    def _record_failure(self, job: Job, result: JobResult) -> None:
        error = error_of(result)
        self._results[job.position] = result
        self._failures[job.number] = error
        self._source.ended(job.position, result)
        self._screen.failed(job.label, reason(error), result.traceback)

    def _start_no_more(self, why: str) -> None:
        if self._starts_no_more:
            return
        self._starts_no_more = True
        self._screen.say(f"no more trials are started: {why}")

    def _stop_running(self) -> None:
        """Let running jobs write down what they have."""
        self._starts_no_more = self._is_stopping = True
        self._screen.say("stopping: running trials write their checkpoints; Ctrl-C again stops at once")
        for worker in self._workers:
            worker.request_stop()
        deadline = time.monotonic() + _STOP_SECONDS
        while self._running and (left := deadline - time.monotonic()) > 0:
            self._collect(min(left, _LOOK_SECONDS))
