"""When a trial ends before its last epoch. Not here: the training loop, see `training.trainer`."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from seedsweep.config import validators

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seedsweep.metrics import EpochMetrics

RULES = ("none", "patience", "median")
# What a rule looks at.
METRIC = "val_accuracy"
# A median of fewer says little.
_FEWEST_FINISHED = 3


@dataclass(frozen=True)
class EarlyStoppingConfig:
    """The rule by which a trial ends early.

    Attributes:
        name: "none"; "patience": when the validation accuracy has not been better for some epochs, and then the
            weights of its best epoch are kept; "median": when it is below the median of the sweep's finished trials
            at the same epoch.
        patience: those epochs, ≥ 1; None with the other rules.
        warmup: epochs that every trial trains, ≥ 0; None without a rule.
    """

    name: str
    patience: int | None
    warmup: int | None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> EarlyStoppingConfig:
        """Check the group `stop` of a composed config."""
        validators.known_keys("stop", config, cls.__dataclass_fields__)
        name = validators.choice("stop.name", config["name"], RULES)
        return cls(
            name=name,
            patience=validators.only_for(
                "stop.patience",
                name,
                ("patience",),
                config["patience"],
                lambda k, v: validators.integer(k, v, example=5),
            ),
            warmup=validators.only_for(
                "stop.warmup",
                name,
                ("patience", "median"),
                config["warmup"],
                lambda k, v: validators.integer(k, v, at_least=0, example=3),
            ),
        )

    @property
    def keeps_best(self) -> bool:
        """Whether the weights of the best epoch are kept, and not those of the last."""
        return self.name == "patience"

    def is_out_of_patience(self, history: Sequence[EpochMetrics]) -> bool:
        """Tell whether a trial ends after the epochs that it has behind it."""
        if self.patience is None or len(history) < max(self.warmup or 0, 1):
            return False
        return len(history) - best_epoch(history) >= self.patience

    def is_below_median(self, history: Sequence[EpochMetrics], finished: Sequence[Sequence[EpochMetrics]]) -> bool:
        """Tell whether a trial ends because others were better at the same epoch.

        The rule of Golovin et al. (2017), Google Vizier, with the value at the epoch itself instead of the mean up to
        it.

        Args:
            history: what the trial has behind it.
            finished: the histories of the trials of its sweep that have finished.
        """
        epoch = len(history)
        if self.name != "median" or epoch < max(self.warmup or 0, 1):
            return False
        others = [other[epoch - 1].values[METRIC] for other in finished if len(other) >= epoch]
        return len(others) >= _FEWEST_FINISHED and history[-1].values[METRIC] < median(others)


def best_epoch(history: Sequence[EpochMetrics]) -> int:
    """Return the epoch with the best validation accuracy, the first of equals."""
    return max(history, key=lambda metrics: (metrics.values[METRIC], -metrics.epoch)).epoch
