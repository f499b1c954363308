"""Run jobs in long-lived worker processes, one for each slot.

A job that raises, exits or dies costs itself only. Not here: what a job is, see `worker`.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cloudpickle
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from omegaconf import open_dict
from pebble import ProcessExpired, ProcessPool

from seedsweep.errors import WorkerDied
from seedsweep.launching import worker
from seedsweep.launching.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from seedsweep.launching.slots import Slot


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
        KeyboardInterrupt: Ctrl-C; all workers are stopped.
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
    for position, overrides in enumerate(job_overrides):
        composed = hydra_context.config_loader.load_sweep_config(config, list(overrides))
        with open_dict(composed):
            composed.hydra.job.id = f"{config.hydra.job.name}_{first + position}"
            composed.hydra.job.num = first + position
        HydraConfig.instance().set_config(composed)
        label = composed.hydra.job.override_dirname or f"trial {first + position}"
        HydraConfig.instance().set_config(config)
        yield _Job(position, first + position, label, composed)


class _SlotWorker:
    """One slot and the process in it, started with the first job and again after a failure."""

    def __init__(self, slot: Slot, shared: bytes, screen: Screen) -> None:
        self.slot = slot
        self._start = (slot.environment, shared, screen.relay.address, screen.relay.key)
        self._pool: ProcessPool | None = None

    def run(self, job: _Job) -> Future[bytes]:
        if self._pool is None:
            # A pool of one, so that a replaced process enters the same slot. Never forked: TensorFlow's
            # threads do not survive it.
            self._pool = ProcessPool(
                max_workers=1,
                initializer=worker.start,
                initargs=self._start,
                context=multiprocessing.get_context("spawn"),
            )
        return self._pool.schedule(worker.run, args=(cloudpickle.dumps(job.config),))

    def stop(self) -> None:
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None


def _run(jobs: Iterator[_Job], workers: Sequence[_SlotWorker], screen: Screen) -> list[JobReturn]:
    results: dict[int, JobReturn] = {}
    running: dict[Future[bytes], tuple[_Job, _SlotWorker]] = {}
    free = deque(workers)
    while True:
        while free and (job := next(jobs, None)) is not None:
            slot_worker = free.popleft()
            screen.started(job.number, job.label, slot_worker.slot.name)
            running[slot_worker.run(job)] = (job, slot_worker)
        if not running:
            return [results[position] for position in sorted(results)]
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            job, slot_worker = running.pop(future)
            results[job.position] = _result(future, job, slot_worker)
            screen.ended(job.number)
            if results[job.position].status is JobStatus.FAILED:
                error = worker.error_of(results[job.position])
                screen.failed(job.label, f"{type(error).__name__}: {error}")
            free.append(slot_worker)


def _result(future: Future[bytes], job: _Job, slot_worker: _SlotWorker) -> JobReturn:
    try:
        result: JobReturn = cloudpickle.loads(future.result())
    except ProcessExpired as expired:
        error: Exception = WorkerDied(_how_it_died(expired.exitcode))
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
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"the worker process was killed by {name}{hint}"
    return f"the worker process ended by itself with exit code {exitcode}"
