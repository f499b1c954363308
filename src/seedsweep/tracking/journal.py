"""What one run has to say, in a file beside its trial, from where it is delivered to the store.

A trial never waits for the store: it writes here, and a store that is away for a while gets everything
later, from the process that looks after the sweep or, if that is killed, from the next one. Not here: how
entries reach the store, see `journal_uploader`.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from seedsweep.metrics import of_kept_weights
from seedsweep.system import file_lock
from seedsweep.system.files import walk_files
from seedsweep.trials.records import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_DELIVERED = "journal.delivered"
_FILES = "artifacts"


@dataclass(frozen=True)
class UploadCursor:
    """How much of the journal with this key the store has: its first `size` bytes, as this run."""

    run_id: str | None = None
    size: int = 0
    key: str = ""


class JournalReader:
    """The journal in a directory, as the process that uploads it sees it: its writer or another one.

    Each line is one entry, a mapping with one of these keys:
    `start` (name, tags, params), `metrics` (with `step`), `tags`, `files` (a directory's name), and `end`
    (a status). `time` is in milliseconds since 1970.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._path = directory / JOURNAL

    @property
    def exists(self) -> bool:
        """Tell whether there is a journal: one whose run did not finish, or was not delivered."""
        return bool(self.starts)

    @property
    def size(self) -> int:
        """Its bytes, also those of a line that is still being written."""
        return self._path.stat().st_size if self._path.is_file() else 0

    @property
    def starts(self) -> list[dict[str, Any]]:
        """What was said each time that the run was opened."""
        return [entry["start"] for entry in self.entries() if "start" in entry]

    @property
    def key(self) -> str:
        """Finds the run again when the store made it and the answer was lost."""
        return str(self.starts[0]["key"])

    def entries(self, start: int = 0) -> list[dict[str, Any]]:
        """Return the entries from a byte position on, up to the first that is not whole; `ends_at`: where each ends."""
        position, found = start, []
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as lines:
            lines.seek(start)
            for line in lines:
                try:
                    entry = json.loads(line if line.endswith(b"\n") else b"")
                except ValueError:
                    break  # still being written, or all that a power cut has left
                position += len(line)
                found.append({**entry, "ends_at": position})
        return found

    @property
    def status(self) -> str | None:
        """How the run ended, or None while it has not."""
        turns = [entry for entry in self.entries() if "end" in entry or "start" in entry]
        return turns[-1].get("end") if turns else None

    @property
    def delivered(self) -> UploadCursor:
        """How much the store has."""
        try:
            known = UploadCursor(**json.loads((self.directory / _DELIVERED).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return UploadCursor()  # at worst, entries are uploaded twice
        return known if known.key == self.key and known.size <= self.size else UploadCursor()

    def note_delivered(self, run_id: str, size: int) -> None:
        """Remember how much the store has."""
        unfinished = self.directory / f"{_DELIVERED}.unfinished"
        unfinished.write_text(json.dumps(asdict(UploadCursor(run_id, size, self.key))), encoding="utf-8")
        unfinished.replace(self.directory / _DELIVERED)

    def clear(self) -> None:
        """Remove the journal of a finished run that the store has whole; an unfinished one may be resumed."""
        if self.exists and self.status == "FINISHED" and self.delivered.size == self.size:
            # In this order: the mark must never outlive what it is about.
            (self.directory / _DELIVERED).unlink()
            self._path.unlink()

    def set_aside(self) -> None:
        """Keep the journal under another name, so that it is not uploaded again."""
        (self.directory / _DELIVERED).unlink(missing_ok=True)
        self._path.replace(self._path.with_suffix(f".{self.key}"))


def journals_of(directory: Path, parent_run_id: str) -> list[JournalReader]:
    """Return the journals below a directory that belong to a sweep's trials; others may be at work there."""
    found = [JournalReader(path.parent) for path in sorted(walk_files(directory)) if path.name == JOURNAL]
    return [
        journal for journal in found if journal.exists and journal.starts[0]["owner"].startswith(f"{parent_run_id}/")
    ]


class Journal(JournalReader):
    """The journal in a directory, open for writing; by one process at a time.

    Raises:
        WriteError: another process has it open.
        OSError: the directory cannot be written to.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self._lines = self._path.open("ab")
        self._writing = threading.Lock()
        file_lock.lock(self._lines)
        # A process that was killed while writing leaves half a line.
        entries = self.entries()
        self._lines.truncate(entries[-1]["ends_at"] if entries else 0)

    @property
    def attempts(self) -> int:
        """How often the run was opened."""
        return len(self.starts)

    @property
    def files(self) -> Path:
        """Where the files of this attempt are collected; an earlier one's may still be on their way."""
        return self.directory / f"{_FILES}-{self.attempts}"

    def finished_as(self, owner: str) -> dict[str, float]:
        """Return the last value of each metric of a run that has finished; empty when it has not, or is another's."""
        if not self.exists or self.starts[0]["owner"] != owner or self.status != "FINISHED":
            return {}
        return of_kept_weights(
            {name: value for entry in self.entries() for name, value in entry.get("metrics", {}).items()}
        )

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write one entry, whole or not at all.

        Raises:
            OSError: there is no room.
        """
        line = json.dumps({**entry, "time": int(time.time() * 1000)}).encode() + b"\n"
        with self._writing:
            before = os.fstat(self._lines.fileno()).st_size
            try:
                written = os.write(self._lines.fileno(), line)
                if written < len(line):
                    os.write(self._lines.fileno(), line[written:])
                if "end" in entry:
                    os.fsync(self._lines.fileno())  # what the trial could resume from is removed next
            except OSError:
                self._lines.truncate(before)
                raise

    def start(self, name: str, owner: str, *, tags: Mapping[str, str], params: Mapping[str, str]) -> None:
        """Open the run, or open it again.

        Args:
            name: what a person tells the run by.
            owner: says which trial of which sweep it is; what another one has left here is put aside.
            tags: of the run.
            params: of the run.
        """
        if self.exists and self.starts[0]["owner"] != owner:
            # Two sweeps were given the same directory. The file itself stays: it carries the lock.
            (self.directory / _DELIVERED).unlink(missing_ok=True)
            shutil.copy(self._path, self._path.with_suffix(f".{self.key}"))
            self._lines.truncate(0)
        key = self.key if self.exists else secrets.token_hex(8)
        start = {"key": key, "owner": owner, "name": name, "tags": dict(tags), "params": dict(params)}
        self.append({"start": start})

    def close(self) -> None:
        """Let go of the directory."""
        self._lines.close()
