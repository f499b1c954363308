"""Python modules found and read without importing them."""

from __future__ import annotations

import ast
import sys
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec

# Where code that is installed lies; Debian's Python has directories of its own.
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Module:
    """A module's source.

    Attributes:
        name: its dotted name.
        path: its file.
        is_package: whether the file is a package's __init__.py.
        tree: its syntax tree.
    """

    name: str
    path: Path
    is_package: bool
    tree: ast.Module

    @property
    def package(self) -> str:
        """The package that its relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def is_own(self) -> bool:
        """Whether it is a user's code."""
        return is_own(self.name, self.path)


def is_own(name: str, path: Path) -> bool:
    """Tell whether a module is a user's code: neither installed, nor Python's, nor seedsweep's.

    Args:
        name: its dotted name.
        path: its file.
    """
    if name.partition(".")[0] in ("seedsweep", "hydra_plugins"):
        return False
    return not any(part in _INSTALLED for part in path.parts) and not path.is_relative_to(sysconfig.get_path("stdlib"))


def find_module(name: str) -> Module | None:
    """Return a module's source, or None if there is no such module or it is not written in Python.

    Nothing is imported: `importlib.util.find_spec` would import the packages above a module.

    Raises:
        SyntaxError: the file is not Python.
    """
    search_path: Sequence[str] | None = None
    spec = None
    for depth in range(name.count(".") + 1):
        above = ".".join(name.split(".")[: depth + 1])
        spec = _spec(above, search_path)
        if spec is None:
            return None
        search_path = spec.submodule_search_locations
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    return _parsed(name, path, search_path is not None, path.stat().st_mtime_ns)


def modules_beside() -> list[str]:
    """Return the names of the modules in the directories that Python searches and nothing is installed in."""
    return sorted({path.stem for path in _own_directories() for path in path.glob("*.py")})


def _own_directories() -> Iterator[Path]:
    for text in dict.fromkeys(sys.path):
        place = Path(text or ".")
        installed = any(part in _INSTALLED for part in place.parts)
        if place.is_dir() and not installed and not place.is_relative_to(sysconfig.get_path("stdlib")):
            yield place


def _spec(name: str, search_path: Sequence[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        spec = finder.find_spec(name, search_path, None)
        if spec is not None:
            return spec
    return None


@lru_cache(maxsize=1024)
def _parsed(name: str, path: Path, is_package: bool, _changed: int) -> Module:
    return Module(name, path, is_package, ast.parse(path.read_bytes(), filename=str(path)))
