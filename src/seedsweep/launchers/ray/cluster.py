"""The Ray cluster that trials run on: one of this machine's own, or one that is there already.

Ray's processes listen on every network interface, so a cluster of our own always asks for a token, and so must any
other that is not on this machine alone (https://docs.ray.io/en/latest/ray-security/token-auth.html).
"""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedsweep.errors import UserError
from seedsweep.launchers.resources import MEMORY_PER_WORKER, WorkerSlot, environment_of, usable_cores, usable_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from seedsweep.launchers.resources import Answer


log = logging.getLogger(__name__)

# How long nothing may come of a question before it is said that there is no place for it.
_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True)
class ResourceRequest:
    """What one trial takes of a node.

    Attributes:
        num_cpus: cores.
        num_gpus: GPUs, or a part of one; None: one where the cluster has any.
        memory: bytes; None: it is not counted.
        resources: the cluster's own kinds.
    """

    num_cpus: float
    num_gpus: float | None
    memory: int | None
    resources: Mapping[str, float]

    @classmethod
    def checked(cls, num_cpus: Any, num_gpus: Any, memory: Any, resources: Any) -> ResourceRequest:
        """Check what was typed.

        Raises:
            UserError: it is no amount, or nothing.
        """
        amounts = {f"resources.{name}": amount for name, amount in dict(resources or {}).items()}
        for key, amount in {"num_cpus": num_cpus, "num_gpus": num_gpus, "memory": memory, **amounts}.items():
            is_number = isinstance(amount, int | float) and not isinstance(amount, bool) and amount >= 0
            if not is_number and not (amount is None and key in ("num_gpus", "memory")):
                raise UserError(
                    f"hydra.launcher.{key} must be a number ≥ 0, got {amount}",
                    where=f"hydra.launcher.{key}",
                    fix=f"hydra.launcher.{key}={1024**3 if key == 'memory' else 1}",
                )
        if num_gpus and num_gpus > 1 and num_gpus != int(num_gpus):
            raise UserError(
                f"hydra.launcher.num_gpus above 1 must be whole, got {num_gpus}",
                where="hydra.launcher.num_gpus",
                fix="hydra.launcher.num_gpus=1",
            )
        return cls(num_cpus, num_gpus, memory, dict(resources or {}))

    def amounts(self) -> dict[str, float]:
        """Return what is needed, under Ray's names."""
        known = {"CPU": self.num_cpus, "GPU": self.num_gpus or 0, "memory": self.memory or 0, **self.resources}
        return {name: amount for name, amount in known.items() if amount}

    def options(self) -> dict[str, Any]:
        """Return Ray's options for an actor."""
        found = {"num_cpus": self.num_cpus, "num_gpus": self.num_gpus, "resources": dict(self.resources)}
        return found | ({"memory": self.memory} if self.memory else {})

    def fitting(self, nodes: Sequence[Mapping[str, float]]) -> int:
        """Return how many trials nodes carry at once, by what each of them has."""
        return sum(
            min((int(has.get(name, 0) / amount + 1e-9) for name, amount in self.amounts().items()), default=0)
            for has in nodes
        )

    def __str__(self) -> str:
        return ", ".join(f"{name} {amount:g}" for name, amount in self.amounts().items()) or "nothing"


@dataclass(frozen=True)
class RayWorkerSlot(WorkerSlot):
    """A place for one trial at a time, somewhere in a cluster."""

    needs: ResourceRequest

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """Return what a call gives in a worker of the cluster."""
        import ray

        environment = dict(self.environment)

        def answer() -> Answer:
            os.environ.update(environment)
            return question()

        asked = ray.remote(**self.needs.options(), max_calls=1)(answer).remote()
        if not ray.wait([asked], timeout=_PATIENCE_SECONDS)[0]:
            log.warning("waiting for a node of the Ray cluster that carries a trial, which needs %s", self.needs)
        answered: Answer = ray.get(asked)
        return answered


def find_slots(
    address: str | None,
    needs: ResourceRequest,
    workers: Any,
    runtime_env: Mapping[str, Any],
    environment: Mapping[str, str],
) -> list[RayWorkerSlot]:
    """Join a cluster, or start one, and return where trials can run in it at once.

    Args:
        address: of the cluster; None starts one on this machine.
        needs: of one trial.
        workers: how many trials run at once; None takes as many as the nodes carry.
        runtime_env: what Ray brings to the nodes.
        environment: what else a trial must find in its environment there.

    Raises:
        UserError: there is no such cluster, it is open to everyone, or none of its nodes can run a trial.
    """
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise UserError(
            f"hydra.launcher.workers must be a whole number ≥ 1, got {workers}",
            where="hydra.launcher.workers",
            fix="hydra.launcher.workers=2",
        )
    connect(address, runtime_env)
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if needs.num_gpus is None:
        needs = replace(needs, num_gpus=1 if any(node.get("GPU", 0) >= 1 for node in nodes) else 0)
    count = needs.fitting(nodes)
    if address is None and not needs.num_gpus:
        # Each is a process with TensorFlow in it.
        count = max(1, min(count, usable_memory() // MEMORY_PER_WORKER))
    if count < 1 and workers is None:
        largest: Mapping[str, float] = max(nodes, key=lambda node: node.get("CPU", 0), default={})
        has = ", ".join(f"{name} {largest[name]:g}" for name in ("CPU", "GPU", *needs.resources) if name in largest)
        raise UserError(
            f"no node of the cluster carries a trial, which needs {needs}; the largest one has {has or 'nothing'}",
            where="hydra/launcher=ray",
            fix="smaller hydra.launcher.num_cpus, num_gpus, memory or resources; "
            "or hydra.launcher.workers=N where nodes are still to come",
        )
    # Which GPU it is, Ray says to each worker.
    gpu = None if needs.num_gpus else "-1"
    names = [f"worker {number}" for number in range(workers or count)]
    return [RayWorkerSlot(name, {**environment, **environment_of(name, gpu)}, needs) for name in names]


def connect(address: str | None, runtime_env: Mapping[str, Any]) -> None:
    """Join a cluster, or start one, unless this process is in one already.

    Raises:
        UserError: see `find_slots`.
    """
    if address is None:
        # Read when Ray is imported.
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    elif address != "auto":
        check_guarded(address)
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise UserError(
            "hydra/launcher=ray needs Ray, which is not installed",
            where="hydra/launcher",
            fix='pip install -e ".[ray]"',
        ) from error

    if ray.is_initialized():
        return
    quiet = {"logging_level": "ERROR", "log_to_driver": False, "runtime_env": dict(runtime_env)}
    with _signals_kept():
        if address is None:
            ray.init("local", num_cpus=usable_cores(), include_dashboard=False, **quiet)
            return
        try:
            ray.init(address, **quiet)
        except Exception as error:
            lines = str(error).strip().splitlines()
            raise UserError(
                f"cannot join the Ray cluster {address}: {lines[0] if lines else type(error).__name__}",
                where="hydra.launcher.address",
                fix="ray start --head on its first machine; or hydra.launcher.address=null for a cluster of one's own",
            ) from error
    if address == "auto":
        try:
            check_guarded(ray.get_runtime_context().gcs_address)
        except UserError:
            ray.shutdown()
            raise


def check_guarded(address: str) -> None:
    """Check that a cluster does not run code for everyone on the network.

    Raises:
        UserError: it does.
    """
    host = address.removeprefix("ray://").rpartition(":")[0].strip("[]")
    try:
        is_local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = False
    if not is_local and os.environ.get("RAY_AUTH_MODE") != "token":
        raise UserError(
            f"the Ray cluster {address} is not on this machine alone, and no token is used: "
            "everyone who can reach it can run code on its nodes",
            where="hydra.launcher.address",
            fix="RAY_AUTH_MODE=token here and for each `ray start`, with the same token: ray get-auth-token --generate",
        )


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Let SIGTERM do what it did before: Ray takes it over."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def own_code() -> dict[str, Any]:
    """Return the runtime environment that brings this package to the nodes as it is here."""
    package = Path(str(files("seedsweep")))
    return {"py_modules": [str(package), str(package.parent / "hydra_plugins")]}
