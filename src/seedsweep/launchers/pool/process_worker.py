"""A worker on this machine: one slot and the process in it. The only module that imports Pebble."""

from __future__ import annotations

import multiprocessing
import signal
import time
from typing import TYPE_CHECKING

import cloudpickle
from pebble import ProcessExpired, ProcessPool

from seedsweep.errors import TimedOut, TrialError, WorkerDied
from seedsweep.launchers import worker_process

if TYPE_CHECKING:
    from concurrent.futures import Future

    from seedsweep.launchers.hydra.job import JobResult
    from seedsweep.launchers.jobs import Job
    from seedsweep.launchers.log_relay import LogRelay
    from seedsweep.launchers.resources import WorkerSlot

# How long a worker may be gone without a result before its job counts as lost.
_LOST_AFTER_SECONDS = 2.0


class ProcessWorker:
    """Runs jobs in one slot, one at a time, in a process that lives as long as it does well.

    Args:
        slot: where.
        context: a pickled `worker_process.LaunchContext`.
        relay: what the process reports to.
    """

    def __init__(self, slot: WorkerSlot, context: bytes, relay: LogRelay) -> None:
        self.slot = slot
        self._start = (slot.environment, context, relay.address, relay.key)
        self._pool: ProcessPool | None = None
        self._relay = relay
        self._timeout: float | None = None
        self._started = self._began = 0.0

    @property
    def name(self) -> str:
        """The slot's name."""
        return self.slot.name

    def starting(self) -> None:
        """Return nothing to wait for: it can always take a job, which waits for a new process if there is none."""

    def run(self, job: Job) -> Future[bytes]:
        """Start a job, in a new process if there is none.

        Its time begins when the process takes it.
        """
        self._timeout = job.spec.timeout
        if self._pool is not None and not self._pool.active:
            self.stop()  # its process was ended while it had nothing to do
        if self._pool is None:
            self._started = time.monotonic()
            # A pool of one, so that a replaced process enters the same slot. Never forked: TensorFlow's
            # threads do not survive it.
            self._pool = ProcessPool(
                max_workers=1,
                initializer=worker_process.start,
                initargs=self._start,
                context=multiprocessing.get_context("spawn"),
            )
        self._began = time.monotonic()
        with worker_process.block_sigint():
            return self._pool.schedule(worker_process.run, args=(job.pickled_config,), timeout=self._timeout)

    def is_lost(self) -> bool:
        """Tell whether the process that took the job is gone, without a result for seconds.

        Pebble says so by itself, unless the process ended with exit code 0.
        """
        came, went = self._relay.last_left(self.slot.name)
        # Who came before this pool was started is a predecessor, whose leaving is old news.
        return came > self._started and went > self._began and time.monotonic() - went > _LOST_AFTER_SECONDS

    def result(self, future: Future[bytes]) -> JobResult:
        """Return the outcome of a job.

        Raises:
            WorkerDied: its process is gone.
            TimedOut: it took too long, and its process was killed.
        """
        error: TrialError = WorkerDied(_how_it_died(0))
        if future.done():
            try:
                result: JobResult = cloudpickle.loads(future.result())
            except ProcessExpired as expired:
                error = WorkerDied(_how_it_died(expired.exitcode))
            except TimeoutError:
                error = TimedOut(f"took longer than timeout={self._timeout:g} s")
            except Exception as lost:  # noqa: BLE001 - the pool itself broke; the sweep continues with a new one
                error = WorkerDied(f"the worker process was lost: {lost!r}")
            else:
                return result
        self.stop()
        raise error

    def request_stop(self) -> None:
        """Ask the job to write down what it has and to end; see `log_relay.stop_requested`."""
        self._relay.request_stop(self.slot.name)

    def stop(self) -> None:
        """End the process; the next job gets a new one."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None


def _how_it_died(exitcode: int | None) -> str:
    if exitcode == signal.SIGTERM:
        return "the worker process was ended by SIGTERM"  # Pebble's handler turns it into this exit code
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"the worker process was killed by {name}{hint}"
    return f"the worker process ended by itself with exit code {exitcode}"
