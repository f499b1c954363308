"""What a directory is called on the machine on which the sweep was started, where that is another one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_home: tuple[Path, Path] | None = None


@contextmanager
def known_as(here: Path, there: Path) -> Iterator[None]:
    """Let a directory of this machine stand for one of the driver's."""
    global _home  # noqa: PLW0603 - a process runs one job at a time
    _home = (here, there)
    try:
        yield
    finally:
        _home = None


def on_driver(path: Path) -> Path:
    """Return what the driver calls a directory; itself where the driver is on this machine."""
    if _home is None or not path.is_relative_to(_home[0]):
        return path
    return _home[1] / path.relative_to(_home[0])
