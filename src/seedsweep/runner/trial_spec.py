"""What `run_trial` tells a launcher about its jobs: their limits, their threads, and what another machine needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.config.run_config import read_config
from seedsweep.errors import UserError
from seedsweep.launchers.task_spec import JobSpec, TaskSpec
from seedsweep.trials.variants import run_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig

    from seedsweep.launchers.task_spec import Files


class TrialSpec(TaskSpec):
    """Describes the jobs of `seedsweep.runner.task.run_trial`."""

    def job(self, config: DictConfig) -> JobSpec:
        """Return the limits that a trial's settings give, and the name that its sweep gave it."""
        try:
            run = read_config(config)
        except UserError:
            return JobSpec()  # its worker refuses the trial, and the others are trained
        variant = run.tracking.variant
        return JobSpec(
            label=None if variant is None else run_name(variant, run.trial.seed),
            timeout=run.execution.timeout,
            retries=run.execution.retries,
            max_failures=run.execution.max_failures,
            reads_peers=run.trial.stop.name == "median",
        )

    def threads(self, config: DictConfig) -> int:
        """Return the CPU threads of a sweep's trials; a wrong value is refused when the trials are checked."""
        threads = config.get("threads")
        return threads if isinstance(threads, int) else 1

    def files(self, config: DictConfig) -> Files:
        """Return the file of a trial's images, if another machine may not have it."""
        from seedsweep.data import sources

        data = read_config(config).trial.data
        found = sources.file_of(data.name, data.path)
        return {(data.name, data.path): found} if found else {}

    def receive_files(self, files: Files) -> None:
        """Read images from these copies from now on."""
        from seedsweep.data import sources

        sources.use_copies(files)

    def environment(self) -> Mapping[str, str]:
        """Return the variables that change what a trial computes."""
        from seedsweep.training import backend

        return backend.numeric_environment()
