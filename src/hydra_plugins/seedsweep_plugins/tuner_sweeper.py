"""The Hydra sweeper `tuner`: trials that an algorithm of KerasTuner suggests.

Thin, because Hydra imports every plugin at each start: `seedsweep.sweeps.search_run` runs a search.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class TunerSweeperConf:
    """Settings of `hydra/sweeper=tuner`."""

    _target_: str = "hydra_plugins.seedsweep_plugins.tuner_sweeper.TunerSweeper"

    # The search space: overrides by key. The command line replaces those of the same key.
    params: dict[str, str] | None = field(default_factory=dict)

    # random, bayesian or hyperband.
    algorithm: Any = "bayesian"

    # How many trials are suggested; null: 30, and with hyperband as many as its brackets have.
    max_trials: Any = None

    # Equal seeds give equal searches.
    seed: Any = 1

    # reproducible: a suggestion follows from the seed and the number of slots alone; fastest: from all that is
    # known when a slot is free.
    order: Any = "reproducible"

    # Of hyperband: one in how many trials is promoted, and how many times longer it trains.
    factor: Any = 3

    # With how many fresh seeds the winner is trained again, and measured on the test images; 0: with none.
    confirm: Any = 5


ConfigStore.instance().store(group="hydra/sweeper", name="tuner", node=TunerSweeperConf, provider="seedsweep")


class TunerSweeper(Sweeper):
    """Searches the space that lists, ranges and intervals of overrides describe."""

    def __init__(self, params: dict[str, str] | None, **search: Any) -> None:
        self.params = params or {}
        self.search = search

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands to every sweeper."""
        # Under other names than the parent class', which says that these may be None.
        self.context, self.task, self.master = hydra_context, task_function, config
        self.launcher: Any = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Search.

        Args:
            arguments: the command line's overrides, the space among them.

        Returns:
            One batch of `JobReturn`.
        """
        from seedsweep.config.groups import refuse_merging
        from seedsweep.errors import UserError
        from seedsweep.launchers.base import compositions_of, slots_of
        from seedsweep.runner.task import run_trial
        from seedsweep.search.search_config import SearchConfig
        from seedsweep.search.search_space import read_space
        from seedsweep.sweeps.search_run import run_search

        if self.task is not run_trial:
            what = "hydra/sweeper=tuner searches over the trials of sweep.py, and this is another application"
            raise UserError(what, where="hydra/sweeper", fix="hydra/sweeper=basic")
        params = [f"{key}={value}" for key, value in self.params.items()]
        refuse_merging(params)
        settings = SearchConfig.from_config(self.search)
        parser = OverridesParser.create(config_loader=self.context.config_loader)
        space = read_space(parser.parse_overrides([*params, *arguments]))
        compositions = compositions_of(self.launcher, self.context, self.master)
        slots = partial(slots_of, self.launcher)
        return [run_search(self.master, compositions, settings, space, self._launch_from, slots)]

    def _launch_from(self, source: Any) -> list[JobReturn]:
        """Launch the jobs of a source: one by one if the launcher can do that, or in batches."""
        if hasattr(self.launcher, "launch_from"):
            return list(self.launcher.launch_from(source, 0))
        results: list[JobReturn] = []
        while True:
            batch: list[list[str]] = []
            while len(batch) < source.at_once and (overrides := source.next()) is not None:
                batch.append(list(overrides))
            if not batch:
                return results
            for result in self.launcher.launch(batch, initial_job_idx=len(results)):
                source.ended(len(results), result)
                results.append(result)
