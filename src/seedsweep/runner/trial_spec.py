"""What `run_trial` tells a launcher about its jobs: their limits, their threads, and what another machine needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.config.run_config import read_config
from seedsweep.errors import UserError
from seedsweep.launchers.task_spec import JobSpec, TaskSpec
from seedsweep.runner import code_files
from seedsweep.runner.run_metadata import code_of_trial
from seedsweep.trials.variants import run_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig

    from seedsweep.launchers.task_spec import Files


# The kind of a file that is a module of a user's function.
_CODE = "code"


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
        """Return the file of a trial's images and those of its model's function: another machine may lack them."""
        from seedsweep.data import sources

        trial = read_config(config).trial
        images = sources.file_of(trial.data.name, trial.data.path)
        code = code_of_trial(trial)
        return {
            **({(trial.data.name, trial.data.path): images} if images else {}),
            **({(_CODE, place): file for place, file in code_files.relative_paths(code).items()} if code else {}),
        }

    def receive_files(self, files: Files) -> None:
        """Read images, and import modules, from these copies from now on."""
        from seedsweep.data import sources

        sources.use_copies({key: copy for key, copy in files.items() if key[0] != _CODE})
        if modules := {str(place): copy for (kind, place), copy in files.items() if kind == _CODE}:
            code_files.make_importable(modules)

    def environment(self) -> Mapping[str, str]:
        """Return the variables that change what a trial computes."""
        from seedsweep.training import backend

        return backend.numeric_environment()
