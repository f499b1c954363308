"""The learning rate from the first step to the last, as a Keras schedule.

The optimizer counts the steps, and its count is in every checkpoint: a trial that is resumed has the same rates.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from keras import ops, optimizers

if TYPE_CHECKING:
    from seedsweep.config.optimizer_config import Optimizer

# One-cycle as fastai has it: how long it rises, of all steps; where it starts and ends, of the highest rate.
_RISE, _FIRST, _LAST = 0.3, 1 / 25, 1e-5


def learning_rate(opt: Optimizer, *, steps: int, steps_an_epoch: int) -> float | Schedule:
    """Return a rate for all steps, or a schedule.

    Args:
        opt: its settings.
        steps: of the whole training.
        steps_an_epoch: what a warm-up of one epoch takes.
    """
    if opt.schedule == "constant" and not opt.warmup:
        return opt.learning_rate
    return Schedule(opt.learning_rate, opt.schedule, steps, opt.warmup * steps_an_epoch)


class Schedule(optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The rate of each step, counted from 0.

    - constant: the highest rate.
    - cosine: ½·(1 + cos(π·x)) of it, x from 0 after the warm-up to 1 after the last step. Source: Loshchilov and
      Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), without restarts.
    - one_cycle: along half cosines from a 25th to the highest rate in 30 % of the steps, then down to a 100,000th.
      Source: Smith, "A disciplined approach to neural network hyper-parameters" (2018), in the form of fastai.

    A warm-up multiplies the first w steps by (step + 1) / w, as far as that is below 1.
    """

    def __init__(self, highest: float, kind: str, steps: int, warmup_steps: float) -> None:
        self.highest = highest
        self.kind = kind
        self.steps = steps
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step."""
        step = ops.cast(step, "float32")
        if self.kind == "one_cycle":
            rise = max(1.0, _RISE * self.steps)
            up = _between(_FIRST, 1.0, step / rise)
            down = _between(1.0, _LAST, (step - rise) / max(1.0, self.steps - rise))
            return self.highest * ops.where(step < rise, up, down)
        factor = ops.ones_like(step)
        if self.kind == "cosine":
            factor = _between(1.0, 0.0, (step - self.warmup_steps) / max(1.0, self.steps - self.warmup_steps))
        if self.warmup_steps:
            factor = factor * ops.minimum((step + 1.0) / self.warmup_steps, 1.0)
        return self.highest * factor

    def get_config(self) -> dict[str, Any]:
        """Return what makes it again; Keras asks when a network is saved."""
        return {
            "highest": self.highest,
            "kind": self.kind,
            "steps": self.steps,
            "warmup_steps": self.warmup_steps,
        }


def _between(first: float, last: float, x: Any) -> Any:
    """Go from one value to another along half a cosine while x goes from 0 to 1."""
    return last + (first - last) * 0.5 * (1.0 + ops.cos(math.pi * ops.clip(x, 0.0, 1.0)))
