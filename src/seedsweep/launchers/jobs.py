"""Jobs of a launch: where they come from, and how each is composed. Not here: running them, see `pool`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from seedsweep.launchers.hydra.composing import compositions_of
from seedsweep.launchers.hydra.job_result import JobResult, kept
from seedsweep.launchers.hydra.packing import packed
from seedsweep.launchers.retry_policy import Policy
from seedsweep.trials.variants import run_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.config_loader import ConfigLoader
    from omegaconf import DictConfig

    from seedsweep.launchers.hydra.job_result import JobOutcome


@dataclass(frozen=True)
class JobRequest:
    """A job that a source gives.

    Attributes:
        overrides: what distinguishes it.
        label: what people tell it by, unless its sweep has told it a name.
    """

    overrides: Sequence[str]
    label: str


class JobSource(Protocol):
    """Supplies jobs one after another and receives their results, which may decide about the next job."""

    @property
    def total(self) -> int:
        """How many jobs there may be."""

    def next(self) -> JobRequest | None:
        """Return the next job, or None: there is none now. Asked again when a job has ended."""

    def ended(self, position: int, result: JobReturn) -> None:
        """Take what a job came to, by its position among those that were given."""


class StaticJobSource:
    """Jobs that are all known beforehand.

    Args:
        config: the sweep's own config.
        job_overrides: what distinguishes each job.
        first: number of the first one.
    """

    def __init__(self, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int) -> None:
        self.total = len(job_overrides)
        self._config, self._first = config, first
        labels = _labels(config, job_overrides, first)
        self._left = deque(JobRequest(list(told), label) for told, label in zip(job_overrides, labels, strict=True))

    def next(self) -> JobRequest | None:
        """Return the next job."""
        return self._left.popleft() if self._left else None

    def ended(self, position: int, result: JobReturn) -> None:
        """Nothing follows from what a job came to."""

    def not_started(self, loader: ConfigLoader) -> list[JobReturn]:
        """Return a result of unknown status for each job that was not started."""
        composer = JobComposer(loader, self._config, self._first, self.total - len(self._left))
        jobs = [composer.job(given) for given in self._left]
        return [JobReturn(overrides=list(job.config.hydra.overrides.task), status=JobStatus.UNKNOWN) for job in jobs]


@dataclass(frozen=True)
class Job:
    """A job that is ready to run.

    Attributes:
        position: among those of its launch, from 0.
        number: among those of its sweep, from 0.
        label: what people tell it by.
        config: composed.
        policy: how far the launch goes for it.
    """

    position: int
    number: int
    label: str
    config: DictConfig
    policy: Policy

    @cached_property
    def packed(self) -> bytes:
        """Its config, pickled."""
        return packed(self.config)

    def result(self, told: JobOutcome) -> JobResult:
        """Return what it came to, by what its worker tells."""
        return JobResult(told, list(self.config.hydra.overrides.task), kept(self.packed))


class JobComposer:
    """Composes each job when its turn comes: the first trial does not wait for the last one's config.

    Args:
        loader: composes a job's config from its overrides.
        config: the sweep's own config.
        first: number of the first job.
        position: of the first job.
    """

    def __init__(self, loader: ConfigLoader, config: DictConfig, first: int, position: int = 0) -> None:
        self._compositions = compositions_of(loader, config)
        self._name = config.hydra.job.name
        self._first = first
        self._position = position

    def job(self, given: JobRequest) -> Job:
        """Compose the next job."""
        position, self._position = self._position, self._position + 1
        composed = self._compositions.compose(given.overrides)
        job: Any = composed.hydra.job
        job.id = f"{self._name}_{self._first + position}"
        job.num = self._first + position
        label = _told_name(composed) or given.label
        return Job(position, self._first + position, label, composed, Policy.of(composed))


def _told_name(composed: DictConfig) -> str | None:
    """Return what its sweep calls a job, if a sweep of ours has told it."""
    variant = OmegaConf.select(composed, "tracking.variant")
    return run_name(str(variant), composed.seed) if variant is not None else None


def _labels(config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int) -> list[str]:
    """Name each job by the overrides that not all of them share; what Hydra leaves out of names is left out."""
    unnamed = tuple(f"{key}=" for key in config.hydra.job.config.override_dirname.exclude_keys)
    named = [[text for text in overrides if not text.startswith(unnamed)] for overrides in job_overrides]
    shared = set(named[0]).intersection(*named[1:]) if len(named) > 1 else set()
    return [
        " ".join(text for text in overrides if text not in shared) or f"job {first + position}"
        for position, overrides in enumerate(named)
    ]
