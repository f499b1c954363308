"""What a trial takes along to another machine: its images, and the variables that change what is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.config.run_config import read_config
from seedsweep.launchers.job_inputs import TaskInputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig

    from seedsweep.launchers.job_inputs import Files


def _files(config: DictConfig) -> Files:
    """Return the file that a trial's images come from, where another machine may not have it."""
    from seedsweep.data import sources

    data = read_config(config).trial.data
    found = sources.file_of(data.name, data.path)
    return {(data.name, data.path): found} if found else {}


def _receive(files: Files) -> None:
    from seedsweep.data import sources

    sources.use_copies(files)


def _environment() -> Mapping[str, str]:
    from seedsweep.training import backend

    return backend.numeric_environment()


CARRIED = TaskInputs(_files, _receive, _environment)
