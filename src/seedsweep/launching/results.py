"""What a job came to, small enough that a launch of ten thousand can keep them all."""

from __future__ import annotations

import pickle
import zlib
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn, JobStatus

from seedsweep.errors import Outdone
from seedsweep.launching.packing import packed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omegaconf import DictConfig


class JobResult(JobReturn):
    """Hydra's `JobReturn`, with the configs packed: unpacked they would take 100 kB a job.

    Args:
        came: what Hydra returned, or what was made in its place.
        traceback: where a failed job raised what it did; empty when its run says so.
    """

    def __init__(self, came: JobReturn, traceback: str = "") -> None:
        self.overrides = came.overrides
        self.working_dir = came.working_dir
        self.task_name = came.task_name
        self.status = came.status
        self._return_value = error_of(came)
        self.traceback = traceback
        self._packed = zlib.compress(packed((came.cfg, came.hydra_cfg)), level=1)

    @property
    def cfg(self) -> DictConfig | None:  # type: ignore[override]
        """The job's config, without Hydra's own."""
        return self._configs()[0]

    @property
    def hydra_cfg(self) -> DictConfig | None:  # type: ignore[override]
        """The job's config of Hydra."""
        return self._configs()[1]

    def _configs(self) -> tuple[DictConfig | None, DictConfig | None]:
        configs: tuple[DictConfig | None, DictConfig | None] = pickle.loads(zlib.decompress(self._packed))  # noqa: S301
        return configs


def failed(
    overrides: list[str], error: Exception, hydra_cfg: DictConfig | None = None, traceback: str = ""
) -> JobResult:
    """Return the result of a job that came to nothing."""
    came = JobReturn(overrides=overrides, status=JobStatus.FAILED)
    came.return_value = error
    came.hydra_cfg = hydra_cfg
    return JobResult(came, traceback)


def error_of(result: JobReturn) -> BaseException:
    """Return what a failed job of any launcher raised, or what another one gave back."""
    error: BaseException = result._return_value  # noqa: SLF001 - Hydra's own property would raise it
    return error


def failures_of(results: Sequence[JobReturn]) -> dict[int, BaseException]:
    """Return position → error of the jobs that failed; one that ended because others were better did not."""
    ended = {place: error_of(result) for place, result in enumerate(results) if result.status is JobStatus.FAILED}
    return {place: error for place, error in ended.items() if not isinstance(error, Outdone)}
