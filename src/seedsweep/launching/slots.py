"""Slots: the places in which a trial can run, one on each GPU, or one on each core.

GPUs are found through NVML. TensorFlow is never asked: the process that asked it would hold the GPUs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from seedsweep.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A worker that trained on the full MNIST held 1.6 GiB at its peak (TensorFlow 2.21, float32).
MEMORY_PER_WORKER = 2 * 1024**3

# Tells a process that it runs in a slot, so that it does not choose one by itself.
SLOT_VARIABLE = "SEEDSWEEP_SLOT"


@dataclass(frozen=True)
class Slot:
    """A place for one trial at a time.

    Attributes:
        name: for people: "gpu 0", "core 1".
        environment: what a worker's environment must hold before TensorFlow is imported.
    """

    name: str
    environment: Mapping[str, str]


def find_slots(gpus: Sequence[int | str] | None, workers: int | None, threads: int) -> list[Slot]:
    """Return the slots of this machine.

    Args:
        gpus: numbers or UUIDs of the GPUs to use; None takes all that are visible, an empty list none.
        workers: how many trials run at once without a GPU; None takes as many as cores and memory carry.
        threads: CPU threads a trial.

    Raises:
        BadInput: a GPU that was asked for is not there, or workers is not a whole number ≥ 1.
    """
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise BadInput(
            f"hydra.launcher.workers must be a whole number ≥ 1, got {workers}",
            where="hydra.launcher.workers",
            fix="hydra.launcher.workers=2",
        )
    visible = visible_gpus()
    if gpus is not None:
        wanted = [str(gpu) for gpu in gpus]
        for gpu in wanted:
            if gpu not in visible:
                raise BadInput(
                    f"GPU {gpu} not present; found [{', '.join(visible)}]",
                    where="hydra.launcher.gpus",
                    fix=f"hydra.launcher.gpus=[{','.join(visible)}]",
                )
        visible = wanted
    if visible:
        return [_slot(f"gpu {gpu}", gpu) for gpu in visible[:workers]]
    count = workers or max(1, min(usable_cores() // threads, usable_memory() // MEMORY_PER_WORKER))
    return [_slot(f"core {number}", "-1") for number in range(count)]


def _slot(name: str, cuda_visible_devices: str) -> Slot:
    environment = {
        SLOT_VARIABLE: name,
        "CUDA_VISIBLE_DEVICES": cuda_visible_devices,
        # NVML and nvidia-smi count GPUs in this order, CUDA by itself does not.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        # Otherwise the first trial takes all of the GPU's memory for as long as the worker lives.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    return Slot(name, environment)


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them.

    What the user's shell says in CUDA_VISIBLE_DEVICES holds, in its order.
    """
    present = _present_gpus()
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return [str(number) for number in range(len(present))]
    visible: list[str] = []
    for name in (word.strip() for word in allowed.split(",")):
        numbered = name.isdigit() and int(name) < len(present)
        # CUDA takes the beginning of a UUID for the whole, and ignores all that follows a wrong name.
        if not numbered and not (name and any(uuid.startswith(name) for uuid in present)):
            break
        visible.append(name)
    return visible


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
        free = min(free, int(limit) - int(used))
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
