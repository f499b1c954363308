"""Run jobs in long-lived worker processes, one for each slot.

A job that raises, exits or dies costs itself only. Not here: what a job is, see `worker`.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from omegaconf import open_dict
from pebble import ProcessExpired, ProcessPool

from seedsweep.errors import LaunchInterrupted, WorkerDied, reason
from seedsweep.launching import worker
from seedsweep.launching.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from seedsweep.launching.slots import Slot


# How often the loop looks for workers that left without a word, and how long one may be gone.
_LOOK_SECONDS = 1.0
_HUNG_UP_SECONDS = 2.0


def launch(
    *,
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    slots: Sequence[Slot],
    job_overrides: Sequence[Sequence[str]],
    initial_job_idx: int,
) -> list[JobReturn]:
    """Run one job for each list of overrides, as many at once as there are slots.

    Args:
        hydra_context: as Hydra gave it to the launcher.
        task_function: what to run.
        config: the sweep's own config.
        slots: where jobs may run.
        job_overrides: what distinguishes each job.
        initial_job_idx: number of the first job.

    Returns:
        One `JobReturn` a job, in the given order.

    Raises:
        LaunchInterrupted: Ctrl-C; all workers are stopped.
    """
    setup_globals()
    shared = cloudpickle.dumps(worker.Shared(task_function, hydra_context, Singleton.get_state()))
    with Screen(len(job_overrides)) as screen:
        slot_workers = [_SlotWorker(slot, shared, screen) for slot in slots[: len(job_overrides)]]
        try:
            return _run(_jobs(hydra_context, config, job_overrides, initial_job_idx), slot_workers, screen)
        finally:
            for slot_worker in slot_workers:
                slot_worker.stop()


@dataclass(frozen=True)
class _Job:
    position: int
    number: int
    label: str
    config: DictConfig


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
        yield _Job(position, first + position, labels[position], composed)


def _labels(config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int) -> list[str]:
    """Name each job by the overrides that not all of them share; what Hydra leaves out of names is left out."""
    unnamed = tuple(f"{key}=" for key in config.hydra.job.config.override_dirname.exclude_keys)
    named = [[text for text in overrides if not text.startswith(unnamed)] for overrides in job_overrides]
    shared = set(named[0]).intersection(*named[1:]) if len(named) > 1 else set()
    return [
        " ".join(text for text in overrides if text not in shared) or f"job {first + position}"
        for position, overrides in enumerate(named)
    ]


class _SlotWorker:
    """One slot and the process in it, started with the first job and again after a failure."""

    def __init__(self, slot: Slot, shared: bytes, screen: Screen) -> None:
        self.slot = slot
        self._start = (slot.environment, shared, screen.relay.address, screen.relay.key)
        self._pool: ProcessPool | None = None
        self._relay = screen.relay
        self._started = self._began = 0.0

    def run(self, job: _Job) -> Future[bytes]:
        if self._pool is None:
            self._started = time.monotonic()
            # A pool of one, so that a replaced process enters the same slot. Never forked: TensorFlow's
            # threads do not survive it.
            self._pool = ProcessPool(
                max_workers=1,
                initializer=worker.start,
                initargs=self._start,
                context=multiprocessing.get_context("spawn"),
            )
        self._began = time.monotonic()
        return self._pool.schedule(worker.run, args=(cloudpickle.dumps(job.config),))

    def hung_up(self) -> bool:
        """Tell whether the process that took the job is gone, and nothing came of it for seconds.

        Pebble says so by itself, unless the process ended with exit code 0.
        """
        came, went = self._relay.last_left(self.slot.name)
        # Who came before this pool was started is a predecessor, whose leaving is old news.
        return came > self._started and went > self._began and time.monotonic() - went > _HUNG_UP_SECONDS

    def stop(self) -> None:
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None


def _run(jobs: Iterator[_Job], workers: Sequence[_SlotWorker], screen: Screen) -> list[JobReturn]:
    results: dict[int, JobReturn] = {}
    failures: dict[int, BaseException] = {}
    running: dict[Future[bytes], tuple[_Job, _SlotWorker]] = {}
    free = deque(workers)
    try:
        while True:
            while free and (job := next(jobs, None)) is not None:
                slot_worker = free.popleft()
                screen.started(job.number, job.label, slot_worker.slot.name)
                running[slot_worker.run(job)] = (job, slot_worker)
            if not running:
                return [results[position] for position in sorted(results)]
            done = wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED).done
            for future in done | {future for future, (_, slot_worker) in running.items() if slot_worker.hung_up()}:
                job, slot_worker = running.pop(future)
                results[job.position] = result = _result(future, job, slot_worker)
                screen.ended(job.number)
                if result.status is JobStatus.FAILED:
                    error = failures[job.number] = worker.error_of(result)
                    screen.failed(job.label, reason(error))
                free.append(slot_worker)
    except KeyboardInterrupt as stop:
        raise LaunchInterrupted(failures) from stop


def _result(future: Future[bytes], job: _Job, slot_worker: _SlotWorker) -> JobReturn:
    try:
        result: JobReturn = cloudpickle.loads(future.result(timeout=0))
    except ProcessExpired as expired:
        error: Exception = WorkerDied(_how_it_died(expired.exitcode))
    except TimeoutError:
        error = WorkerDied(_how_it_died(0))
    except Exception as lost:  # noqa: BLE001 - the pool itself broke; the sweep goes on with a new one
        error = WorkerDied(f"the worker process was lost: {lost!r}")
    else:
        return result
    slot_worker.stop()
    failed = JobReturn(overrides=list(job.config.hydra.overrides.task), status=JobStatus.FAILED)
    failed.hydra_cfg = job.config
    failed.return_value = error
    return failed


def _how_it_died(exitcode: int | None) -> str:
    if exitcode == signal.SIGTERM:
        return "the worker process was ended by SIGTERM"  # Pebble's handler turns it into this exit code
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"the worker process was killed by {name}{hint}"
    return f"the worker process ended by itself with exit code {exitcode}"
