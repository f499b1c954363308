"""Checks of single settings, each returning the value in its declared type.

Not here: which setting has which check, see `trial_config`. Every failure is a `UserError` that names the setting,
what was received and what is allowed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from seedsweep.config.overrides import override, shell_word
from seedsweep.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Value = TypeVar("Value")


# As many names are read to the end.
_FEW = 12


def show(value: object) -> str:
    """Return a value as a user would have to type it."""
    if value is None:
        return "null"
    return f"'{value}'" if isinstance(value, str) else str(value)


def raise_invalid(key: str, allowed: str, received: object, fix: str) -> NoReturn:
    """Raise the one error that all checks share."""
    raise UserError(f"{key} must be {allowed}, got {show(received)}", where=key, fix=fix)


def is_whole(value: object) -> bool:
    """Tell whether a value is a whole number; true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def integer(key: str, value: object, *, example: int = 1, at_least: int = 1, at_most: int | None = None) -> int:
    """Return a whole number within bounds."""
    if not is_whole(value) or value < at_least:  # type: ignore[operator]
        raise_invalid(key, f"a whole number ≥ {at_least}", value, _range_of(key, value, at_least) or f"{key}={example}")
    if at_most is not None and value > at_most:  # type: ignore[operator]
        raise_invalid(key, f"a whole number ≤ {at_most}", value, f"{key}={example}")
    return value  # type: ignore[return-value]


def _range_of(key: str, value: object, at_least: int) -> str | None:
    """Return how Hydra wants a range of whole numbers that was typed as 1..5 or 1-5; None where it was none."""
    match = re.fullmatch(r"(\d+) *(?:\.\.+|-|:) *(\d+)", value) if isinstance(value, str) else None
    return f"-m '{key}=range({max(int(match[1]), at_least)},{int(match[2]) + 1})'" if match else None


def number(key: str, value: object, allowed: str, *, accept: object, example: str) -> float:
    """Return a finite number that `accept` takes; `allowed` says in words which those are."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        # For a word the first thing to say is that it is no number; ".inf" reaches us as a text too.
        is_word = isinstance(value, str) and value.strip("+-.").lower() not in ("", "inf", "nan")
        raise_invalid(key, allowed.replace("finite ", "") if is_word else allowed, value, f"{key}={example}")
    if not math.isfinite(value) or not accept(float(value)):  # type: ignore[operator]
        raise_invalid(key, allowed, value, f"{key}={example}")
    return float(value)


def positive(key: str, value: object, *, example: str) -> float:
    """Return a finite number above 0."""
    return number(key, value, "a finite number > 0", accept=lambda v: v > 0, example=example)


def fraction(key: str, value: object, *, example: str) -> float:
    """Return a number in [0, 1)."""
    return number(key, value, "a number from 0 up to, not including, 1", accept=lambda v: 0 <= v < 1, example=example)


def at_least_zero(key: str, value: object, *, example: str) -> float:
    """Return a finite number of at least 0."""
    return number(key, value, "a finite number ≥ 0", accept=lambda v: v >= 0, example=example)


def boolean(key: str, value: object) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise_invalid(key, "true or false", value, f"{key}=true")
    return value


def text(key: str, value: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise_invalid(key, "a text", value, f"{key}=\"'{value}'\"" if value else f"{key}=NAME")
    return value


def choice(key: str, value: object, allowed: Sequence[str]) -> str:
    """Return one of the words allowed."""
    if not isinstance(value, str) or value not in allowed:
        close = did_you_mean(str(value), allowed)
        raise_invalid(key, "one of " + ", ".join(allowed), value, f"{key}={close or allowed[0]}")
    return value


def integer_list(key: str, value: object, *, example: str) -> tuple[int, ...]:
    """Return a list of whole numbers ≥ 1; it may be empty."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise_invalid(key, "a list of whole numbers", value, f"{shell_word(f'{key}={example}')} for one trial")
    for item in value:
        if not is_whole(item) or item < 1:
            raise_invalid(key, "a list of whole numbers ≥ 1", list(value), f"{key}={example}")
    return tuple(value)


def one_or_each(key: str, value: object, count: int, of: str) -> Any:
    """Return a scalar as it is, or a list as a tuple once its length is the count of what it is for.

    Of equal values it is the scalar: two ways to type one network are one trial.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    if len(value) != count:
        raise_invalid(
            key,
            f"one number, or a list of {count}, one for each of {of}",
            list(value),
            f"{key}={value[0] if value else 3}",
        )
    return value[0] if value and all(item == value[0] for item in value) else tuple(value)


def only_for(
    key: str, choice: str, owners: Sequence[str], value: object, check: Callable[[str, Any], Value]
) -> Value | None:
    """Return a setting that only some choices of its group have; elsewhere it would be silently ignored."""
    if choice in owners:
        return check(key, value)
    if value is not None:
        group, _, word = key.partition(".")
        raise UserError(
            f"{group}={choice} has no {word}, got {show(value)}",
            where=key,
            fix=f"{group}={owners[0]} {override(key, value)}",
        )
    return None


def known_keys(where: str, received: Mapping[str, object], allowed: Iterable[str]) -> None:
    """Refuse keys that no setting has, and say which are missing."""
    prefix = f"{where}." if where else ""
    allowed = list(allowed)
    for key in received:
        if key not in allowed:
            close_one = partial(override, value=received[key])
            raise unknown_setting(f"{prefix}{key}", [f"{prefix}{name}" for name in allowed], close_one)
    for name in allowed:
        if name not in received:
            raise UserError(
                f"{prefix}{name} is required",
                where=f"{prefix}{name}",
                fix=f"give {prefix}{name} a value",
            )


def unknown_setting(key: str, allowed: Iterable[str], typed: Callable[[str], str]) -> UserError:
    """Build the error for a setting that does not exist.

    Args:
        key: that was used.
        allowed: those that there are.
        typed: returns the override of another setting with the same value.
    """
    allowed = list(allowed)
    close = did_you_mean(key, allowed)
    if close:
        return UserError(
            f"no setting '{key}'; did you mean '{close}'?", where=key, fix=f"{typed(close)} in the place of {key}"
        )
    fix = (
        "one of " + ", ".join(allowed) if len(allowed) < _FEW else "all settings are listed by: python sweep.py --help"
    )
    return UserError(f"no setting '{key}'", where=key, fix=fix)
