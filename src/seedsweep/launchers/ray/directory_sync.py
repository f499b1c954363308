"""A directory of one machine as it is seen on another: what has changed in it, and how that is taken over.

What is taken over is whole at any moment: a file replaces its older self under its own name, or grows at its end.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from seedsweep.system.files import walk_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What is still being written, under a name that is not its own.
_UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class Change:
    """What has become of a file.

    Attributes:
        path: its own, within the directory.
        start: how many of its bytes stay.
        content: what follows them; None: the file is gone.
    """

    path: str
    start: int
    content: bytes | None


@dataclass(frozen=True)
class _Known:
    """A file as it was when it was last read."""

    stamp: tuple[int, int, int]
    size: int
    digest: bytes


class DirectorySync:
    """Tells what has changed in a directory since it was last asked.

    Args:
        root: the directory; it may not exist yet.
        last: name of the files that tell of the others, and are taken over after them.
        only_last: whether the others are passed over.
        without: a directory in it that is passed over.
    """

    def __init__(self, root: Path, last: str, *, only_last: bool = False, without: str | None = None) -> None:
        self._root = root
        self._without = None if without is None else root / without
        self._last = last
        self._only_last = only_last
        self._known: dict[str, _Known] = {}
        self._missing: set[str] = set()

    def changes(self) -> list[Change]:
        """Return what has changed, in the order in which it is to be taken over."""
        # What a file tells of others was written after them, so it is read before them.
        paths = sorted(self._paths(), key=lambda path: Path(path).name != self._last)
        found = [change for path in paths if (change := self._change(path))]
        # A file is removed when one that was read before says so, which the next look takes over first.
        gone = {path for path in self._known if path not in paths}
        for path in gone & self._missing:
            del self._known[path]
            found.append(Change(path, 0, None))
        self._missing = gone - self._missing
        return sorted(found, key=lambda change: Path(change.path).name == self._last)

    def _paths(self) -> list[str]:
        files = (path for path in walk_files(self._root) if not path.name.endswith(_UNFINISHED))
        files = (path for path in files if path.name == self._last or not self._only_last)
        seen = (path for path in files if self._without is None or not path.is_relative_to(self._without))
        return sorted(path.relative_to(self._root).as_posix() for path in seen)

    def _change(self, path: str) -> Change | None:
        file = self._root / path
        known = self._known.get(path)
        try:
            # In this order: what is written in between is seen the next time.
            status = file.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if known and known.stamp == stamp:
                return None
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        digest = _digest(content)
        self._known[path] = _Known(stamp, len(content), digest)
        if known and known.size <= len(content) and _digest(content[: known.size]) == known.digest:
            return Change(path, known.size, content[known.size :]) if len(content) > known.size else None
        return Change(path, 0, content)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def apply(changes: Iterable[Change], root: Path) -> None:
    """Take over what has changed.

    Args:
        changes: in their order.
        root: the directory; it is made when it is not there.

    Raises:
        OSError: it cannot be written.
        ValueError: a change is of a file outside of it, or follows one that is missing.
    """
    for path, change in _checked(changes, root):
        if change.content is None:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if change.start == 0:
            unfinished = path.with_name(path.name + _UNFINISHED)
            unfinished.write_bytes(change.content)
            unfinished.replace(path)
            continue
        with path.open("r+b") as file:
            if file.seek(0, 2) < change.start:
                raise ValueError(f"{path} is shorter than what it is to be continued from")
            file.truncate(change.start)
            file.seek(change.start)
            file.write(change.content)


def _checked(changes: Iterable[Change], root: Path) -> Iterator[tuple[Path, Change]]:
    for change in changes:
        within = PurePosixPath(change.path)
        if within.is_absolute() or ".." in within.parts:
            raise ValueError(f"{change.path} is outside of the directory")
        yield root / within, change
