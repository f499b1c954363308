"""What a job needs of the machine on which it was typed: files that it reads, and variables of the shell.

A task function says so in its attribute `carrying`; launchers on other machines heed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from omegaconf import DictConfig

    # What a task calls a file that it reads, and where that is.
    Files = Mapping[tuple[str, str | None], Path]


@dataclass(frozen=True)
class TaskInputs:
    """What is carried for a task function.

    Attributes:
        files: returns the files that a config's job reads and that another machine may not have.
        receive: tells the task, on the other machine, where its copies of them are.
        environment: returns the variables that change what comes out.
    """

    files: Callable[[DictConfig], Files]
    receive: Callable[[Files], None]
    environment: Callable[[], Mapping[str, str]]


NOTHING = TaskInputs(lambda _: {}, lambda _: None, dict)


def carrying_of(task_function: object) -> TaskInputs:
    """Return what is carried for a task function; nothing where it does not say."""
    carrying = getattr(task_function, "carrying", NOTHING)
    assert isinstance(carrying, TaskInputs)
    return carrying
