"""Slots: the places in which a trial can run, one on each GPU, or one on each core.

GPUs are found through NVML. TensorFlow is never asked: the process that asked it would hold the GPUs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

from seedsweep.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Answer = TypeVar("Answer")

# A parent and one worker on the full MNIST held 2.2 GiB together at their peak (TensorFlow 2.21, float32).
MEMORY_PER_WORKER = 2 * 1024**3

# Tells a process that it runs in a slot, so that it does not choose one by itself.
SLOT_VARIABLE = "SEEDSWEEP_SLOT"


@dataclass(frozen=True)
class WorkerSlot:
    """A place for one trial at a time.

    Attributes:
        name: for people: "gpu 0", "core 1".
        environment: what a worker's environment must hold before TensorFlow is imported.
    """

    name: str
    environment: Mapping[str, str]

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """Return what a call gives on the machine of the slot."""
        return question()


def find_slots(gpus: Any, workers: Any, threads: int) -> list[WorkerSlot]:
    """Return the slots of this machine.

    Args:
        gpus: numbers or UUIDs of the GPUs to use; None takes all that are visible, an empty list none.
        workers: how many trials run at once without a GPU; None takes as many as cores and memory carry.
        threads: CPU threads a trial.

    Raises:
        UserError: a GPU that was asked for is not there, or workers is not a whole number ≥ 1.
    """
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise UserError(
            f"hydra.launcher.workers must be a whole number ≥ 1, got {workers}",
            where="hydra.launcher.workers",
            fix="hydra.launcher.workers=2",
        )
    threads = max(threads, 1)  # refused by name when the trials are checked
    present = _present_gpus()
    visible = visible_gpus(present)
    if gpus is not None:
        visible = _chosen(gpus, visible, present)
    if visible:
        return [_slot(f"gpu {gpu}", gpu) for gpu in visible[:workers]]
    count = workers or max(1, min(usable_cores() // threads, usable_memory() // MEMORY_PER_WORKER))
    return [_slot(f"core {number}", "-1") for number in range(count)]


def _slot(name: str, cuda_visible_devices: str) -> WorkerSlot:
    return WorkerSlot(name, environment_of(name, cuda_visible_devices))


def environment_of(name: str, cuda_visible_devices: str | None) -> dict[str, str]:
    """Return what a slot's worker must have in its environment; None if another launcher assigns the GPU."""
    devices = {} if cuda_visible_devices is None else {"CUDA_VISIBLE_DEVICES": cuda_visible_devices}
    return devices | {
        SLOT_VARIABLE: name,
        # NVML and nvidia-smi count GPUs in this order, CUDA by itself does not.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        # Otherwise the first trial takes all of the GPU's memory for as long as the worker lives.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }


def _chosen(gpus: Any, visible: Sequence[str], present: Sequence[str]) -> list[str]:
    """Return the GPUs that a user named, each of which must be visible and named once."""
    example = f"hydra.launcher.gpus=[{','.join(visible)}]"
    if isinstance(gpus, str) or not isinstance(gpus, Sequence):
        what = f"hydra.launcher.gpus must be a list of numbers or UUIDs, got {gpus}"
        raise UserError(what, where="hydra.launcher.gpus", fix=example)
    cards = [_card(name, present) for name in visible]
    chosen: list[str] = []
    for name in map(str, gpus):
        card = _card(name, present)
        if card is None or card not in cards:
            what = f"GPU {name} not present; found [{', '.join(visible)}]"
            raise UserError(what, where="hydra.launcher.gpus", fix=example)
        chosen.append(visible[cards.index(card)])
    if len(set(chosen)) < len(chosen):
        what = f"hydra.launcher.gpus names a GPU twice: {', '.join(map(str, gpus))}"
        raise UserError(what, where="hydra.launcher.gpus", fix=example)
    return chosen


def visible_gpus(present: Sequence[str]) -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them.

    What the user's shell says in CUDA_VISIBLE_DEVICES holds, in its order.

    Args:
        present: the UUID of each GPU of this machine, in NVML's order.
    """
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return [str(number) for number in range(len(present))]
    visible: dict[int | str, str] = {}
    for name in (word.strip() for word in allowed.split(",")):
        card = _card(name, present)
        if card is None:
            break  # as CUDA does: it ignores all that follows a wrong name
        visible.setdefault(card, name)
    return list(visible.values())


def _card(name: str, present: Sequence[str]) -> int | str | None:
    """Return which GPU a number or the beginning of a UUID means, or None when there is none."""
    if name.isdigit():
        return int(name) if int(name) < len(present) else None
    if name.startswith("MIG-") and present:
        return name  # a part of a GPU, which NVML lists elsewhere; CUDA knows whether it is there
    return next((number for number, uuid in enumerate(present) if name and uuid.startswith(name)), None)


def _present_gpus() -> list[str]:
    """Return the UUID of each GPU of this machine, in NVML's order; empty where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        return [_text(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles]
    finally:
        pynvml.nvmlShutdown()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def usable_cores() -> int:
    """Return how many cores this process may use, container limits included."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _cgroup("cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        allowed = min(allowed, max(1, int(quota) // int(period)))
    return allowed


def usable_memory() -> int:
    """Return how many bytes of memory this process may still take, container limits included."""
    free = int(psutil.virtual_memory().available)
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    if limit.isdigit() and used.isdigit():
        # Files that were read are counted as used, and given up as soon as memory is wanted.
        cached = next((line.split()[1] for line in _cgroup("memory.stat").splitlines() if "inactive_file " in line), 0)
        free = min(free, int(limit) - int(used) + int(cached))
    return max(free, 0)


def _cgroup(name: str) -> str:
    """Return a limit of the container that this process runs in, or an empty text."""
    try:
        return (Path("/sys/fs/cgroup") / name).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def enter_first_slot(threads: int) -> None:
    """Put this process into the machine's first slot, unless it is in one already.

    For trials that no pool started: single ones, and those of other launchers.
    """
    if SLOT_VARIABLE not in os.environ:
        os.environ.update(find_slots(None, None, threads)[0].environment)
