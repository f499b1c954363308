"""The Hydra launcher `pool`: trials in worker processes, one for each GPU or core.

Thin, because Hydra imports every plugin at each start: the work is in `seedsweep.launching`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class PoolLauncherConf:
    """Settings of `hydra/launcher=pool`."""

    _target_: str = "hydra_plugins.seedsweep.pool_launcher.PoolLauncher"

    # Numbers or UUIDs of the GPUs to use; null: all that are visible; []: none, train on the CPU.
    gpus: Any = None

    # How many trials run at once; null: one a GPU, or without one as many as cores and memory carry.
    workers: Any = None


ConfigStore.instance().store(group="hydra/launcher", name="pool", node=PoolLauncherConf, provider="seedsweep")


class PoolLauncher(Launcher):
    """Runs jobs in long-lived worker processes."""

    def __init__(self, gpus: Any, workers: Any) -> None:
        self.gpus = gpus
        self.workers = workers
        # How many jobs have failed in the launches so far: a sweeper may launch in batches.
        self.failed = 0

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands to every launcher, and find the slots: a missing GPU is said at once."""
        from seedsweep.launching.slots import find_slots

        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config
        # Our trials say how many threads they have; any other task is taken to have one.
        threads = config.get("threads")
        self.slots = find_slots(self.gpus, self.workers, threads if isinstance(threads, int) else 1)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one job for each list of overrides; of unknown status are those that were not started."""
        from seedsweep.launching.jobs import Listed

        jobs = Listed(self.config, job_overrides, initial_job_idx)
        results = self.launch_from(jobs, initial_job_idx)
        return [*results, *jobs.not_started(self.hydra_context.config_loader)]

    def launch_from(self, source: Any, initial_job_idx: int) -> list[JobReturn]:
        """Run what a `seedsweep.launching.jobs.JobSource` gives; see `seedsweep.launching.pool.launch`."""
        from seedsweep.launching.pool import launch
        from seedsweep.underway import failures_of

        results = launch(
            hydra_context=self.hydra_context,
            task_function=self.task_function,
            config=self.config,
            slots=self.slots,
            source=source,
            initial_job_idx=initial_job_idx,
            failed_before=self.failed,
        )
        self.failed += len(failures_of(results))
        return results
