"""The Hydra launcher `ray`: trials in workers of a Ray cluster, on one machine or many.

Thin, because Hydra imports every plugin at each start: the work is in `seedsweep.launchers`, and Ray is imported when
trials are launched.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from seedsweep.launchers.base import SourceLauncher


@dataclass
class RayLauncherConf:
    """Settings of `hydra/launcher=ray`."""

    _target_: str = "hydra_plugins.seedsweep_plugins.ray_launcher.RayLauncher"

    # Of a cluster to join: auto, HOST:PORT or ray://HOST:PORT; null: one of this machine's own, for this sweep.
    address: str | None = None

    # Cores a trial; null: its threads.
    num_cpus: Any = None

    # GPUs a trial, parts of one allowed; null: one where the cluster has any.
    num_gpus: Any = None

    # Bytes that a trial is counted with; null: it is not counted.
    memory: Any = None

    # What else a trial takes of a node, by the cluster's own names.
    resources: dict[str, float] = field(default_factory=dict)

    # How many trials run at once; null: as many as the nodes carry.
    workers: Any = None

    # What Ray brings to the nodes; null: this package, to a cluster that is joined.
    runtime_env: Any = None


ConfigStore.instance().store(group="hydra/launcher", name="ray", node=RayLauncherConf, provider="seedsweep")


class RayLauncher(SourceLauncher):
    """Runs jobs in long-lived worker processes of a Ray cluster."""

    def __init__(
        self,
        address: str | None,
        num_cpus: Any,
        num_gpus: Any,
        memory: Any,
        resources: Any,
        workers: Any,
        runtime_env: Any,
    ) -> None:
        self.address = address
        self.needs = (num_cpus, num_gpus, memory, resources)
        self.count = workers
        self.runtime_env: Any = OmegaConf.to_container(runtime_env) if OmegaConf.is_config(runtime_env) else runtime_env

    def find_slots(self, threads: int) -> Sequence[Any]:
        """Join the cluster, or start one, and return where trials can run in it."""
        from seedsweep.launchers.ray.cluster import ResourceRequest, find_slots, own_code

        num_cpus, *others = self.needs
        needs = ResourceRequest.checked(threads if num_cpus is None else num_cpus, *others)
        brought = self.runtime_env
        if brought is None:
            brought = {} if self.address is None else own_code()
        return find_slots(self.address, needs, self.count, brought, self.task.environment())

    def workers(self, slots: Sequence[Any], context: bytes, screen: Any) -> AbstractContextManager[Sequence[Any]]:
        """Start an actor in each slot."""
        from seedsweep.launchers.ray.actor_worker import ray_workers

        return ray_workers(slots, context, screen, self.task)
