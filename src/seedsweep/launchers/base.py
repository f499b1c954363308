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

    from seedsweep.launchers.jobs import JobSource
    from seedsweep.launchers.progress import ProgressDisplay
    from seedsweep.launchers.resources import WorkerSlot
    from seedsweep.launchers.scheduler import Worker


class SourceLauncher(Launcher):
    """Runs the jobs of a list, as every launcher of Hydra's, and those of a source that decides while they run."""

    # How many jobs have failed in the launches so far: a sweeper may launch in batches.
    failed = 0

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands to every launcher."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    @cached_property
    def slots(self) -> Sequence[WorkerSlot]:
        """Where jobs can run at once."""
        # Our trials say how many threads they have; any other task is taken to have one.
        threads = self.config.get("threads")
        return self.find_slots(threads if isinstance(threads, int) else 1)

    @abstractmethod
    def find_slots(self, threads: int) -> Sequence[WorkerSlot]:
        """Return where jobs of that many threads can run at once."""

    @abstractmethod
    def workers(
        self, slots: Sequence[WorkerSlot], shared: bytes, screen: ProgressDisplay
    ) -> AbstractContextManager[Sequence[Worker]]:
        """Give a worker for each slot.

        Args:
            slots: where.
            shared: a pickled `seedsweep.launchers.worker_process.Shared`.
            screen: shows what they log.
        """

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one job for each list of overrides; of unknown status are those that were not started."""
        from seedsweep.launchers.jobs import StaticJobSource

        jobs = StaticJobSource(self.config, job_overrides, initial_job_idx)
        results = self.launch_from(jobs, initial_job_idx)
        return [*results, *jobs.not_started(self.hydra_context.config_loader)]

    def launch_from(self, source: JobSource, initial_job_idx: int) -> list[JobReturn]:
        """Run a source's jobs.

        Args:
            source: says what distinguishes each job.
            initial_job_idx: number of the first job.

        Returns:
            One `JobReturn` for each job that the source gave, in its order.

        Raises:
            LaunchInterrupted: Ctrl-C; all workers are stopped.
        """
        import cloudpickle
        from hydra.core.singleton import Singleton
        from hydra.core.utils import setup_globals

        from seedsweep.launchers import worker_process
        from seedsweep.launchers.hydra.job_result import failures_of
        from seedsweep.launchers.jobs import JobComposer
        from seedsweep.launchers.progress import ProgressDisplay
        from seedsweep.launchers.scheduler import run_jobs

        setup_globals()
        shared = cloudpickle.dumps(
            worker_process.LaunchContext(self.task_function, self.hydra_context, Singleton.get_state())
        )
        composer = JobComposer(self.hydra_context.config_loader, self.config, initial_job_idx)
        with (
            ProgressDisplay(source.total) as screen,
            self.workers(self.slots[: source.total], shared, screen) as workers,
        ):
            results = run_jobs(source, composer, workers, screen, self.failed)
        self.failed += len(failures_of(results))
        return results
