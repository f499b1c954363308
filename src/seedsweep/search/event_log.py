"""What a search was asked and told, in a file that outlives its process."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from seedsweep.search.protocol import Result
from seedsweep.search.searcher import Suggestion

if TYPE_CHECKING:
    from pathlib import Path


class EventLog:
    """Suggestions and results in the order in which they were asked and told, one a line.

    Args:
        path: its file, which need not exist.

    Attributes:
        events: what stands in it when it is opened. What a killed process has written half does not.

    Raises:
        OSError: the file cannot be read, or its torn end not removed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(path, len(whole))
        self.events = [_event(json.loads(line)) for line in whole.splitlines()]

    def add(self, event: Suggestion | Result) -> None:
        """Write one more down, at once and for good.

        Raises:
            OSError: there is no room.
        """
        if isinstance(event, Result):
            told: dict[str, Any] = {"told": event.number, "score": event.score}
        else:
            told = {"suggested": event.number, "values": dict(event.values)}
        with self._path.open("ab") as file:
            file.write(json.dumps(told).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _event(told: dict[str, Any]) -> Suggestion | Result:
    if "told" in told:
        return Result(told["told"], told["score"])
    return Suggestion(told["suggested"], told["values"])
