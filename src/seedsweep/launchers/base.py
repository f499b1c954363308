"""What our launchers have in common; thin, because Hydra imports it at each start."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING

from hydra.plugins.launcher import Launcher

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from seedsweep.launchers.hydra.composing import Compositions
    from seedsweep.launchers.jobs import JobSource
    from seedsweep.launchers.progress import ProgressDisplay
    from seedsweep.launchers.resources import WorkerSlot
    from seedsweep.launchers.scheduler import Worker
    from seedsweep.launchers.task_spec import TaskSpec


class SourceLauncher(Launcher):
    """Runs a list of jobs, as every launcher of Hydra does, and the jobs of a source that decides while they run."""

    # How many jobs have failed in the launches so far: a sweeper may launch in batches.
    failed = 0

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands to every launcher."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    @cached_property
    def task(self) -> TaskSpec:
        """Describes the jobs of the task function."""
        from seedsweep.launchers.task_spec import spec_of

        return spec_of(self.task_function)

    @cached_property
    def slots(self) -> Sequence[WorkerSlot]:
        """Where jobs can run at the same time."""
        return self.find_slots(self.task.threads(self.config))

    @cached_property
    def compositions(self) -> Compositions:
        """The configs of the jobs. A sweeper that checks them first uses the same: what was checked is trained."""
        from seedsweep.launchers.hydra.composing import Compositions

        return Compositions(self.hydra_context.config_loader, self.config)

    @abstractmethod
    def find_slots(self, threads: int) -> Sequence[WorkerSlot]:
        """Return where jobs of that many threads can run at the same time."""

    @abstractmethod
    def workers(
        self, slots: Sequence[WorkerSlot], context: bytes, screen: ProgressDisplay
    ) -> AbstractContextManager[Sequence[Worker]]:
        """Start a worker in each slot.

        Args:
            slots: of this launcher.
            context: a pickled `seedsweep.launchers.worker_process.LaunchContext`.
            screen: shows what they log.
        """

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one job for each list of overrides; jobs that were not started have the status UNKNOWN."""
        from seedsweep.launchers.jobs import StaticJobSource

        source = StaticJobSource(job_overrides)
        shared = frozenset.intersection(*map(frozenset, job_overrides)) if len(job_overrides) > 1 else frozenset()
        results = self.launch_from(source, initial_job_idx, shared)
        return [*results, *source.not_started()]

    def launch_from(
        self, source: JobSource, initial_job_idx: int, shared_overrides: frozenset[str] = frozenset()
    ) -> list[JobReturn]:
        """Run the jobs of a source.

        Args:
            source: supplies the overrides of each job.
            initial_job_idx: number of the first job.
            shared_overrides: overrides that all jobs have.

        Returns:
            One `JobReturn` for each job that the source gave, in its order.

        Raises:
            LaunchInterrupted: Ctrl-C; all workers are stopped.
        """
        import cloudpickle
        from hydra.core.singleton import Singleton
        from hydra.core.utils import setup_globals

        from seedsweep.launchers.hydra.job import failures_of
        from seedsweep.launchers.jobs import JobComposer
        from seedsweep.launchers.progress import ProgressDisplay
        from seedsweep.launchers.scheduler import run_jobs
        from seedsweep.launchers.worker_process import LaunchContext

        setup_globals()
        context = cloudpickle.dumps(LaunchContext(self.task_function, self.hydra_context, Singleton.get_state()))
        composer = JobComposer(self.compositions, self.task, initial_job_idx, shared_overrides)
        with (
            ProgressDisplay(source.total) as screen,
            self.workers(self.slots[: source.total], context, screen) as workers,
        ):
            results = run_jobs(source, composer, workers, screen, self.failed)
        self.failed += len(failures_of(results))
        return results


def compositions_of(launcher: Launcher, context: HydraContext, config: DictConfig) -> Compositions:
    """Return the configs of a launcher's jobs; for a launcher of someone else's, configs of the sweeper's own."""
    from seedsweep.launchers.hydra.composing import Compositions

    if isinstance(launcher, SourceLauncher):
        return launcher.compositions
    return Compositions(context.config_loader, config)


def slots_of(launcher: Launcher) -> Sequence[WorkerSlot]:
    """Return where a launcher's jobs can run at the same time; empty if it does not say."""
    return launcher.slots if isinstance(launcher, SourceLauncher) else ()
