"""The modules of a user's function, on a machine that does not have them."""

from __future__ import annotations

import importlib
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seedsweep.trials.source_code import SourceCode


def relative_paths(code: SourceCode) -> dict[str, Path]:
    """Return path below a directory of modules → file; a package's __init__.py is in the directory of its name."""
    found = {}
    for name, file in code.files.items():
        place = Path(*name.split("."))
        found[str(place / file.name if file.name == "__init__.py" else place.with_suffix(".py"))] = file
    return found


def make_importable(files: Mapping[str, Path]) -> None:
    """Let this process import modules from copies of their files.

    Args:
        files: path below a directory of modules → copy.
    """
    directory = Path(_directory().name)
    for place, copy in files.items():
        target = directory / place
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(copy.read_bytes())
    importlib.invalidate_caches()


@cache  # which keeps it for as long as the process lasts
def _directory() -> tempfile.TemporaryDirectory[str]:
    directory = tempfile.TemporaryDirectory(prefix="seedsweep-code-")
    sys.path.insert(0, directory.name)
    return directory
