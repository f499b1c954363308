"""Files below a directory in which others work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def walk_files(directory: Path) -> Iterator[Path]:
    """Give every file below a directory.

    Not `Path.rglob`, which may raise when a directory is removed that it is about to list.
    """
    for place, _, names in os.walk(directory):
        yield from (Path(place, name) for name in names)
