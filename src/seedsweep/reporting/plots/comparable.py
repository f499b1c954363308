"""Why the values of a training curve cannot be compared with those that were measured after each epoch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seedsweep.config.functions import TARGET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOVES = ("data.augment.shift", "data.augment.rotate", "data.augment.zoom")


def only_while_training(settings: Mapping[str, object]) -> list[str]:
    """Return what is so while a trial trains, and not when it is measured.

    Args:
        settings: its own, by dotted path, as numbers or as text.
    """
    moves = [str(settings.get(name, 0)) for name in _MOVES]  # which came later than the first results
    is_moved = ["images are moved"] if any(map(float, moves)) else []
    if f"model.{TARGET}" in settings:
        return ["dropout, if the model has any, is active", *is_moved]
    dense = settings["model.dense_dropout"] if re.search(r"\d", str(settings["model.dense_units"])) else ""
    rates = re.findall(r"[\d.]+", f"{settings['model.conv_dropout']} {dense}")
    return [*(["dropout is active"] if any(map(float, rates)) else []), *is_moved]


def comparable_notes(reasons: Sequence[str], validated_on: str) -> list[str]:
    """Return what a reader must know of two kinds of curves, if there is anything.

    Args:
        reasons: what is so only while the first are measured.
        validated_on: what the images of the second are called.
    """
    if not reasons:
        return []
    why = f"{' and '.join(reasons)} while the first are measured, and not while the second are"
    return [f"Do not compare training with {validated_on} values: {why}."]
