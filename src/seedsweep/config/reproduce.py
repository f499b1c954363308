"""The command line that trains the current config's trial again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig

from seedsweep.config.function_overrides import short_overrides
from seedsweep.config.run_config import INTERNAL_OVERRIDES

if TYPE_CHECKING:
    from hydra.conf import HydraConf


def typed_overrides(hydra_config: HydraConf) -> list[str]:
    """Return the overrides that say what is trained: where results go is left out."""
    overrides = [str(text) for text in hydra_config.overrides.task]
    return short_overrides([text for text in overrides if text.partition("=")[0] not in INTERNAL_OVERRIDES])


def reproduce_command() -> str:
    """Return the command line that trains the current config's trial again."""
    overrides = typed_overrides(HydraConfig.get())
    if any(text.startswith("sweeps=") for text in overrides):
        # The file may set what its trials share; that it names a sweep is no reason to refuse one of them.
        overrides.append("hydra.mode=RUN")
    return shlex.join(["python", "sweep.py", *overrides])
