"""Run jobs in long-lived worker processes, one for each slot.

A job that raises, exits or dies costs itself only. Not here: what a job is, see `worker`.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from omegaconf import OmegaConf, open_dict

from seedsweep.errors import (
    CannotWrite,
    LaunchInterrupted,
    Retryable,
    Stopped,
    Terminated,
    TrialError,
    WorkerDied,
    reason,
)
from seedsweep.launching import worker
from seedsweep.launching.policy import Policy
from seedsweep.launching.screen import Screen
from seedsweep.launching.slot_worker import SlotWorker
from seedsweep.trials.variants import run_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

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
    job_overrides: Sequence[Sequence[str]],
    initial_job_idx: int,
    failed_before: int,
) -> list[JobReturn]:
    """Run one job for each list of overrides, as many at once as there are slots.

    Args:
        hydra_context: as Hydra gave it to the launcher.
        task_function: what to run.
        config: the sweep's own config.
        slots: where jobs may run.
        job_overrides: what distinguishes each job.
        initial_job_idx: number of the first job.
        failed_before: how many jobs of the same sweep have failed in earlier launches.

    Returns:
        One `JobReturn` a job, in the given order; of unknown status for those that were not started.

    Raises:
        LaunchInterrupted: Ctrl-C; all workers are stopped.
    """
    setup_globals()
    shared = cloudpickle.dumps(worker.Shared(task_function, hydra_context, Singleton.get_state()))
    with Screen(len(job_overrides)) as screen:
        workers = [SlotWorker(slot, shared, screen.relay) for slot in slots[: len(job_overrides)]]
        try:
            jobs = _jobs(hydra_context, config, job_overrides, initial_job_idx)
            return _Launch(jobs, workers, screen, failed_before).run()
        finally:
            # All at once: one that ignores SIGTERM takes seconds.
            with ThreadPoolExecutor(len(workers)) as stopping:
                list(stopping.map(SlotWorker.stop, workers))


@dataclass(frozen=True)
class _Job:
    position: int
    number: int
    label: str
    config: DictConfig
    policy: Policy


def _jobs(
    hydra_context: HydraContext, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> Iterator[_Job]:
    """Compose each job when its turn comes: the first trial does not wait for the last one's config."""
    labels = _labels(config, job_overrides, first)
    for position, overrides in enumerate(job_overrides):
        composed = hydra_context.config_loader.load_sweep_config(config, list(overrides))
        with open_dict(composed):
            composed.hydra.job.id = f"{config.hydra.job.name}_{first + position}"
            composed.hydra.job.num = first + position
        label = _told_name(composed) or labels[position]
        yield _Job(position, first + position, label, composed, Policy.of(composed))


def _told_name(composed: DictConfig) -> str | None:
    """Return what its sweep calls a job, if a sweep of ours has told it."""
    variant = OmegaConf.select(composed, "tracking.variant")
    return run_name(str(variant), composed.seed) if variant is not None else None


def _labels(config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int) -> list[str]:
    """Name each job by the overrides that not all of them share; what Hydra leaves out of names is left out."""
    unnamed = tuple(f"{key}=" for key in config.hydra.job.config.override_dirname.exclude_keys)
    named = [[text for text in overrides if not text.startswith(unnamed)] for overrides in job_overrides]
    shared = set(named[0]).intersection(*named[1:]) if len(named) > 1 else set()
    return [
        " ".join(text for text in overrides if text not in shared) or f"job {first + position}"
        for position, overrides in enumerate(named)
    ]


class _Launch:
    """One launch: a single loop over futures, into which Ctrl-C lands directly."""

    def __init__(self, jobs: Iterator[_Job], workers: Sequence[SlotWorker], screen: Screen, failed_before: int) -> None:
        self._jobs = jobs
        self._free = deque(workers)
        self._screen = screen
        self._failed_before = failed_before
        self._again: deque[tuple[_Job, JobReturn]] = deque()
        self._tries: dict[int, int] = {}
        self._running: dict[Future[bytes], tuple[_Job, SlotWorker]] = {}
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
        for job in self._jobs:
            self._results[job.position] = _not_started(job)
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

    def _next_job(self) -> _Job | None:
        if self._ends_early:
            return None
        return self._again.popleft()[0] if self._again else next(self._jobs, None)

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

    def _take_failure(self, job: _Job, slot_worker: SlotWorker, error: BaseException, result: JobReturn) -> None:
        if self._winding_up and isinstance(error, Stopped | WorkerDied):
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

    def _give_up(self, job: _Job, result: JobReturn) -> None:
        error = worker.error_of(result)
        self._results[job.position] = result
        self._failures[job.number] = error
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


def _failed(job: _Job, error: TrialError) -> JobReturn:
    result = JobReturn(overrides=list(job.config.hydra.overrides.task), status=JobStatus.FAILED)
    result.hydra_cfg = job.config
    result.return_value = error
    return result


def _not_started(job: _Job) -> JobReturn:
    return JobReturn(overrides=list(job.config.hydra.overrides.task), status=JobStatus.UNKNOWN)
