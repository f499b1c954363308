"""Groups of settings, of which a trial has one choice each. Not here: what a choice sets, see conf/."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seedsweep.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUPS = ("model", "opt", "reg", "data", "stop")
# A list of a group's choices: Hydra would merge them into one, and nobody who compares wants that.
_MERGED = re.compile(rf"({'|'.join(GROUPS)}) *= *\[(.*)\] *")
_SWEEPS = re.compile(r"\+?sweeps *= *(\[.*\]|[^=]*,.*|(?:choice|glob)\(.*)")


def refuse_merging(overrides: Iterable[str]) -> None:
    """Refuse overrides that would make one choice of several.

    Raises:
        BadInput: one would.
    """
    for text in overrides:
        if match := _MERGED.fullmatch(text):
            choices = re.findall(r"[^\s,'\"]+", match[2])
            raise BadInput(
                f"{text} would merge several choices into one",
                where=match[1],
                fix=f"-m {match[1]}={','.join(choices)} trains one after another",
            )
        if match := _SWEEPS.fullmatch(text):
            first = re.split(r"[\[\](), ]+", match[1].removeprefix("choice"))
            raise BadInput(
                f"{text} names several sweeps, and a command runs one",
                where="sweeps",
                fix=f"a command for each: python sweep.py -m sweeps={next(filter(None, first), '…')}",
            )
