"""The Hydra sweeper `tuner`: searches with KerasTuner's algorithms, over what Hydra's sweep syntax spans.

Thin, because Hydra imports every plugin at each start: the work is in `seedsweep.searches`.
"""

from dataclasses import dataclass, field
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

    _target_: str = "hydra_plugins.seedsweep.tuner_sweeper.TunerSweeper"

    # random, bayesian or hyperband.
    algorithm: Any = "bayesian"

    # How many trials are tried; null: 30, and with hyperband as many as its brackets have.
    max_trials: Any = None

    # Equal seeds give equal searches.
    seed: Any = 1

    # reproducible: a suggestion follows from the seed and the number of slots alone; fastest: from all that is
    # known when a slot is free.
    order: Any = "reproducible"

    # Of hyperband: one in how many trials goes on, and how many times longer.
    factor: Any = 3

    # With how many fresh seeds the winner is trained again, and measured on the test images; 0: with none.
    confirm: Any = 5

    # Overrides by key, as on the command line, which wins where both speak.
    params: dict[str, str] | None = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="tuner", node=TunerSweeperConf, provider="seedsweep")


class TunerSweeper(Sweeper):
    """Searches the space that lists and ranges of values span."""

    def __init__(self, params: dict[str, str] | None, **settings: Any) -> None:
        self.params = params or {}
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands to every sweeper."""
        # The parent class says that these may be None; between setup and the end they are not.
        self.task_function, self.context, self.master = task_function, hydra_context, config
        self.launcher: Any = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Search.

        Args:
            arguments: the command line's overrides, among them those that span the space.

        Returns:
            A list of one batch of `JobReturn`.
        """
        from seedsweep.app import run_trial
        from seedsweep.errors import BadInput
        from seedsweep.searches import run_search
        from seedsweep.searching.space import read_space
        from seedsweep.searching.wanted import Wanted

        if self.task_function is not run_trial:
            raise BadInput(
                "the sweeper tuner searches the trials of sweep.py",
                where="hydra/sweeper",
                fix="hydra/sweeper=basic",
            )
        wanted = Wanted.from_config(self.settings)
        parser = OverridesParser.create(config_loader=self.context.config_loader)
        params = [f"{key}={value}" for key, value in self.params.items()]
        overrides = parser.parse_overrides([*params, *arguments])
        for override in overrides:
            if override.get_key_element() == "seed" and override.is_sweep_override():
                raise BadInput(
                    "a search trains each suggestion with one seed, and its winner with others",
                    where="seed",
                    fix="seed=1 hydra.sweeper.confirm=5",
                )
        slots = getattr(self.launcher, "slots", ())
        return [run_search(self.master, self.context.config_loader, wanted, read_space(overrides), self._launch, slots)]

    def _launch(self, source: Any) -> list[JobReturn]:
        """Launch what a source gives: one by one where the launcher can do that, else in batches."""
        if hasattr(self.launcher, "launch_from"):
            return list(self.launcher.launch_from(source, 0))
        results: list[JobReturn] = []
        while True:
            batch: list[Any] = []
            while len(batch) < source.at_once and (given := source.next()) is not None:
                batch.append(given)
            if not batch:
                return results
            came = self.launcher.launch([list(given.overrides) for given in batch], initial_job_idx=len(results))
            for result in came:
                source.ended(len(results), result)
                results.append(result)
