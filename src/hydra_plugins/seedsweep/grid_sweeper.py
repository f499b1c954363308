"""The Hydra sweeper `grid`: Hydra's basic one, which also checks a whole sweep before any of it starts.

Thin, because Hydra imports every plugin at each start: what a sweep of trials is stands in
`seedsweep.sweeps`. With any other task function it does what the basic sweeper does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


@dataclass
class GridSweeperConf:
    """Settings of `hydra/sweeper=grid`."""

    _target_: str = "hydra_plugins.seedsweep.grid_sweeper.GridSweeper"

    # How many trials are handed to the launcher at a time; null: all.
    max_batch_size: int | None = None

    # Overrides by key, as on the command line, which wins where both speak.
    params: dict[str, str] | None = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="seedsweep")


class GridSweeper(BasicSweeper):
    """Sweeps over the product of all lists of values."""

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
        parser = OverridesParser.create(config_loader=self.context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        _refuse_what_is_no_grid(overrides)
        _check_batch_size(self.max_batch_size)
        (jobs,) = self.split_arguments(overrides, None)
        assert self.launcher is not None
        batches: list[Sequence[JobReturn]] = []
        with self._brackets(jobs) as (launched, results):
            self._save_config()
            for batch in self.split_overrides_to_chunks(launched, self.max_batch_size):
                done = self.launcher.launch(batch, initial_job_idx=sum(map(len, batches)))
                batches.append(done)
                results.extend(done)
        return batches

    @contextmanager
    def _brackets(self, jobs: list[list[str]]) -> Iterator[tuple[list[list[str]], list[JobReturn]]]:
        from seedsweep.app import run_trial
        from seedsweep.sweeps import tracked_sweep

        if self.task_function is run_trial:
            with tracked_sweep(self.master, self.context.config_loader, jobs) as opened:
                yield opened
            return
        self.validate_batch_is_legal(jobs)
        results: list[JobReturn] = []
        yield jobs, results
        for result in results:
            _ = result.return_value  # raises what the job raised, as the basic sweeper does

    def _save_config(self) -> None:
        directory = Path(self.master.hydra.sweep.dir)
        directory.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.master, directory / "multirun.yaml")


def _check_batch_size(size: object) -> None:
    from seedsweep.errors import BadInput

    if size is not None and (not isinstance(size, int) or size < 1):
        key = "hydra.sweeper.max_batch_size"
        raise BadInput(f"{key} must be null or a whole number ≥ 1, got {size}", where=key, fix=f"{key}=null")


def _refuse_what_is_no_grid(overrides: Sequence[Override]) -> None:
    from seedsweep.errors import BadInput

    for override in overrides:
        if override.is_sweep_override() and not override.is_discrete_sweep():
            raise BadInput(
                f"a range needs a search, and this is a grid: {override.input_line}",
                where=override.get_key_element(),
                fix="a list of values, or a sweeper that searches: hydra/sweeper=…",
            )
        if override.is_sweep_override() and next(iter(override.sweep_string_iterator()), None) is None:
            raise BadInput(
                f"the sweep is empty: {override.input_line} matches nothing",
                where=override.get_key_element(),
                fix=f"name at least one: {override.get_key_element()}=…",
            )
