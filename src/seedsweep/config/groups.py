"""Groups of settings, of which a trial has one choice each. Not here: what a choice sets, see conf/."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from seedsweep.config.overrides import shell_word
from seedsweep.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Each with its choice in conf/config.yaml.
DEFAULTS = {"model": "conv3", "opt": "adam", "reg": "none", "data": "mnist5k", "stop": "none"}
GROUPS = tuple(DEFAULTS)
# A list of a group's choices: Hydra would merge them into one config, which is not a comparison.
_MERGED = re.compile(rf"({'|'.join(GROUPS)}) *= *\[(.*)\] *")
_NO_CHOICE = re.compile(rf"({'|'.join(GROUPS)}) *= *(?:null)? *")
_SWEEPS = re.compile(r"\+?sweeps *= *(\[.*\]|[^=]*,.*|(?:choice|glob)\(.*)")


def check_commas(overrides: Sequence[str]) -> None:
    """Refuse a list with a space after a comma, where a shell makes two words of it.

    Raises:
        UserError: there is one.
    """
    for text, following in pairwise([*overrides, ""]):
        if text.endswith(","):
            whole = text + following if following and "=" not in following else text.rstrip(",")
            raise UserError(
                f"{text} ends with a comma",
                where=text.partition("=")[0],
                fix=f"{shell_word(whole)} without a space after the comma",
            )


def refuse_merging(overrides: Iterable[str]) -> None:
    """Refuse overrides that would make one choice of several.

    Raises:
        UserError: one would.
    """
    for text in overrides:
        if match := _MERGED.fullmatch(text):
            choices = re.findall(r"[^\s,'\"]+", match[2])
            raise UserError(
                f"{text} would merge several choices into one",
                where=match[1],
                fix=f"-m {match[1]}={','.join(choices)} trains one after another",
            )
        if match := _NO_CHOICE.fullmatch(text):
            usual = DEFAULTS[match[1]]
            raise UserError(f"{match[1]} cannot be null", where=match[1], fix=f"{match[1]}={usual}, or another choice")
        if match := _SWEEPS.fullmatch(text):
            first = re.split(r"[\[\](), ]+", match[1].removeprefix("choice"))
            raise UserError(
                f"{text} names several sweeps, and a command runs one",
                where="sweeps",
                fix=f"a command for each: python sweep.py -m sweeps={next(filter(None, first), 'depth')}",
            )
