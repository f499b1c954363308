"""A process that runs one job after another."""

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
from seedsweep.launchers import log_relay
from seedsweep.launchers.resources import SLOT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from seedsweep.launchers.hydra.job import JobResult

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LaunchContext:
    """What all jobs of a launch share; sent to each worker once."""

    task_function: TaskFunction
    hydra_context: HydraContext
    singletons: Any


class JobRunner:
    """Runs jobs in this process, one after another.

    Args:
        environment: the slot's variables, set before anything that reads them is imported.
        context: a pickled `LaunchContext`.
    """

    def __init__(self, environment: Mapping[str, str], context: bytes) -> None:
        os.environ.update(environment)

        from hydra.core.singleton import Singleton
        from hydra.core.utils import setup_globals

        setup_globals()
        launch: LaunchContext = cloudpickle.loads(context)
        Singleton.set_state(launch.singletons)
        self.task_function = launch.task_function
        self._hydra_context = launch.hydra_context

    def run(self, config: DictConfig, finish: Callable[[JobReturn], None] = lambda _: None) -> bytes:
        """Run one job.

        Args:
            config: composed and numbered.
            finish: changes Hydra's result before it is sent.

        Returns:
            A pickled `JobResult`. It holds whatever the task raised, `SystemExit` too.
        """
        from hydra.core.utils import JobStatus

        from seedsweep.launchers.hydra.job import JobResult, error_of, run_job

        overrides = [str(text) for text in config.hydra.overrides.task]
        try:
            returned = run_job(self.task_function, config, self._hydra_context)
            finish(returned)
        except BaseException as error:  # noqa: BLE001 - nothing that a trial raises may end the worker
            # The parent will raise this: one trial's sys.exit must not end the sweep there.
            raised = error if isinstance(error, Exception) else TrialCrashed(reason(error))
            return _pickled(JobResult.failed(overrides, raised, traceback.format_exc()))
        if returned.status is not JobStatus.FAILED:
            return _pickled(JobResult(returned))
        failure = error_of(returned)
        # Our own errors say in one line what happened, and their traceback is stored with the run.
        trace = "" if isinstance(failure, SeedsweepError) else "".join(traceback.format_exception(failure))
        return _pickled(JobResult(returned, failure, trace))


# A pool's initializer can pass something to the pool's jobs only as a global.
_runner: JobRunner | None = None


def start(environment: Mapping[str, str], context: bytes, address: Any, key: bytes) -> None:
    """Prepare a fresh process of a pool on this machine.

    Args:
        environment: see `JobRunner`.
        context: see `JobRunner`.
        address: of the parent's relay.
        key: that opens it.
    """
    global _runner  # noqa: PLW0603
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # Pebble ignores it
    Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    log_relay.connect(address, key, environment[SLOT_VARIABLE])
    _runner = JobRunner(environment, context)


def run(pickled_config: bytes) -> bytes:
    """Run one job in a process of a pool; see `JobRunner.run`."""
    assert _runner is not None
    return _runner.run(cloudpickle.loads(pickled_config))


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
    """End this process as soon as its parent has ended, for whatever reason."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _pickled(result: JobResult) -> bytes:
    from seedsweep.launchers.hydra.job import JobResult

    try:
        pickled = bytes(cloudpickle.dumps(result))
        cloudpickle.loads(pickled)  # an exception with arguments of its own can be written but not read
    except Exception as problem:  # noqa: BLE001 - a task may return or raise what cannot be pickled
        text = result.traceback or repr(problem)
        error = RuntimeError(f"the task's result cannot be sent to the parent: {text}")
        return bytes(cloudpickle.dumps(JobResult.failed(result.overrides or [], error, result.traceback)))
    return pickled
