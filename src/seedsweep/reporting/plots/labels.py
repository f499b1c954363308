"""Texts from users, made to fit: one line of printable characters, wrapped or shortened to so many inches."""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache, partial

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

from seedsweep.reporting.plots.canvas import DPI

NAMELESS = "(no name)"
# No longer text is ever measured.
_MOST_CHARACTERS = 400
# A line may end after one of these, but does not begin with the dot between the parts of a variant's name.
_BREAKS = re.compile(r"(?<=[\s,/])(?!·)")


def one_line(text: str) -> str:
    """Return a text in one line; what cannot be printed becomes a question mark in a box (U+FFFD)."""
    line = " ".join(text.split())
    return "".join(character if character.isprintable() else "\ufffd" for character in line) or NAMELESS


def fitted(text: str, width: float, size: float, lines: int = 1) -> str:
    """Wrap a text; what is still too long loses its middle, since both ends of a variant's name matter.

    Args:
        text: anything.
        width: what a line may take, in inches.
        size: of its font, in points.
        lines: as many as there may be.
    """
    line = one_line(text)
    if len(line) <= _MOST_CHARACTERS:
        wrapped = _wrapped(line, width, size)
        if len(wrapped) <= lines:
            return "\n".join(wrapped)
    fewest, most = 0, min(len(line), _MOST_CHARACTERS)
    while fewest < most:
        kept = (fewest + most + 1) // 2
        if len(_wrapped(_without_middle(line, kept), width, size)) <= lines:
            fewest = kept
        else:
            most = kept - 1
    return "\n".join(_wrapped(_without_middle(line, fewest), width, size))


def _without_middle(line: str, kept: int) -> str:
    tail = kept // 2
    return f"{line[: kept - tail].rstrip()}…{line[len(line) - tail :].lstrip()}"


def _wrapped(line: str, width: float, size: float) -> list[str]:
    """Fill lines from the left; a word that is too long for a line is cut."""
    if inches(line, size) <= width:
        return [line]
    done: list[str] = []
    current = ""
    for word in _BREAKS.split(line):
        if inches((current + word).rstrip(), size) <= width:
            current += word
            continue
        if current:
            done.append(current.rstrip())
        current = word.lstrip()
        while inches(current.rstrip(), size) > width and len(current) > 1:
            too_wide = partial(_too_wide, current, width, size)
            cut = max(1, bisect_left(range(len(current)), True, key=too_wide) - 1)
            done.append(current[:cut])
            current = current[cut:]
    return [*done, current.rstrip()] if current.strip() else done


def _too_wide(text: str, width: float, size: float, characters: int) -> bool:
    return inches(text[:characters], size) > width


@lru_cache(maxsize=1)
def _ruler() -> RendererAgg:
    return RendererAgg(1, 1, DPI)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=20_000)
def inches(text: str, size: float) -> float:
    """Measure one line."""
    size_of = _ruler().get_text_width_height_descent
    width: float = size_of(text, FontProperties(size=size), ismath=False)[0]  # type: ignore[no-untyped-call]
    return width / DPI
