"""Named rows: published systems, each with its overrides and its published accuracies.

Not here: training them, see `sweeps`; comparing their results with the reported ones, see `reporting`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seedsweep.config import validators
from seedsweep.config.overrides import format_override, override
from seedsweep.config.run_config import Execution
from seedsweep.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHERE = "hydra.sweeper.rows"
_OF_THE_SWEEP = ("tracking", "hydra", "objective", "sweeps", *Execution.__dataclass_fields__)
# A key stands in overrides, file names and table cells.
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class NamedRow:
    """One row of a published table.

    Attributes:
        key: the short word that `hydra.sweeper.only` picks it by.
        name: what its author called it; may be empty.
        overrides: what sets it apart, as typed on the command line.
        reported: test accuracies that its author reported, in percent; may be empty.
        source: where they were reported; may be empty.
        note: what a reader must know to compare with them; may be empty.
    """

    key: str
    name: str = ""
    overrides: tuple[str, ...] = ()
    reported: tuple[float, ...] = ()
    source: str = ""
    note: str = ""

    @property
    def title(self) -> str:
        """What tables and runs call it."""
        return f"{self.key}: {self.name}" if self.name else self.key


def named_rows(sweeper: Any) -> dict[str, NamedRow]:
    """Return the rows that a sweep asks for, by key, in the order of the file.

    Args:
        sweeper: the settings `hydra.sweeper` of a composed config.

    Raises:
        UserError: a row has an unknown field or a value of the wrong type, or `only` names one that is not there.
    """
    rows, only = (_plain(sweeper, name) for name in ("rows", "only"))
    if rows is not None and not isinstance(rows, dict):
        validators.raise_invalid(_WHERE, "rows by key", rows, "rows: {first: {overrides: [model=conv3]}}")
    # Whole numbers and `true` are keys in YAML too.
    found = [_row(format_override(key), fields) for key, fields in (rows or {}).items()]
    return _only(only, {row.key: row for row in found})


def current_row(key: str | None) -> NamedRow | None:
    """Return the named row that the current config's trial belongs to, if any.

    Raises:
        UserError: its sweep has no such row.
    """
    if key is None:
        return None
    rows = named_rows(HydraConfig.get().sweeper)
    if key not in rows:
        raise UserError(f"no row '{key}'", where="tracking.row", fix="leave tracking.row out: a sweep sets it")
    return rows[key]


def _plain(sweeper: Any, name: str) -> Any:
    try:
        value = sweeper.get(name)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except OmegaConfBaseException as error:
        problem = str(error).splitlines()[0]
        where = f"hydra.sweeper.{name}"
        raise UserError(problem, where=where, fix="give every ${…} of the sweep's file a value") from error


def _only(wanted: object, rows: dict[str, NamedRow]) -> dict[str, NamedRow]:
    if wanted is None:
        return rows
    keys = [format_override(key) for key in (wanted if isinstance(wanted, list) else [wanted])]
    if not keys:
        validators.raise_invalid(
            "hydra.sweeper.only", "null or a list of rows", wanted, f"hydra.sweeper.only=[{next(iter(rows), '')}]"
        )
    for key in keys:
        if key not in rows:
            close = did_you_mean(key, tuple(rows))
            known = f"; the rows are {', '.join(rows)}" if rows else "; this sweep has no rows"
            raise UserError(
                f"no row '{key}'{known}",
                where="hydra.sweeper.only",
                fix=f"hydra.sweeper.only=[{close or next(iter(rows), '')}]" if rows else "leave hydra.sweeper.only out",
            )
    return {key: row for key, row in rows.items() if key in keys}


def _row(key: str, fields: Any) -> NamedRow:
    where = f"{_WHERE}.{key}"
    if not _KEY.fullmatch(key):
        validators.raise_invalid(
            where, "a key of letters, digits, '_', '-' and '.'", key, "a short key, and the words in its name"
        )
    fields = {} if fields is None else fields
    if not isinstance(fields, dict):
        validators.raise_invalid(where, "a group of fields", fields, f"{key}: {{overrides: [model=conv3]}}")
    allowed = [name for name in NamedRow.__dataclass_fields__ if name != "key"]
    if unknown := [str(name) for name in fields if name not in allowed]:
        fix = partial(override, value=fields[unknown[0]])
        raise validators.unknown_setting(f"{where}.{unknown[0]}", [f"{where}.{name}" for name in allowed], fix)
    overrides = fields.get("overrides") or []
    if not isinstance(overrides, list) or not all(isinstance(text, str) and "=" in text for text in overrides):
        validators.raise_invalid(
            f"{where}.overrides", "a list of overrides", overrides, "overrides: [model=conv3, opt=sgd]"
        )
    for text in overrides:
        name = text.partition("=")[0].lstrip("+~")
        if re.split("[./]", name)[0] in _OF_THE_SWEEP:
            raise UserError(
                f"{name} holds for a whole sweep, not for one of its rows",
                where=f"{where}.overrides",
                fix=f"{text} on the command line, or outside of the rows",
            )
    return NamedRow(
        key=key,
        name=_text(where, fields, "name"),
        overrides=tuple(overrides),
        reported=_reported(f"{where}.reported", fields.get("reported")),
        source=_text(where, fields, "source"),
        note=_text(where, fields, "note"),
    )


def _text(where: str, fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return "" if value is None else validators.text(f"{where}.{name}", value)


def _reported(where: str, value: object) -> tuple[float, ...]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    allowed, example = "test accuracies in percent, from 0 to 100", "reported: [98.66, 98.71]"
    return tuple(
        validators.number(where, number, allowed, accept=lambda v: 0 <= v <= 100, example=example) for number in values
    )
