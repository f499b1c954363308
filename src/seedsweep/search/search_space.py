"""A search space, read from Hydra's overrides. Not here: which of its points are tried, see `searcher`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from hydra.core.override_parser.types import IntervalSweep, Quote, QuotedString, RangeSweep, Sweep, Transformer

from seedsweep.errors import UserError, did_you_mean
from seedsweep.search.protocol import Dimension

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hydra.core.override_parser.types import Override

_TAGS = ("log",)
# Each value of a range is kept as a text, so that it is typed as Hydra would type it.
_MOST_VALUES = 100_000
# Whole numbers beyond it have no exact float, and KerasTuner computes with floats.
_GREATEST_WHOLE = 2**53
# What may stand outside of quotes, once Hydra has escaped what needs it.
_UNQUOTED = re.compile(r"[A-Za-z0-9_/\-+.$%*@?| \t()\[\]{}:=,\\]+")


@dataclass(frozen=True)
class Axis:
    """One setting that is searched.

    Attributes:
        key: what stands before the '=' of its override.
        dimension: its numbers. Where `texts` stand, their positions from 0.
        texts: its values as typed in an override, each once; empty where numbers stand for themselves.
    """

    key: str
    dimension: Dimension
    texts: tuple[str, ...] = ()

    def text(self, number: float) -> str:
        """Return a number as the text of an override that Hydra reads as exactly that."""
        if self.texts:
            return self.texts[int(number)]
        return str(int(number)) if self.dimension.whole else repr(float(number))

    def number(self, text: str) -> float:
        """Return the number of a text that `text` gave.

        Raises:
            ValueError: it is no value of this axis.
        """
        number = self.texts.index(text) if self.texts else int(text) if self.dimension.whole else float(text)
        if not self.dimension.low <= number <= self.dimension.high:
            raise ValueError(f"{text} is no value of {self.key}")
        return number


@dataclass(frozen=True)
class Space:
    """What is searched, and what is the same for every trial.

    Attributes:
        axes: one a swept override, in their order.
        fixed: the other overrides as typed, in their order.
    """

    axes: tuple[Axis, ...]
    fixed: tuple[str, ...]

    def overrides(self, values: Mapping[str, str]) -> list[str]:
        """Return the overrides of one trial.

        Args:
            values: the text of each axis, by its key.
        """
        return [*self.fixed, *(f"{axis.key}={values[axis.key]}" for axis in self.axes)]


def read_space(overrides: Sequence[Override]) -> Space:
    """Return the space that parsed overrides describe; of one key's, the last counts.

    `a,b`, `choice(…)`, `glob(…)`: any of these values. `range(…)`: any of its numbers. `interval(a, b)`: any number
    from a to b, both included, and with `int(…)` around it any whole number. `tag(log, interval(…))`: equal ratios
    are equally likely.

    Raises:
        UserError: an axis has nothing in it, cannot be drawn from, or has a modifier that means nothing here; or
            there is no axis at all.
    """
    last = {(override.key_or_group, override.package): override for override in overrides}
    axes = tuple(_axis(o.get_key_element(), o) for o in last.values() if o.is_sweep_override())
    if not axes:
        raise UserError(
            "nothing to search: every setting has one value",
            where="command line",
            fix="'opt.learning_rate=interval(0.0001, 0.1)', or several values of another setting",
        )
    fixed = (
        f"{override.get_key_element()}={override.get_value_element_as_str()}"
        for override in last.values()
        if not override.is_sweep_override()
    )
    return Space(axes, tuple(fixed))


def _axis(key: str, override: Override) -> Axis:
    sweep = override.value()
    tags = sorted(sweep.tags) if isinstance(sweep, Sweep) else []
    for tag in tags:
        if tag not in _TAGS:
            close = did_you_mean(tag, _TAGS)
            _refuse(
                key, f"no tag '{tag}'; the tags are {', '.join(_TAGS)}", f"{key}=tag({close or 'log'}, interval(…))"
            )
    if isinstance(sweep, IntervalSweep):
        return Axis(key, _interval(key, sweep, log="log" in tags))
    if "log" in tags:
        _refuse(key, f"log is for intervals: {override.input_line}", f"{key}=tag(log, interval(…))")
    if getattr(sweep, "shuffle", False):
        what = f"a search draws by its own seed, and shuffle by none: {override.input_line}"
        _refuse(key, what, f"leave shuffle out: {key}=…")
    if isinstance(sweep, RangeSweep):
        _check_range(key, sweep)
    values = [_typed(value) for value in islice(override.sweep_iterator(), _MOST_VALUES + 1)]
    if len(values) > _MOST_VALUES:
        what = f"more than {_MOST_VALUES:,} values: {override.input_line}"
        _refuse(key, what, f"an interval: {key}=int(interval(…))")
    if not values:
        _refuse(key, f"nothing to choose from: {override.input_line}", f"name at least one: {key}=…")
    texts = tuple(dict.fromkeys(values))
    return Axis(key, Dimension(0, len(texts) - 1, whole=True), texts)


def _interval(key: str, sweep: IntervalSweep, *, log: bool) -> Dimension:
    low, high = sweep.start, sweep.end
    assert low is not None
    assert high is not None
    whole = isinstance(low, int) and isinstance(high, int)  # only int(…) makes them so
    shown = f"interval({low}, {high})"
    if not (math.isfinite(low) and math.isfinite(high)):
        _refuse(key, f"the ends of an interval must be finite, got {shown}", f"{key}=interval(0, 1)")
    if low >= high:
        fix = f"{key}={low}" if low == high else f"{key}=interval({high}, {low})"
        _refuse(key, f"an interval must end above its start, got {shown}", fix)
    if log and low <= 0:
        fix = f"tag(log, interval({min(1 if whole else 1e-4, high)}, {high}))" if high > 0 else shown
        _refuse(key, f"a logarithmic interval must start above 0, got {shown}", f"{key}={fix}")
    if not math.isfinite(high - low) or (log and not math.isfinite(high / low)):
        _refuse(key, f"too wide for floating-point numbers: {shown}", f"{key}=interval(0, 1)")
    if whole and max(-low, high) > _GREATEST_WHOLE:
        _refuse(key, f"whole numbers must be within ±2^53, got {shown}", f"{key}=interval({low}, {high})")
    return Dimension(low, high, whole=whole, log=log)


def _check_range(key: str, sweep: RangeSweep) -> None:
    numbers = (sweep.start, sweep.stop, sweep.step)
    shown = "range({}, {}, {})".format(*numbers)
    if not all(number is not None and math.isfinite(number) for number in numbers):
        _refuse(key, f"the numbers of a range must be finite, got {shown}", f"{key}=range(1, 10)")
    if sweep.step == 0:
        _refuse(key, f"the step of a range must not be 0, got {shown}", f"{key}=range({sweep.start}, {sweep.stop})")


def _typed(value: Any) -> str:
    """Return a value as Hydra types it, and in quotes where that would be read as something else."""
    if isinstance(value, str) and (not _UNQUOTED.fullmatch(value) or _reads_otherwise(value)):
        return QuotedString(value, Quote.single).with_quotes()
    return Transformer.str(value)


def _reads_otherwise(text: str) -> bool:
    """Tell whether a text would be read as a number, a truth value or null."""
    if text.lower() in ("null", "true", "false"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse(key: str, what: str, fix: str) -> NoReturn:
    raise UserError(what, where=key, fix=fix)
