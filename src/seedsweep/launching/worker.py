"""What happens inside a worker process: it enters its slot once, then runs one job after another."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

import cloudpickle

from seedsweep.errors import SeedsweepError, TrialCrashed, reason
from seedsweep.launching import relay
from seedsweep.launching.results import JobResult, error_of, failed
from seedsweep.launching.slots import SLOT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shared:
    """What all jobs of a launch share; sent to each worker once."""

    task_function: TaskFunction
    hydra_context: HydraContext
    singletons: Any


_shared: Shared | None = None


def start(environment: Mapping[str, str], shared: bytes, address: Any, key: bytes) -> None:
    """Prepare a fresh process for its slot.

    Args:
        environment: the slot's, set before anything that reads it is imported.
        shared: a pickled `Shared`.
        address: of the parent's relay.
        key: that opens it.
    """
    global _shared  # noqa: PLW0603 - set once for all jobs of this process
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # Pebble has it ignored by now
    os.environ.update(environment)
    Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    relay.connect(address, key, environment[SLOT_VARIABLE])

    from hydra.core.singleton import Singleton
    from hydra.core.utils import setup_globals

    setup_globals()
    _shared = cloudpickle.loads(shared)
    Singleton.set_state(_shared.singletons)


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Let processes and threads that are started in this block begin without SIGINT.

    Ctrl-C reaches every process of the terminal's group, and one that is in the middle of its first imports
    would answer with a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """End this process as soon as its parent is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def run(job: bytes) -> bytes:
    """Run one job.

    Args:
        job: a pickled config, composed and numbered.

    Returns:
        A pickled `JobResult`. Whatever the task raised stands in it, `SystemExit` too.
    """
    return _pickled(run_config(cloudpickle.loads(job)))


def run_config(config: DictConfig) -> JobResult:
    """Run one job; see `run`."""
    from hydra.core.utils import JobStatus, run_job

    assert _shared is not None
    try:
        came = run_job(
            task_function=_shared.task_function,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=_shared.hydra_context,
        )
    except BaseException as error:  # noqa: BLE001 - a worker meets its trial here; nothing may end the worker
        # The parent will raise this: one trial's sys.exit must not end the sweep there.
        told = error if isinstance(error, Exception) else TrialCrashed(reason(error))
        return failed(list(config.hydra.overrides.task), told, config, traceback.format_exc())
    # Ours say in one line what happened, and keep their traceback with the run.
    if came.status is JobStatus.FAILED and not isinstance(error_of(came), SeedsweepError):
        return JobResult(came, "".join(traceback.format_exception(error_of(came))))
    return JobResult(came)


def _pickled(result: JobResult) -> bytes:
    from hydra.core.utils import JobStatus

    try:
        return bytes(cloudpickle.dumps(result))
    except Exception as problem:  # noqa: BLE001 - whatever the task returned or raised need not pickle
        text = (
            "".join(traceback.format_exception(error_of(result)))
            if result.status is JobStatus.FAILED
            else repr(problem)
        )
        result.status = JobStatus.FAILED
        result.return_value = RuntimeError(f"what the task gave back cannot be sent to the parent: {text}")
        return bytes(cloudpickle.dumps(result))
