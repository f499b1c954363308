"""A worker somewhere in a Ray cluster, as the driver sees it: one actor, replaced when it is lost.

An actor and not a task a job: its process keeps TensorFlow, and the GPU that it was given. What a job writes on another
machine is sent to the driver and written here: no disk has to be shared, and what was sent is not lost with a machine.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import ray
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayActorError, RayError, RayTaskError, RuntimeEnvSetupError

from seedsweep.errors import OutOfMemory, TimedOut, TrialError, UserError, WorkerDied
from seedsweep.launchers.hydra.job import current_config
from seedsweep.launchers.ray import directory_sync
from seedsweep.launchers.ray.actor import Assignment, RayActor
from seedsweep.launchers.ray.event_receiver import EventReceiver
from seedsweep.launchers.ray.input_files import InputFiles
from seedsweep.trials.records import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from omegaconf import DictConfig

    from seedsweep.launchers.hydra.job import JobResult
    from seedsweep.launchers.jobs import Job
    from seedsweep.launchers.progress import ProgressDisplay
    from seedsweep.launchers.ray.cluster import RayWorkerSlot
    from seedsweep.launchers.task_spec import TaskSpec

# How often a worker is started that ends before it is ready.
_STARTS = 3


@contextmanager
def ray_workers(
    slots: Sequence[RayWorkerSlot], context: bytes, screen: ProgressDisplay, task: TaskSpec
) -> Iterator[list[RayWorker]]:
    """Give a worker for each slot; afterwards all of their processes are ended.

    Args:
        slots: where.
        context: a pickled `worker_process.LaunchContext`.
        screen: shows what they log.
        task: describes their jobs.
    """
    reference = ray.put(context)
    with InputFiles(task) as files:
        workers = [RayWorker(slot, reference, screen, files) for slot in slots]
        try:
            yield workers
        finally:
            for worker in workers:
                worker.stop()


def _actor_class(slot: RayWorkerSlot) -> Any:
    """Return the actor's class, with threads beside the job's own for updates."""
    talking = ray.method(concurrency_group="talk")
    methods = {name: talking(getattr(RayActor, name)) for name in ("next_update", "receive_changes", "stop")}
    kind = type("RayActor", (RayActor,), {**methods, "__module__": __name__})
    return ray.remote(**slot.needs.options(), concurrency_groups={"talk": 3}, max_restarts=0)(kind)


class RayWorker:
    """Runs one job at a time in an actor.

    Args:
        slot: what it takes of a node.
        context: reference of a pickled `worker_process.LaunchContext`.
        screen: shows what it logs.
        files: that jobs read.
    """

    def __init__(self, slot: RayWorkerSlot, context: Any, screen: ProgressDisplay, files: InputFiles) -> None:
        self.name = slot.name
        self._slot = slot
        self._context = context
        self._screen = screen
        self._files = files
        self._actor: Any = None
        self._ready: Future[Any] | None = None
        self._starts = 0
        self._deadline: float | None = None
        self._timeout: float | None = None
        self._incoming = EventReceiver(screen)

    def starting(self) -> Future[Any] | None:
        """Return what is done when it can take a job; None when it can.

        Raises:
            UserError: it does not start.
        """
        if self._ready is None and self._incoming.is_lost:
            self.stop()  # its process was ended while it had nothing to do
        if self._actor is None:
            self._actor = _actor_class(self._slot).remote(dict(self._slot.environment), self._context)
            self._ready = self._actor.ready.remote().future()
        if self._ready is None or not self._ready.done():
            return self._ready
        try:
            self._ready.result()
        except RayError as error:
            self.stop()
            self._starts += 1
            if self._starts >= _STARTS or isinstance(error, RuntimeEnvSetupError):
                raise _does_not_start(error) from error
            return self.starting()
        self._ready, self._starts = None, 0
        self._incoming.listen_to(self._actor)
        return None

    def run(self, job: Job) -> Future[Any]:
        """Start a job."""
        directory, sweep = _directories(job.config)
        self._timeout = job.spec.timeout
        self._deadline = None if self._timeout is None else time.monotonic() + self._timeout
        contents = directory_sync.DirectorySync(directory, JOURNAL).changes()
        within = directory.relative_to(sweep).as_posix()
        # Not the job's own: what it has written since would be lost.
        others = (
            directory_sync.DirectorySync(sweep, JOURNAL, only_last=True, without=within)
            if job.spec.reads_peers
            else None
        )
        self._incoming.expect(directory, others)
        assignment = Assignment(
            config=job.pickled_config,
            directory=within,
            sweep=str(sweep),
            proof=str(self._files.proof_in(sweep)),
            contents=contents,
            files=self._files.of(job.config),
        )
        future: Future[Any] = self._actor.run.remote(assignment).future()
        return future

    def is_lost(self) -> bool:
        """Tell whether its job takes too long."""
        return self._deadline is not None and time.monotonic() > self._deadline

    def result(self, future: Future[Any]) -> JobResult:
        """Return the outcome of a job.

        Raises:
            WorkerDied, OutOfMemory: its process, or the node, is gone.
            TimedOut: it took too long, and its process was killed.
            WriteError: what it has written cannot be written here.
        """
        error: TrialError = TimedOut(f"took longer than timeout={self._timeout} s")
        if future.done():
            try:
                pickled, last = future.result()
                self._incoming.take_last(last)
            except OutOfMemoryError as lost:
                error = OutOfMemory(_first_line(lost))
            except RayError as lost:
                error = WorkerDied(_how_it_died(lost))
            except TimeoutError:
                error = WorkerDied("its last updates did not arrive")
            else:
                result: JobResult = cloudpickle.loads(pickled)
                return result
        self.stop()
        raise error

    def request_stop(self) -> None:
        """Ask the job to write down what it has and to end; see `log_relay.stop_requested`."""
        if self._actor is not None:
            self._actor.stop.remote()

    def stop(self) -> None:
        """End the process; the next job gets a new one."""
        if self._actor is not None:
            ray.kill(self._actor)
            self._incoming.close()
            self._incoming = EventReceiver(self._screen)
            self._actor = self._ready = None


def _directories(config: DictConfig) -> tuple[Path, Path]:
    """Return a job's directory and its sweep's, absolute."""
    with current_config(config):
        sweep = Path(config.hydra.sweep.dir).absolute()
        return sweep / str(config.hydra.sweep.subdir), sweep


def _how_it_died(error: RayError) -> str:
    text = str(error)
    if isinstance(error, RayTaskError):
        return f"the worker process could not run it: {text.strip().splitlines()[-1].strip()}"
    if "node" in text and ("died" in text or "dead" in text) and "its node" in text:
        return "the node that it ran on is gone"
    if isinstance(error, RayActorError):
        _, _, code = text.partition("exit code ")
        ended = f"ended by itself with exit code {code.split('.')[0].split()[0]}" if code else "was lost"
        hint = "" if code else ", perhaps for lack of memory"
        return f"the worker process {ended}{hint}"
    return f"the worker process was lost: {_first_line(error)}"


def _does_not_start(error: RayError) -> UserError:
    text = str(error)
    cause = text.splitlines()[-1].strip() if isinstance(error, ActorDiedError) else _first_line(error)
    return UserError(
        f"no worker starts in the Ray cluster: {cause}",
        where="hydra/launcher=ray",
        fix="the same Python and packages on every node: pip install -e . there, or hydra.launcher.runtime_env",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
