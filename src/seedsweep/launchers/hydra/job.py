"""Runs a job with Hydra's own `run_job`, and makes its result small enough to send and to keep.

Not here: composing a job's config, see `composing`; the process that a job runs in, see `worker_process`.
"""

from __future__ import annotations

import contextlib
import io
import zlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import cloudpickle
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.core.utils import run_job as run_hydra_job

from seedsweep.errors import TrialPruned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig


@contextlib.contextmanager
def current_config(config: DictConfig) -> Iterator[None]:
    """Make a config the one that `${hydra:…}` is resolved in."""
    state: Any = HydraConfig.instance()
    before, state.cfg = state.cfg, config
    try:
        yield
    finally:
        state.cfg = before


class JobResult(JobReturn):
    """Hydra's `JobReturn`, with its two configs compressed until they are read: open, they take 100 kB a job.

    Args:
        result: the result as Hydra returns it.
        error: what the job raised; None if it completed.
        traceback: where it was raised; empty if the trial's run in MLflow has the traceback.
    """

    def __init__(self, result: JobReturn, error: BaseException | None = None, traceback: str = "") -> None:
        super().__init__(**{field.name: getattr(result, field.name) for field in fields(JobReturn)})
        self.error = error
        self.traceback = traceback

    @classmethod
    def failed(cls, overrides: Sequence[str], error: BaseException, traceback: str = "") -> JobResult:
        """Return the result of a job that Hydra has no result of, because its process ended, say."""
        result = JobReturn(overrides=list(overrides), status=JobStatus.FAILED)
        result.return_value = error
        return cls(result, error, traceback)

    @property
    def cfg(self) -> DictConfig | None:
        """The config that the task saw, without Hydra's own."""
        return _unpacked(self._packed_cfg)

    @cfg.setter
    def cfg(self, config: DictConfig | None) -> None:
        self._packed_cfg = _packed(config)

    @property
    def hydra_cfg(self) -> DictConfig | None:
        """The job's config of Hydra."""
        return _unpacked(self._packed_hydra_cfg)

    @hydra_cfg.setter
    def hydra_cfg(self, config: DictConfig | None) -> None:
        self._packed_hydra_cfg = _packed(config)


def _packed(config: DictConfig | None) -> bytes:
    """Pickle a config with cloudpickle: a structured config's class may exist in the started program only."""
    try:
        return zlib.compress(cloudpickle.dumps(config), level=1)
    except Exception:  # noqa: BLE001 - a task may put anything into its config, also what cannot be pickled
        return zlib.compress(cloudpickle.dumps(None))


def _unpacked(packed: bytes) -> DictConfig | None:
    config: DictConfig | None = cloudpickle.loads(zlib.decompress(packed))
    return config


def run_job(task_function: TaskFunction, config: DictConfig, hydra_context: HydraContext) -> JobReturn:
    """Run a job in the directory that its config names.

    Args:
        task_function: the function to run.
        config: the job's config, composed and numbered.
        hydra_context: holds the callbacks to call.

    Returns:
        Hydra's result; if the task raised an exception, its status is FAILED.
    """
    return run_hydra_job(
        task_function=task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=hydra_context,
    )


def error_of(result: JobReturn) -> BaseException:
    """Return the exception of a failed job, of our launchers or another one."""
    if isinstance(result, JobResult) and result.error is not None:
        return result.error
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # where Hydra also prints the job's overrides
            _ = result.return_value
    except BaseException as error:  # noqa: BLE001 - any exception of the task
        return error
    raise AssertionError("the job did not fail")


def failures_of(results: Sequence[JobReturn]) -> dict[int, BaseException]:
    """Return position → error of the jobs that failed; a pruned trial did not fail."""
    errors = {place: error_of(result) for place, result in enumerate(results) if result.status is JobStatus.FAILED}
    return {place: error for place, error in errors.items() if not isinstance(error, TrialPruned)}
