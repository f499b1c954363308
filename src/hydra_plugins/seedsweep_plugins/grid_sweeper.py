"""The Hydra sweeper `grid`: every combination of the values given.

Thin, because Hydra imports every plugin at each start: `seedsweep.sweeps.grid` runs a grid of trials. With any other
task function, `grid` does what Hydra's basic sweeper does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


@dataclass
class GridSweeperConf:
    """Settings of `hydra/sweeper=grid`."""

    _target_: str = "hydra_plugins.seedsweep_plugins.grid_sweeper.GridSweeper"

    # How many trials are handed to the launcher at a time; null: all.
    max_batch_size: int | None = None

    # Overrides by key. The command line replaces those of the same key.
    params: dict[str, str] | None = field(default_factory=dict)

    # Systems by a short key, each with what sets it apart: {w12: {name: …, overrides: [model=conv4, opt=sgd],
    # reported: [99.36, 99.28], source: …, note: …}}. Each row is multiplied with all lists of values.
    rows: Any = field(default_factory=dict)

    # The keys of the rows to train; null: all.
    only: Any = None


ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="seedsweep")


class GridSweeper(BasicSweeper):
    """Sweeps over the product of all lists of values, for each named row where there are some."""

    def __init__(self, max_batch_size: int | None, params: dict[str, str] | None, rows: Any, only: Any) -> None:
        super().__init__(max_batch_size, params)
        # Read from the config itself, where what they refer to is.
        del rows, only

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands to every sweeper."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        # The parent class says that these may be None; between setup and the end they are not.
        self.task_function, self.context, self.master = task_function, hydra_context, config

    def sweep(self, arguments: list[str]) -> Any:
        """Launch every combination, in batches.

        Args:
            arguments: the command line's overrides, sweeps among them.

        Returns:
            A list of batches of `JobReturn`.
        """
        from seedsweep.config.groups import refuse_merging
        from seedsweep.config.named_rows import named_rows
        from seedsweep.runner.task import run_trial
        from seedsweep.sweeps.grid import run_sweep

        _check_batch_size(self.max_batch_size)
        refuse_merging(self._parse_config())
        rows = named_rows(self.master.hydra.sweeper)
        jobs = self._jobs((), arguments) if not rows else []
        for key, row in rows.items():
            refuse_merging(row.overrides)
            told = [f"tracking.row='{key}'"] if self.task_function is run_trial else []
            jobs += [[*job, *told] for job in self._jobs(row.overrides, arguments)]

        if self.task_function is run_trial:
            return [run_sweep(self.master, self.context.config_loader, jobs, self._launch, self._slots)]
        self.validate_batch_is_legal(jobs)
        directory = Path(self.master.hydra.sweep.dir)
        directory.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.master, directory / "multirun.yaml")
        results = self._launch(jobs)
        for result in results:
            _ = result.return_value  # raises what the job raised, as the basic sweeper does
        size = self.max_batch_size or max(len(results), 1)
        return [results[start : start + size] for start in range(0, len(results), size)]

    def _slots(self) -> Sequence[Any]:
        """Return where jobs can run at once, of a launcher that knows."""
        return getattr(self.launcher, "slots", ())

    def _jobs(self, row: Sequence[str], arguments: list[str]) -> list[list[str]]:
        """Return every combination; of one key's values, the command line's count before the row's, before `params`."""
        parser = OverridesParser.create(config_loader=self.context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *row, *arguments])
        _refuse_what_is_no_grid(overrides)
        (jobs,) = self.split_arguments(overrides, None)
        return jobs

    def _launch(self, jobs: list[list[str]]) -> list[JobReturn]:
        """Launch jobs in batches, until the launcher says that it starts no more."""
        from seedsweep.errors import LaunchInterrupted
        from seedsweep.launchers.hydra.job_result import failures_of

        assert self.launcher is not None
        results: list[JobReturn] = []
        for batch in self.split_overrides_to_chunks(jobs, self.max_batch_size):
            try:
                results.extend(self.launcher.launch(batch, initial_job_idx=len(results)))
            except LaunchInterrupted as stop:
                raise LaunchInterrupted(failures_of(results) | stop.failures) from stop
            limit = self.master.get("max_failures")
            failed = len(failures_of(results))
            if any(result.status is JobStatus.UNKNOWN for result in results) or (limit and failed >= limit):
                break
        return results


def _check_batch_size(size: object) -> None:
    from seedsweep.errors import UserError

    if size is not None and (not isinstance(size, int) or size < 1):
        key = "hydra.sweeper.max_batch_size"
        raise UserError(f"{key} must be null or a whole number ≥ 1, got {size}", where=key, fix=f"{key}=null")


def _refuse_what_is_no_grid(overrides: Sequence[Override]) -> None:
    from seedsweep.errors import UserError

    for override in overrides:
        if override.is_sweep_override() and not override.is_discrete_sweep():
            raise UserError(
                f"a range needs a search, and this is a grid: {override.input_line}",
                where=override.get_key_element(),
                fix="hydra/sweeper=tuner for a search, or a list of values",
            )
        if override.is_sweep_override() and next(iter(override.sweep_string_iterator()), None) is None:
            raise UserError(
                f"the sweep is empty: {override.input_line} matches nothing",
                where=override.get_key_element(),
                fix=f"'{override.get_key_element()}=glob(*)', or some by name",
            )
