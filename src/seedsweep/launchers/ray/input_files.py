"""The driver's files that Ray workers read, and those by which a worker knows that it sees the driver's disk."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Self

import ray

from seedsweep.launchers.job_inputs import carrying_of
from seedsweep.launchers.ray.actor import Carried, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from omegaconf import DictConfig


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
