"""The driver's files that Ray workers read, and those by which a worker knows that it sees the driver's disk."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Self

import ray

from seedsweep.launchers.ray.actor import InputFile, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from omegaconf import DictConfig

    from seedsweep.launchers.task_spec import TaskSpec


class InputFiles:
    """The files that a task's jobs read, each put into the object store once, and those by which workers see a disk.

    Args:
        task: lists the files of a job.
    """

    def __init__(self, task: TaskSpec) -> None:
        self._task = task
        self._known: dict[Path, InputFile] = {}
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

    def of(self, config: DictConfig) -> Mapping[tuple[str, str | None], InputFile]:
        """Return the files that a config's job reads, by the task's keys."""
        return {key: self._input_file(path) for key, path in self._task.files(config).items()}

    def _input_file(self, path: Path) -> InputFile:
        if path not in self._known:
            self._known[path] = InputFile(str(path), sha256_of(path), ray.put(path.read_bytes()))
        return self._known[path]
