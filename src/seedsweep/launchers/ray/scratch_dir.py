"""A directory for one job, on a machine that does not have its sweep's."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seedsweep.system.file_lock import claim, claim_abandoned

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "seedsweep-job-"


@contextmanager
def job_directory() -> Iterator[Path]:
    """Give an empty directory, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name, claim(Path(name)):
        directory = Path(name) / "sweep"
        directory.mkdir()
        yield directory


def remove_abandoned() -> None:
    """Remove the directories of this machine's processes that were killed in the middle of a job."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if claimed := claim_abandoned(path):
            with claimed:
                shutil.rmtree(path, ignore_errors=True)
