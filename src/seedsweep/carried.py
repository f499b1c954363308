"""What a trial takes along to another machine: its images, and the variables that change what is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.config import read_config
from seedsweep.launching.carrying import Carrying

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig

    from seedsweep.launching.carrying import Files


def _files(config: DictConfig) -> Files:
    """Return the file that a trial's images come from, where another machine may not have it."""
    from seedsweep.training import sources

    data = read_config(config).trial.data
    found = sources.file_of(data.name, data.path)
    return {(data.name, data.path): found} if found else {}


def _receive(files: Files) -> None:
    from seedsweep.training import sources

    sources.use_copies(files)


def _environment() -> Mapping[str, str]:
    from seedsweep.training import runtime

    return runtime.numeric_environment()


CARRIED = Carrying(_files, _receive, _environment)
