"""A worker somewhere in a Ray cluster, as the driver sees it: one actor, replaced when it is lost.

An actor and not a task a job: its process keeps TensorFlow, and the GPU that it was given. What a job writes on another
machine the driver writes down here: no disk has to be shared, and what a lost machine has told is not lost.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import cloudpickle
import ray
from hydra.core.hydra_config import HydraConfig
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayActorError, RayError, RayTaskError, RuntimeEnvSetupError

from seedsweep.errors import BadInput, CannotWrite, OutOfMemory, TimedOut, TrialError, WorkerDied
from seedsweep.launching import mirror
from seedsweep.launching.carrying import carrying_of
from seedsweep.launching.ray_actor import Assignment, Carried, RayActor, sha256_of
from seedsweep.trials.record import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from types import TracebackType

    from omegaconf import DictConfig

    from seedsweep.launching.jobs import Job
    from seedsweep.launching.ray_actor import News
    from seedsweep.launching.ray_cluster import RaySlot
    from seedsweep.launching.results import JobResult
    from seedsweep.launching.screen import Screen
    from seedsweep.launching.slots import Answer

log = logging.getLogger(__name__)

# How long news that was sent before a job's result may take to be here.
_LATE_SECONDS = 30.0
# How long nothing may come of a question before it is said that there is no place for it.
_PATIENCE_SECONDS = 15.0
# How often a worker is started that ends before it is ready.
_STARTS = 3


@contextmanager
def ray_workers(
    slots: Sequence[RaySlot], shared: bytes, screen: Screen, task_function: object
) -> Iterator[list[RayWorker]]:
    """Give a worker for each slot; afterwards all of their processes are ended.

    Args:
        slots: where.
        shared: a pickled `worker.Shared`.
        screen: shows what they log.
        task_function: what they run.
    """
    reference = ray.put(shared)
    with CarriedFiles(task_function) as files:
        workers = [RayWorker(slot, reference, screen, files) for slot in slots]
        try:
            yield workers
        finally:
            for worker in workers:
                worker.stop()


def _actor_class(slot: RaySlot) -> Any:
    """Return the actor's class, with threads beside the job's own for what is said meanwhile."""
    talking = ray.method(concurrency_group="talk")
    methods = {name: talking(getattr(RayActor, name)) for name in ("news", "hear", "stop")}
    kind = type("RayActor", (RayActor,), {**methods, "__module__": __name__})
    return ray.remote(**slot.needs.options(), concurrency_groups={"talk": 3}, max_restarts=0)(kind)


def ask(slot: RaySlot, question: Callable[[], Answer]) -> Answer:
    """Return what a call gives in a worker of the cluster."""
    environment = dict(slot.environment)

    def answer() -> Answer:
        import os

        os.environ.update(environment)
        return question()

    asked = ray.remote(**slot.needs.options(), max_calls=1)(answer).remote()
    if not ray.wait([asked], timeout=_PATIENCE_SECONDS)[0]:
        log.warning("waiting for a node of the Ray cluster that carries a trial, which needs %s", slot.needs)
    answered: Answer = ray.get(asked)
    return answered


class CarriedFiles:
    """The files that a task's jobs read, each put into the object store once, and those by which workers see a disk.

    Args:
        task_function: says which files its jobs read.
    """

    def __init__(self, task_function: object) -> None:
        self._carrying = carrying_of(task_function)
        self._known: dict[Path, Carried] = {}
        self._proofs: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for proof in self._proofs.values():
            proof.unlink(missing_ok=True)

    def proof_in(self, directory: Path) -> Path:
        """Return a file by which a worker knows that it sees a directory of this machine."""
        if directory not in self._proofs:
            directory.mkdir(parents=True, exist_ok=True)
            self._proofs[directory] = directory / f".driver-{secrets.token_hex(16)}"
            self._proofs[directory].touch()
        return self._proofs[directory]

    def of(self, config: DictConfig) -> Mapping[tuple[str, str | None], Carried]:
        """Return the files that a config's job reads, by what the task calls them."""
        return {told: self._carried(path) for told, path in self._carrying.files(config).items()}

    def _carried(self, path: Path) -> Carried:
        if path not in self._known:
            self._known[path] = Carried(str(path), sha256_of(path), ray.put(path.read_bytes()))
        return self._known[path]


class RayWorker:
    """Runs one job at a time in an actor.

    Args:
        slot: what it takes of a node.
        shared: reference of a pickled `worker.Shared`.
        screen: shows what it logs.
        files: that jobs read.
    """

    def __init__(self, slot: RaySlot, shared: Any, screen: Screen, files: CarriedFiles) -> None:
        self.name = slot.name
        self._slot = slot
        self._shared = shared
        self._screen = screen
        self._files = files
        self._actor: Any = None
        self._ready: Future[Any] | None = None
        self._starts = 0
        self._deadline: float | None = None
        self._timeout: float | None = None
        self._incoming = _Incoming(screen)

    def starting(self) -> Future[Any] | None:
        """Return what is done when it can take a job; None when it can.

        Raises:
            BadInput: it does not start.
        """
        if self._actor is None:
            self._actor = _actor_class(self._slot).remote(dict(self._slot.environment), self._shared)
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
        self._incoming = _Incoming(self._screen)
        self._incoming.listen_to(self._actor)
        return None

    def run(self, job: Job) -> Future[Any]:
        """Start a job."""
        directory, sweep = _directories(job.config)
        self._timeout = job.policy.timeout
        self._deadline = None if self._timeout is None else time.monotonic() + self._timeout
        before = mirror.Mirror(directory, JOURNAL).changes()
        within = directory.relative_to(sweep).as_posix()
        # Not the job's own: what it has written since would be lost.
        others = mirror.Mirror(sweep, JOURNAL, only_last=True, without=within) if job.policy.watches_others else None
        self._incoming.expect(directory, others)
        assignment = Assignment(
            config=cloudpickle.dumps(job.config),
            directory=within,
            sweep=str(sweep),
            proof=str(self._files.proof_in(sweep)),
            before=before,
            files=self._files.of(job.config),
        )
        future: Future[Any] = self._actor.run.remote(assignment).future()
        return future

    def hung_up(self) -> bool:
        """Tell whether its job takes too long."""
        return self._deadline is not None and time.monotonic() > self._deadline

    def result(self, future: Future[Any]) -> JobResult:
        """Return what a job came to.

        Raises:
            WorkerDied, OutOfMemory: its process, or the node, is gone.
            TimedOut: it took too long, and its process was killed.
            CannotWrite: what it has written cannot be written here.
        """
        error: TrialError = TimedOut(f"took longer than timeout={self._timeout} s")
        if future.done():
            try:
                result, last = future.result()
                self._incoming.take_last(last)
            except OutOfMemoryError as lost:
                error = OutOfMemory(_first_line(lost))
            except RayError as lost:
                error = WorkerDied(_how_it_died(lost))
            except TimeoutError:
                error = WorkerDied("what it had to say was lost on the way")
            else:
                came: JobResult = cloudpickle.loads(result)
                return came
        self.stop()
        raise error

    def ask_to_stop(self) -> None:
        """Ask the job to write down what it has and to end; see `relay.stop_requested`."""
        if self._actor is not None:
            self._actor.stop.remote()

    def stop(self) -> None:
        """End the process; the next job gets a new one."""
        if self._actor is not None:
            ray.kill(self._actor)
            self._incoming.close()
            self._actor = self._ready = None


class _Incoming:
    """Takes in what a worker tells, in its order, from a thread of its own."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._taken = 0
        self._changed = threading.Condition()
        self._directory: Path | None = None
        self._others: mirror.Mirror | None = None
        self._trouble: OSError | ValueError | None = None
        self._closed = False

    def listen_to(self, actor: Any) -> None:
        """Take in what an actor tells from now on."""
        threading.Thread(target=self._listen, args=(actor,), name="ray-worker", daemon=True).start()

    def expect(self, directory: Path, others: mirror.Mirror | None) -> None:
        """Write what comes from now on to a job's directory."""
        with self._changed:
            self._directory, self._others, self._trouble = directory, others, None

    def take_last(self, news: News) -> None:
        """Take in the last news of a job, after all that came before.

        Raises:
            CannotWrite: it cannot be written.
            TimeoutError: what came before did not arrive.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._taken == news.number - 1, timeout=_LATE_SECONDS):
                raise TimeoutError
            self._take(news)
            if self._trouble:
                raise CannotWrite(
                    f"cannot write what a trial has told to {self._directory}: {self._trouble}",
                    "nothing is lost: free space or permission there, and the same command goes on",
                )

    def close(self) -> None:
        """Take in nothing more."""
        with self._changed:
            self._closed = True

    def _listen(self, actor: Any) -> None:
        while not self._closed:
            try:
                news = ray.get(actor.news.remote())
            except (RayError, ConnectionError):
                return
            with self._changed:
                if self._closed:
                    return
                self._take(news)
                others = self._others.changes() if self._others else []
                self._changed.notify_all()
            if others:
                actor.hear.remote(others)

    def _take(self, news: News) -> None:
        self._taken = news.number
        for record in news.records:
            self._screen.show(record)
        try:
            # What follows something that could not be written would leave a gap.
            if self._directory and not self._trouble:
                mirror.apply(news.changes, self._directory)
        except (OSError, ValueError) as error:
            self._trouble = error


def _directories(config: DictConfig) -> tuple[Path, Path]:
    """Return a job's directory and its sweep's, absolute."""
    hydra_config: Any = HydraConfig.instance()
    before, hydra_config.cfg = hydra_config.cfg, config
    try:
        sweep = Path(config.hydra.sweep.dir).absolute()
        return sweep / str(config.hydra.sweep.subdir), sweep
    finally:
        hydra_config.cfg = before


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


def _does_not_start(error: RayError) -> BadInput:
    text = str(error)
    cause = text.splitlines()[-1].strip() if isinstance(error, ActorDiedError) else _first_line(error)
    return BadInput(
        f"no worker starts in the Ray cluster: {cause}",
        where="hydra/launcher=ray",
        fix="the same Python and packages on every node: pip install -e . there, or hydra.launcher.runtime_env",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
