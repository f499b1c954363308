"""How far a launch goes for its trials: time, second tries, and when to give up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class Policy:
    """What a launch does about trials that take long or fail.

    Attributes:
        timeout: seconds that a trial may take; None: any.
        retries: how often a trial is begun again that raised `Retryable`.
        max_failures: failed trials after which no more are started; None: any number.
        watches_others: whether a trial looks at the journals of those beside it.
    """

    timeout: float | None = None
    retries: int = 1
    max_failures: int | None = None
    watches_others: bool = False

    @classmethod
    def of(cls, config: DictConfig) -> Policy:
        """Read the policy from a sweep's config; an application that has no such settings gets the defaults."""
        # Not asked for what it does not have: OmegaConf takes ten times as long to say no.
        names = {"timeout", "retries", "max_failures", "stop"}.intersection(config)
        said = {name: config[name] for name in names if name in config}  # it may be there and missing: ???
        stop = said.pop("stop", None) or {}
        return cls(**said, watches_others=stop.get("name") == "median")
