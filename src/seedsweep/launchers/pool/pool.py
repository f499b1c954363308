"""Worker processes of this machine, one for each slot. Not here: which jobs run on them, see `scheduler`."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seedsweep.errors import UserError
from seedsweep.launchers.log_relay import LogRelay
from seedsweep.launchers.pool.process_worker import ProcessWorker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from seedsweep.launchers.progress import ProgressDisplay
    from seedsweep.launchers.resources import WorkerSlot


def check_semaphores() -> None:
    """Check that processes can share a semaphore, which they tell each other by who is to speak.

    Raises:
        UserError: the machine gives none, as where /dev/shm is read-only.
    """
    try:
        multiprocessing.get_context("spawn").Lock()
    except (OSError, ImportError) as error:
        raise UserError(
            f"worker processes cannot be started, for want of shared memory in /dev/shm: {error}",
            where="hydra/launcher=pool",
            fix="hydra/launcher=basic trains one trial after another in a single process",
        ) from error


@contextmanager
def local_workers(
    slots: Sequence[WorkerSlot], context: bytes, screen: ProgressDisplay
) -> Iterator[list[ProcessWorker]]:
    """Give a worker for each slot; afterwards all of their processes are ended.

    Args:
        slots: where.
        context: a pickled `worker_process.LaunchContext`.
        screen: shows what they log.
    """
    with LogRelay(screen.show) as relay:
        workers = [ProcessWorker(slot, context, relay) for slot in slots]
        try:
            yield workers
        finally:
            # All at once: one that ignores SIGTERM takes seconds.
            with ThreadPoolExecutor(len(workers)) as stopping:
                list(stopping.map(ProcessWorker.stop, workers))
