"""The Hydra launcher `pool`: trials in worker processes, one for each GPU or core.

Thin, because Hydra imports every plugin at each start: the work is in `seedsweep.launchers`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from seedsweep.launchers.base import SourceLauncher


@dataclass
class PoolLauncherConf:
    """Settings of `hydra/launcher=pool`."""

    _target_: str = "hydra_plugins.seedsweep_plugins.pool_launcher.PoolLauncher"

    # Numbers or UUIDs of the GPUs to use; null: all that are visible; []: none, train on the CPU.
    gpus: Any = None

    # How many trials run at once; null: one a GPU, or without one as many as cores and memory carry.
    workers: Any = None


ConfigStore.instance().store(group="hydra/launcher", name="pool", node=PoolLauncherConf, provider="seedsweep")


class PoolLauncher(SourceLauncher):
    """Runs jobs in long-lived worker processes of this machine."""

    def __init__(self, gpus: Any, workers: Any) -> None:
        self.gpus = gpus
        self.count = workers

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands to every launcher, and find the slots: a missing GPU is said at once."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        _ = self.slots

    def find_slots(self, threads: int) -> Sequence[Any]:
        """Return the GPUs, or the cores.

        Raises:
            UserError: a GPU is not there, or this machine cannot have worker processes.
        """
        from seedsweep.launchers.pool.pool import check_semaphores
        from seedsweep.launchers.resources import find_slots

        check_semaphores()
        return find_slots(self.gpus, self.count, threads)

    def workers(self, slots: Sequence[Any], context: bytes, screen: Any) -> AbstractContextManager[Sequence[Any]]:
        """Start a process in each slot."""
        from seedsweep.launchers.pool.pool import local_workers

        return local_workers(slots, context, screen)
