"""Jobs of a launch: which there are, and the composed config of each. Not here: running them, see `scheduler`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import cloudpickle
from hydra.core.utils import JobReturn, JobStatus

from seedsweep.launchers.hydra.job import current_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omegaconf import DictConfig

    from seedsweep.launchers.hydra.composing import Compositions
    from seedsweep.launchers.task_spec import JobSpec, TaskSpec


class JobSource(Protocol):
    """Supplies jobs one after another and receives their results, which may decide the next job."""

    @property
    def total(self) -> int:
        """How many jobs there may be."""

    def next(self) -> Sequence[str] | None:
        """Return the overrides of the next job, or None if there is none now.

        It is called again when a job has ended.
        """

    def ended(self, position: int, result: JobReturn) -> None:
        """Receive the result of a job, by its position among the jobs of this source, from 0."""


class StaticJobSource:
    """Jobs that are all known beforehand.

    Args:
        job_overrides: the overrides of each job.
    """

    def __init__(self, job_overrides: Sequence[Sequence[str]]) -> None:
        self.total = len(job_overrides)
        self._left = deque(job_overrides)

    def next(self) -> Sequence[str] | None:
        """Return the overrides of the next job."""
        return self._left.popleft() if self._left else None

    def ended(self, position: int, result: JobReturn) -> None:
        """Ignore the result."""

    def not_started(self) -> list[JobReturn]:
        """Return a result of unknown status for each job that was not started."""
        return [JobReturn(overrides=list(overrides), status=JobStatus.UNKNOWN) for overrides in self._left]


@dataclass(frozen=True)
class Job:
    """A job that is ready to run.

    Attributes:
        position: among the jobs of its launch, from 0.
        number: among the jobs of its sweep, from 0.
        label: its name on the screen.
        config: its composed config.
        spec: how to run it.
    """

    position: int
    number: int
    label: str
    config: DictConfig
    spec: JobSpec

    @cached_property
    def pickled_config(self) -> bytes:
        """Its config, pickled for another process."""
        return bytes(cloudpickle.dumps(self.config))


class JobComposer:
    """Composes each job when its turn comes: the first trial does not wait for the last one's config.

    Args:
        compositions: composes a config.
        task: describes the jobs.
        first: number of the first job.
        shared_overrides: overrides that all jobs have, which are no part of a job's label.
    """

    def __init__(
        self, compositions: Compositions, task: TaskSpec, first: int, shared_overrides: frozenset[str] = frozenset()
    ) -> None:
        self._compositions = compositions
        self._task = task
        self._first = first
        self._shared = shared_overrides
        self._position = 0

    def job(self, overrides: Sequence[str]) -> Job:
        """Compose the next job."""
        position, self._position = self._position, self._position + 1
        number = self._first + position
        config = self._compositions.compose(overrides)
        job: Any = config.hydra.job
        job.num, job.id = number, f"{job.name}_{number}"
        with current_config(config):
            spec = self._task.job(config)
        return Job(position, number, spec.label or self._label(overrides, job, number), config, spec)

    def _label(self, overrides: Sequence[str], job: Any, number: int) -> str:
        unnamed = tuple(f"{key}=" for key in job.config.override_dirname.exclude_keys)
        named = (text for text in overrides if text not in self._shared and not text.startswith(unnamed))
        return " ".join(named) or f"job {number}"
