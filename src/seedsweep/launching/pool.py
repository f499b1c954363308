"""Run jobs in long-lived worker processes, one for each slot.

A job that raises, exits or dies costs itself only. Not here: what a job is, see `worker`; which ones there are,
see `jobs`.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, setup_globals

from seedsweep.errors import (
    CannotWrite,
    LaunchInterrupted,
    Outdone,
    Retryable,
    Stopped,
    Terminated,
    TrialError,
    WorkerDied,
    reason,
)
from seedsweep.launching import worker
from seedsweep.launching.jobs import Composer
from seedsweep.launching.screen import Screen
from seedsweep.launching.slot_worker import SlotWorker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from seedsweep.launching.jobs import Job, JobSource
    from seedsweep.launching.slots import Slot

# How often the loop looks for workers that left without a word.
_LOOK_SECONDS = 1.0
# How long running jobs may take to stop after Ctrl-C: a batch, a checkpoint, and what the store needs.
_STOP_SECONDS = 15.0


def launch(
    *,
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    slots: Sequence[Slot],
    source: JobSource,
    initial_job_idx: int,
    failed_before: int,
) -> list[JobReturn]:
    """Run a source's jobs, as many at once as there are slots.

    Args:
        hydra_context: as Hydra gave it to the launcher.
        task_function: what to run.
        config: the sweep's own config.
        slots: where jobs may run.
        source: says what distinguishes each job.
        initial_job_idx: number of the first job.
        failed_before: how many jobs of the same sweep have failed in earlier launches.

    Returns:
        One `JobReturn` for each job that the source gave, in its order.

    Raises:
        LaunchInterrupted: Ctrl-C; all workers are stopped.
    """
    setup_globals()
    shared = cloudpickle.dumps(worker.Shared(task_function, hydra_context, Singleton.get_state()))
    with Screen(source.total) as screen:
        workers = [SlotWorker(slot, shared, screen.relay) for slot in slots[: source.total]]
        try:
            composer = Composer(hydra_context.config_loader, config, initial_job_idx)
            return _Launch(source, composer, workers, screen, failed_before).run()
        finally:
            # All at once: one that ignores SIGTERM takes seconds.
            with ThreadPoolExecutor(len(workers)) as stopping:
                list(stopping.map(SlotWorker.stop, workers))


class _Launch:
    """One launch: a single loop over futures, into which Ctrl-C lands directly."""

    def __init__(
        self,
        source: JobSource,
        composer: Composer,
        workers: Sequence[SlotWorker],
        screen: Screen,
        failed_before: int,
    ) -> None:
        self._source = source
        self._composer = composer
        self._free = deque(workers)
        self._screen = screen
        self._failed_before = failed_before
        self._again: deque[tuple[Job, JobReturn]] = deque()
        self._tries: dict[int, int] = {}
        self._running: dict[Future[bytes], tuple[Job, SlotWorker]] = {}
        self._results: dict[int, JobReturn] = {}
        self._failures: dict[int, BaseException] = {}
        self._ends_early = self._winding_up = False

    def run(self) -> list[JobReturn]:
        try:
            while self._start_jobs() or self._running:
                self._collect(_LOOK_SECONDS)
        except Terminated:
            raise
        except KeyboardInterrupt as stop:
            self._wind_up()
            raise LaunchInterrupted(self._failures) from stop
        for job, result in self._again:
            self._give_up(job, result)  # it was to be tried again when the launch ended early
        return [self._results[position] for position in sorted(self._results)]

    def _start_jobs(self) -> bool:
        """Fill the free slots; returns whether anything was started."""
        started = False
        while self._free and (job := self._next_job()) is not None:
            slot_worker = self._free.popleft()
            self._screen.started(job.number, job.label, slot_worker.slot.name)
            self._tries[job.position] = self._tries.get(job.position, 0) + 1
            self._running[slot_worker.run(job.config, job.policy.timeout)] = (job, slot_worker)
            started = True
        return started

    def _next_job(self) -> Job | None:
        if self._ends_early:
            return None
        if self._again:
            return self._again.popleft()[0]
        given = self._source.next()
        return None if given is None else self._composer.job(given)

    def _collect(self, seconds: float) -> None:
        """Wait for a job to end, and take in what it came to."""
        done = wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED).done
        for future in done | {future for future, (_, slot_worker) in self._running.items() if slot_worker.hung_up()}:
            job, slot_worker = self._running.pop(future)
            try:
                result = slot_worker.result(future)
            except TrialError as error:
                result = _failed(job, error)
            self._screen.ended(job.number)
            # In front: a second try belongs to the slot in which memory is free now that its process is gone.
            self._free.appendleft(slot_worker)
            if result.status is JobStatus.FAILED:
                self._take_failure(job, slot_worker, worker.error_of(result), result)
            else:
                self._results[job.position] = result
                self._source.ended(job.position, result)

    def _take_failure(self, job: Job, slot_worker: SlotWorker, error: BaseException, result: JobReturn) -> None:
        if self._winding_up and isinstance(error, Stopped | WorkerDied):
            return
        if isinstance(error, Outdone):  # it has ended, and did not fail
            self._results[job.position] = result
            self._source.ended(job.position, result)
            self._screen.say(f"{job.label} {reason(error)}")
            return
        if isinstance(error, Retryable):
            slot_worker.stop()  # whatever memory its process holds
            if self._tries[job.position] <= job.policy.retries and not self._ends_early:
                self._screen.retried(job.label, reason(error))
                self._again.append((job, result))
                return
        self._give_up(job, result)
        if isinstance(error, CannotWrite):
            self._end_early("no trial can be kept")
        elif self._failed_before + len(self._failures) == job.policy.max_failures:
            self._end_early(f"max_failures={job.policy.max_failures} trials have failed")

    def _give_up(self, job: Job, result: JobReturn) -> None:
        error = worker.error_of(result)
        self._results[job.position] = result
        self._failures[job.number] = error
        self._source.ended(job.position, result)
        self._screen.failed(job.label, reason(error), worker.traceback_of(result))

    def _end_early(self, why: str) -> None:
        if self._ends_early:
            return
        self._ends_early = True
        self._screen.say(f"no more trials are started: {why}")

    def _wind_up(self) -> None:
        """Let running jobs write down what they have."""
        self._ends_early = self._winding_up = True
        self._screen.say("stopping: running trials write their checkpoints; Ctrl-C again stops at once")
        self._screen.relay.stop_workers()
        deadline = time.monotonic() + _STOP_SECONDS
        while self._running and (left := deadline - time.monotonic()) > 0:
            self._collect(min(left, _LOOK_SECONDS))


def _failed(job: Job, error: TrialError) -> JobReturn:
    result = JobReturn(overrides=list(job.config.hydra.overrides.task), status=JobStatus.FAILED)
    result.hydra_cfg = job.config
    result.return_value = error
    return result
