"""What happens inside a worker process: it enters its slot once, then runs one job after another."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Thread
from typing import TYPE_CHECKING, Any

import cloudpickle

from seedsweep.errors import SeedsweepError, TrialCrashed, reason
from seedsweep.launchers import log_relay
from seedsweep.launchers.hydra.job_result import JobOutcome
from seedsweep.launchers.hydra.packing import unpacked
from seedsweep.launchers.resources import SLOT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LaunchContext:
    """What all jobs of a launch share; sent to each worker once."""

    task_function: TaskFunction
    hydra_context: HydraContext
    singletons: Any


_shared: LaunchContext | None = None


def start(environment: Mapping[str, str], shared: bytes, address: Any, key: bytes) -> None:
    """Prepare a fresh process of a pool on this machine.

    Args:
        environment: see `enter`.
        shared: see `enter`.
        address: of the parent's relay.
        key: that opens it.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # Pebble has it ignored by now
    Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    log_relay.connect(address, key, environment[SLOT_VARIABLE])
    enter(environment, shared)


def enter(environment: Mapping[str, str], shared: bytes) -> None:
    """Put a fresh process into its slot.

    Args:
        environment: the slot's, set before anything that reads it is imported.
        shared: a pickled `LaunchContext`.
    """
    global _shared  # noqa: PLW0603 - set once for all jobs of this process
    os.environ.update(environment)

    from hydra.core.singleton import Singleton
    from hydra.core.utils import setup_globals

    setup_globals()
    _shared = cloudpickle.loads(shared)
    Singleton.set_state(_shared.singletons)


def task_function() -> TaskFunction:
    """Return what this process runs."""
    assert _shared is not None
    return _shared.task_function


@contextmanager
def block_sigint() -> Iterator[None]:
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
        See `run_loaded`.
    """
    return run_loaded(lambda: unpacked(job))


def run_loaded(load: Callable[[], DictConfig], mend: Callable[[JobOutcome], JobOutcome] = lambda told: told) -> bytes:
    """Run one job.

    Args:
        load: gives its config anew, composed and numbered.
        mend: changes the outcome that is reported.

    Returns:
        A pickled `JobOutcome`. Whatever the task raised stands in it, `SystemExit` too.
    """
    from hydra.core.utils import JobStatus

    from seedsweep.launchers.hydra.hydra_job import run_job

    assert _shared is not None
    try:
        told = mend(run_job(_shared.task_function, load, _shared.hydra_context))
    except BaseException as error:  # noqa: BLE001 - a worker meets its trial here; nothing may end the worker
        # The parent will raise this: one trial's sys.exit must not end the sweep there.
        answer = error if isinstance(error, Exception) else TrialCrashed(reason(error))
        return _pickled(JobOutcome(JobStatus.FAILED, answer, traceback.format_exc()))
    # Ours say in one line what happened, and keep their traceback with the run.
    if told.status is JobStatus.FAILED and not isinstance(told.answer, SeedsweepError):
        told = replace(told, traceback="".join(traceback.format_exception(told.answer)))
    return _pickled(told)


def _pickled(told: JobOutcome) -> bytes:
    from hydra.core.utils import JobStatus

    try:
        pickled = bytes(cloudpickle.dumps(told))
        cloudpickle.loads(pickled)  # an exception with arguments of its own can be written and not be read
    except Exception as problem:  # noqa: BLE001 - whatever the task returned or raised need not pickle
        text = "".join(traceback.format_exception(told.answer)) if told.status is JobStatus.FAILED else repr(problem)
        error = RuntimeError(f"what the task gave back cannot be sent to the parent: {text}")
        return bytes(cloudpickle.dumps(replace(told, status=JobStatus.FAILED, answer=error, resolved={})))
    return pickled
