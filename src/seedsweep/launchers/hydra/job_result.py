"""What a job came to: what its worker tells of it, and what Hydra wants to know."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus

from seedsweep.errors import TrialPruned
from seedsweep.launchers.hydra.job_configs import entered, hydra_part, task_part
from seedsweep.launchers.hydra.packing import unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from omegaconf import DictConfig


@dataclass(frozen=True)
class JobOutcome:
    """A worker's report of a job. Without its config, which the driver has.

    Attributes:
        status: how it ended.
        answer: what its task returned, or what was raised.
        traceback: where a failed job raised that; empty when its run says so.
        task_name: Hydra's.
        working_dir: where it ran.
        directory: its own, absolute; None when it never came so far.
        resolved: see `job_configs.entered`.
        changed: its config as its task has left it, packed; None when that is as it was.
    """

    status: JobStatus
    answer: Any
    traceback: str = ""
    task_name: str | None = None
    working_dir: str | None = None
    directory: str | None = None
    resolved: Mapping[str, Any] = field(default_factory=dict)
    changed: bytes | None = None


class JobResult(JobReturn):
    """Hydra's `JobReturn`, whose configs are made when they are asked for: all of them would take 100 kB a job.

    Args:
        told: by its worker.
        overrides: of the task's own settings, as they were typed.
        load: gives the job's config anew, composed and numbered.

    Attributes:
        traceback: see `JobOutcome`.
    """

    def __init__(self, told: JobOutcome, overrides: Sequence[str], load: Callable[[], DictConfig]) -> None:
        self.overrides = overrides
        self.working_dir = told.working_dir
        self.task_name = told.task_name
        self.status = told.status
        self.return_value = told.answer
        self.traceback = told.traceback
        self._directory = told.directory
        self._resolved = told.resolved
        self._changed = None if told.changed is None else kept(told.changed)
        self._load = load

    @property
    def cfg(self) -> DictConfig:  # type: ignore[override]
        """The job's config, without Hydra's own."""
        return task_part(self._config()) if self._changed is None else self._changed()

    @property
    def hydra_cfg(self) -> DictConfig:  # type: ignore[override]
        """The job's config of Hydra."""
        return hydra_part(self._config())

    def _config(self) -> DictConfig:
        if self._directory is None:
            return self._load()
        return entered(self._load, Path(self._directory), self._resolved)


def kept(packed_config: bytes) -> Callable[[], DictConfig]:
    """Keep a packed config in a third of the room; what is returned opens it."""
    return partial(_opened, zlib.compress(packed_config, level=1))


def _opened(compressed: bytes) -> DictConfig:
    config: DictConfig = unpacked(zlib.decompress(compressed))
    return config


def error_of(result: JobReturn) -> BaseException:
    """Return what a failed job of any launcher raised, or what another one gave back."""
    error: BaseException = result._return_value  # noqa: SLF001 - Hydra's own property would raise it
    return error


def failures_of(results: Sequence[JobReturn]) -> dict[int, BaseException]:
    """Return position → error of the jobs that failed; one that ended because others were better did not."""
    ended = {place: error_of(result) for place, result in enumerate(results) if result.status is JobStatus.FAILED}
    return {place: error for place, error in ended.items() if not isinstance(error, TrialPruned)}
