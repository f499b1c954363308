"""What a task function tells a launcher about its jobs. Thin: a task function's module imports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

# A key by which a task asks for an input file → where the file is.
Files = Mapping[tuple[str, str | None], Path]


@dataclass(frozen=True)
class JobSpec:
    """How a launcher runs a job.

    Attributes:
        label: the job's name on the screen; None: its overrides.
        timeout: seconds that it may take; None: no limit.
        retries: how often it is started again after its process was lost or ran out of memory.
        max_failures: failed jobs after which the launcher starts no more; None: no limit.
        reads_peers: whether it reads the journals of the jobs that run beside it.
    """

    label: str | None = None
    timeout: float | None = None
    retries: int = 1
    max_failures: int | None = None
    reads_peers: bool = False


class TaskSpec:
    """Describes the jobs of a task function; the defaults are those of any Hydra application.

    Example:
        >>> class Patient(TaskSpec):
        ...     def job(self, config):
        ...         return JobSpec(timeout=60.0)
        >>> def task(config): ...
        >>> task.spec = Patient()
    """

    def job(self, config: DictConfig) -> JobSpec:  # noqa: ARG002 - for subclasses
        """Return how to run the job of a composed config."""
        return JobSpec()

    def threads(self, config: DictConfig) -> int:  # noqa: ARG002
        """Return the CPU threads of a sweep's jobs."""
        return 1

    def files(self, config: DictConfig) -> Files:  # noqa: ARG002
        """Return the files that a job reads and that another machine may not have."""
        return {}

    def receive_files(self, files: Files) -> None:
        """Take the copies of the files, on the machine where the job runs."""

    def environment(self) -> Mapping[str, str]:
        """Return the environment variables that change a job's result."""
        return {}


def spec_of(task_function: object) -> TaskSpec:
    """Return the specification in a task function's attribute `spec`, or the default one."""
    spec = getattr(task_function, "spec", None)
    return spec if isinstance(spec, TaskSpec) else TaskSpec()
