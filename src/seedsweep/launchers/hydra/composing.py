"""Composes the configs of a sweep's jobs as Hydra would, in a twentieth of the time.

Hydra reads and merges every file of a config anew for each job. The jobs of a sweep differ in few groups and many
values: one composition by Hydra serves all jobs that choose the same groups, and each gets a copy with its values.
"""

from __future__ import annotations

import os
import pickle
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from seedsweep.launchers.hydra.packing import unpacked
from seedsweep.system.gc_pause import gc_paused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

# Compositions kept, of about 15 kB each: a file that is edited while a sweep runs must not change what it trains.
_KEPT = 2048


def compositions_of(loader: ConfigLoader, config: DictConfig) -> Compositions:
    """Return a sweep's compositions, for its plan and its launches the same: what was checked is what is trained."""
    global _latest  # noqa: PLW0603 - Hydra hands the sweeper and the launcher nothing else that they share
    if _latest is None or not _latest.is_of(loader, config):
        _latest = Compositions(loader, config)
    return _latest


class Compositions:
    """The configs of a sweep's jobs.

    Args:
        loader: Hydra's own, which composes what is new.
        config: the sweep's own config.
    """

    def __init__(self, loader: ConfigLoader, config: DictConfig) -> None:
        self._loader = loader
        self._config = config
        self._parse = lru_cache(maxsize=4096)(OverridesParser.create().parse_override)
        self._is_group = lru_cache(maxsize=None)(self._ask_for_group)
        self._base = lru_cache(maxsize=_KEPT)(self._compose)
        # A job that changed where configs are looked for would have other groups.
        self._is_plain = isinstance(loader, ConfigLoaderImpl) and not config.hydra.searchpath

    def is_of(self, loader: ConfigLoader, config: DictConfig) -> bool:
        """Tell whether they are made by this loader for this sweep."""
        return self._loader is loader and self._config is config

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return a job's config; equal to what the loader's `load_sweep_config` returns.

        Args:
            overrides: what distinguishes the job.

        Raises:
            HydraException: what the loader raises.
        """
        try:
            with gc_paused():
                composed = self._from_base(overrides)
        except (HydraException, OmegaConfBaseException, ValueError):
            composed = None
        # Hydra's own words for what cannot be composed.
        return self._loader.load_sweep_config(self._config, list(overrides)) if composed is None else composed

    def _from_base(self, overrides: Sequence[str]) -> DictConfig | None:
        """Return a job's config, or None where that is for Hydra alone to compose."""
        if not self._is_plain:
            return None
        parsed = [self._parse(text) for text in overrides]
        values = [override for override in parsed if not self._is_group(override.key_or_group)]
        if not all(map(_only_sets, values)):
            return None
        choices = tuple(str(override.input_line) for override in parsed if self._is_group(override.key_or_group))
        composed: DictConfig = unpacked(self._base(choices))
        OmegaConf.copy_cache(from_config=self._config, to_config=composed)
        ConfigLoaderImpl._apply_overrides_to_config(values, composed)  # noqa: SLF001 - what the loader does
        self._say_overrides(composed, parsed)
        return composed

    def _compose(self, choices: tuple[str, ...]) -> bytes:
        return pickle.dumps(self._loader.load_sweep_config(self._config, list(choices)))

    def _ask_for_group(self, key: str) -> bool:
        return any(source.is_group(key) for source in self._loader.get_sources())

    def _say_overrides(self, composed: DictConfig, parsed: Sequence[Override]) -> None:
        """Write down what the config was composed of, in the order in which it was said."""
        hydra: Any = composed.hydra
        own = [override for override in parsed if not override.is_hydra_override()]
        told = [override.input_line for override in parsed if override.is_hydra_override()]
        hydra.overrides.task = [override.input_line for override in own]
        hydra.overrides.hydra = [*self._config.hydra.overrides.hydra, *told]
        for key in hydra.job.env_copy:
            with open_dict(hydra):
                hydra.job.env_set[key] = os.environ[key]
        naming = hydra.job.config.override_dirname
        hydra.job.override_dirname = get_overrides_dirname(
            overrides=own, kv_sep=naming.kv_sep, item_sep=naming.item_sep, exclude_keys=naming.exclude_keys
        )


_latest: Compositions | None = None


def _only_sets(override: Override) -> bool:
    """Tell whether an override gives a value to a key that is there."""
    complicated = override.is_add() or override.is_force_add() or override.is_delete() or override.is_sweep_override()
    return not complicated and override.package is None and override.key_or_group != "hydra.searchpath"
