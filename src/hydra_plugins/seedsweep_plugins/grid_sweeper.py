"""The Hydra sweeper `grid`: every combination of the values given.

Thin, because Hydra imports every plugin at each start: `seedsweep.sweeps.grid` runs a grid of trials. With any other
task function, `grid` does what Hydra's basic sweeper does.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.sweeper import Sweeper
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


class GridSweeper(Sweeper):
    """Sweeps over the product of all lists of values, for each named row where there are some."""

    def __init__(self, max_batch_size: int | None, params: dict[str, str] | None, **rows: Any) -> None:
        self.max_batch_size = max_batch_size
        self.params = params or {}
        del rows  # read from the config, where their interpolations can be resolved

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands to every sweeper."""
        self.hydra_context, self.config = hydra_context, config  # `validate_batch_is_legal` reads them
        # The same under names of our own: the parent class says that its attributes may be None.
        self.context, self.task, self.master = hydra_context, task_function, config
        self.launcher: Any = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Launch every combination, in batches.

        Args:
            arguments: the command line's overrides, sweeps among them.

        Returns:
            A list of batches of `JobReturn`.
        """
        from seedsweep.config.groups import refuse_merging
        from seedsweep.config.named_rows import named_rows
        from seedsweep.launchers.base import compositions_of, slots_of
        from seedsweep.runner.task import run_trial
        from seedsweep.sweeps.grid import run_sweep

        _check_batch_size(self.max_batch_size)
        params = [f"{key}={value}" for key, value in self.params.items()]
        refuse_merging(params)
        jobs: list[list[str]] = []
        rows = named_rows(self.master.hydra.sweeper)
        for key, row in rows.items():
            refuse_merging(row.overrides)
            place = [f"tracking.row='{key}'"] if self.task is run_trial else []
            jobs += [[*job, *place] for job in self._combinations([*params, *row.overrides, *arguments])]
        if not rows:
            jobs = self._combinations([*params, *arguments])

        if self.task is run_trial:
            compositions = compositions_of(self.launcher, self.context, self.master)
            return [run_sweep(self.master, compositions, jobs, self._launch, lambda: slots_of(self.launcher))]
        self.validate_batch_is_legal(jobs)
        directory = Path(self.master.hydra.sweep.dir)
        directory.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.master, directory / "multirun.yaml")
        results = self._launch(jobs)
        for result in results:
            _ = result.return_value  # raises what the job raised, as the basic sweeper does
        return self._batches(results)

    def _combinations(self, overrides: list[str]) -> list[list[str]]:
        """Return every combination of values; for a key that is given twice, the last values count."""
        parsed = OverridesParser.create(config_loader=self.context.config_loader).parse_overrides(overrides)
        _refuse_what_is_no_grid(parsed)
        values: dict[str, list[str]] = {}
        for override in parsed:
            is_sweep = override.is_sweep_override()
            texts = override.sweep_string_iterator() if is_sweep else [override.get_value_element_as_str()]
            key = override.get_key_element()
            values[key] = [f"{key}={text}" for text in texts]
        return [list(job) for job in itertools.product(*values.values())]

    def _launch(self, jobs: list[list[str]]) -> list[JobReturn]:
        """Launch jobs in batches, until the launcher says that it starts no more."""
        from seedsweep.errors import LaunchInterrupted
        from seedsweep.launchers.hydra.job import failures_of

        results: list[JobReturn] = []
        for batch in self._batches(jobs):
            try:
                results.extend(self.launcher.launch(batch, initial_job_idx=len(results)))
            except LaunchInterrupted as stop:
                raise LaunchInterrupted(failures_of(results) | stop.failures) from stop
            limit = self.master.get("max_failures")
            failed = len(failures_of(results))
            if any(result.status is JobStatus.UNKNOWN for result in results) or (limit and failed >= limit):
                break
        return results

    def _batches(self, items: list[Any]) -> list[list[Any]]:
        size = self.max_batch_size or max(len(items), 1)
        return [items[start : start + size] for start in range(0, len(items), size)]


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
