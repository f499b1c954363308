"""Composes the configs of a sweep's jobs as Hydra would, in a tenth of the time.

Hydra reads and merges every file of a config anew for each job. The jobs of a sweep differ in few groups and many
values: Hydra composes each choice of groups once, and each job gets a copy with its values.
"""

from __future__ import annotations

import os
import pickle
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

# Compositions kept, of about 15 kB each: a file that is edited while a sweep runs must not change what it trains.
_KEPT = 2048


class Compositions:
    """The configs of a sweep's jobs.

    Args:
        loader: Hydra's config loader.
        config: the sweep's own config.
    """

    def __init__(self, loader: ConfigLoader, config: DictConfig) -> None:
        self._loader = loader
        self._config = config
        self._parse = lru_cache(maxsize=4096)(OverridesParser.create().parse_override)
        self._is_group = lru_cache(maxsize=None)(self._ask_for_group)
        self._base = lru_cache(maxsize=_KEPT)(self._compose)
        # A job with another search path would have other groups.
        self._has_own_search_path = bool(config.hydra.searchpath)

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return a job's config; equal to what the loader's `load_sweep_config` returns.

        Args:
            overrides: of the job.

        Raises:
            HydraException: what the loader raises.
        """
        try:
            composed = self._from_base(overrides)
        except (HydraException, OmegaConfBaseException, ValueError):
            composed = None  # the loader raises it again, with Hydra's message
        return self._loader.load_sweep_config(self._config, list(overrides)) if composed is None else composed

    def _from_base(self, overrides: Sequence[str]) -> DictConfig | None:
        """Return a job's config, or None if only Hydra can compose it."""
        if self._has_own_search_path:
            return None
        parsed = [self._parse(text) for text in overrides]
        values = [override for override in parsed if not self._is_group(override.key_or_group)]
        if not all(map(_is_plain_value, values)):
            return None
        choices = tuple(str(override.input_line) for override in parsed if self._is_group(override.key_or_group))
        composed: DictConfig = pickle.loads(self._base(choices))  # noqa: S301 - pickled below
        OmegaConf.copy_cache(from_config=self._config, to_config=composed)
        for override in values:
            OmegaConf.update(composed, override.key_or_group, override.value(), merge=True)
        self._list_overrides(composed, parsed)
        return composed

    def _compose(self, choices: tuple[str, ...]) -> bytes:
        return pickle.dumps(self._loader.load_sweep_config(self._config, list(choices)))

    def _ask_for_group(self, key: str) -> bool:
        return any(source.is_group(key) for source in self._loader.get_sources())

    def _list_overrides(self, composed: DictConfig, parsed: Sequence[Override]) -> None:
        """Write the overrides into Hydra's part of the config, where Hydra lists them."""
        hydra: Any = composed.hydra
        of_task = [override for override in parsed if not override.is_hydra_override()]
        hydra.overrides.task = [override.input_line for override in of_task]
        of_hydra = [override.input_line for override in parsed if override.is_hydra_override()]
        hydra.overrides.hydra = [*self._config.hydra.overrides.hydra, *of_hydra]
        for key in hydra.job.env_copy:
            with open_dict(hydra):
                hydra.job.env_set[key] = os.environ[key]
        naming = hydra.job.config.override_dirname
        named = sorted(str(item.input_line) for item in of_task if item.key_or_group not in naming.exclude_keys)
        hydra.job.override_dirname = re.sub("=", lambda _: str(naming.kv_sep), naming.item_sep.join(named))


def _is_plain_value(override: Override) -> bool:
    """Whether an override gives a value to an existing key."""
    is_special = override.is_add() or override.is_force_add() or override.is_delete() or override.is_sweep_override()
    return not is_special and override.package is None and override.key_or_group != "hydra.searchpath"
