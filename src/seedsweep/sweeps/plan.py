"""A sweep before it runs: every trial composed, checked against its data, and named.

Not here: running it and storing its results, see `grid`.
"""

from __future__ import annotations

import logging
import os
import shlex
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf.errors import OmegaConfBaseException

from seedsweep.config.named_rows import current_row
from seedsweep.config.overrides import quoted
from seedsweep.config.run_config import read_config, unresolved
from seedsweep.errors import UserError
from seedsweep.launchers.hydra.job import current_config
from seedsweep.runner.run_metadata import build_run_metadata, describing_tags
from seedsweep.runner.validation import check_models_build, check_one_process_can_run, load_checked
from seedsweep.trials.variants import VariantKey, name_variants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from omegaconf import DictConfig

    from seedsweep.config.named_rows import NamedRow
    from seedsweep.config.run_config import RunConfig
    from seedsweep.config.trial_config import Trial
    from seedsweep.launchers.hydra.composing import Compositions
    from seedsweep.launchers.resources import WorkerSlot
    from seedsweep.runner.run_metadata import RunMetadata
    from seedsweep.training.backend import Runtime

log = logging.getLogger(__name__)

_SUBDIR_FIX = "hydra.sweep.subdir='${hydra.job.num}'"


@dataclass(frozen=True)
class PlannedTrial:
    """One trial of a sweep before it runs.

    Attributes:
        overrides: the overrides that distinguish it in its sweep.
        run: its checked config.
        place: its directory, relative to the sweep's.
        metadata: of its run.
    """

    overrides: tuple[str, ...]
    run: RunConfig
    place: Path
    metadata: RunMetadata

    @property
    def number(self) -> int:
        """Its number in its sweep, from 0."""
        return int(self.metadata.tags["job"])

    def launch_overrides(self, uri: str, parent_run_id: str, directory: Path) -> list[str]:
        """Return the overrides to launch it with.

        Args:
            uri: of the store.
            parent_run_id: its sweep's run.
            directory: its sweep's.
        """
        tracking = replace(
            self.run.tracking,
            uri=uri,
            parent_run_id=parent_run_id,
            settings_id=self.metadata.tags["settings_id"],
            code_sha256=self.metadata.tags.get("code_sha256"),
            variant=self.metadata.tags["variant"],
            job=self.number,
        )
        return [
            *self.overrides,
            *tracking.overrides(),
            f"hydra.sweep.dir={quoted(str(directory))}",
            f"hydra.sweep.subdir={quoted(str(self.place))}",
        ]


@dataclass(frozen=True)
class _CheckedTrial:
    """A trial before its sweep has given it a name. Without its images, of which a sweep may have many versions."""

    overrides: tuple[str, ...]
    run: RunConfig
    place: Path
    row: NamedRow | None
    tags: Mapping[str, str]

    @property
    def variant_key(self) -> VariantKey:
        return VariantKey(self.run.trial.settings(), self.tags["dataset_sha256"], self.row.title if self.row else "")

    @property
    def content(self) -> Any:
        """What two equal trials have in common: a file under two paths is the same data."""
        trial = self.run.trial
        return replace(trial, data=replace(trial.data, path=None)), self.tags["dataset_sha256"], self.row

    def planned(self, variant: str, runtime: Runtime, number: int) -> PlannedTrial:
        """Return it with its name and number."""
        search = self.run.tracking.search
        metadata = build_run_metadata(self.run.trial, variant, runtime, number, self.tags, search)
        return PlannedTrial(self.overrides, self.run, self.place, metadata)


def plan_sweep(
    config: DictConfig,
    compositions: Compositions,
    job_overrides: Sequence[Sequence[str]],
    slots: Callable[[], Sequence[WorkerSlot]],
) -> list[PlannedTrial]:
    """Compose and check every trial of a sweep, and drop duplicates.

    Args:
        config: the sweep's own config.
        compositions: composes a trial's config from its overrides.
        job_overrides: the overrides of each trial.
        slots: returns where the trials will run.

    Raises:
        UserError: one of the trials cannot be used, or two of them would write to one directory.
    """
    kept: dict[Any, _CheckedTrial] = {}
    for number, overrides in enumerate(job_overrides):
        composed = compositions.compose(overrides)
        try:
            checked = _check(config, composed, overrides, len(kept))
        except UserError as error:
            if (row := composed.tracking.get("row")) is None:
                raise
            raise UserError(f"row {row}: {error.what}", where=error.where, fix=error.fix) from error
        if checked.content in kept:
            log.warning("trial %d (%s) is in the sweep twice; it is trained once", number, " ".join(overrides))
        else:
            kept[checked.content] = checked
    trials = list(kept.values())
    for place, count in Counter(checked.place for checked in trials).items():
        if count > 1:
            raise _shared(count, place)
    check_one_process_can_run([checked.run.trial for checked in trials])
    check_models_build([checked.run.trial for checked in trials])
    names = name_variants([checked.variant_key for checked in trials])
    runtime = _expected_runtime(trials[0].run.trial, slots())
    return [
        checked.planned(variant, runtime, number)
        for number, (checked, variant) in enumerate(zip(trials, names, strict=True))
    ]


def _shared(count: int, place: Path) -> UserError:
    return UserError(f"{count} trials would write to '{place}'", where="hydra.sweep.subdir", fix=_SUBDIR_FIX)


class TrialPlanner:
    """Plans the trials of a search one by one.

    Args:
        config: the sweep's own config.
        compositions: composes a trial's config from its overrides.
        slots: returns where the trials will run.
    """

    def __init__(
        self, config: DictConfig, compositions: Compositions, slots: Callable[[], Sequence[WorkerSlot]]
    ) -> None:
        self._config = config
        self._compositions = compositions
        self._slots = slots
        self._runtime: Runtime | None = None
        self._numbers: dict[Path, int] = {}

    def plan(
        self, overrides: Sequence[str], number: int, variant: str, search: Mapping[str, int] | None
    ) -> PlannedTrial:
        """Compose and check a trial.

        Args:
            overrides: the overrides that distinguish it in its sweep.
            number: its number in its sweep.
            variant: its variant's name.
            search: its place in the search; None for the trials that confirm the winner.

        Raises:
            UserError: it cannot be used, or would write to another trial's directory.
        """
        checked = _check(self._config, self._compositions.compose(overrides), overrides, number)
        if self._numbers.setdefault(checked.place, number) != number:
            raise _shared(2, checked.place)
        if self._runtime is None:
            self._runtime = _expected_runtime(checked.run.trial, self._slots())
        run = replace(checked.run, tracking=replace(checked.run.tracking, search=search))
        return replace(checked, run=run).planned(variant, self._runtime, number)


def _check(config: DictConfig, composed: DictConfig, overrides: Sequence[str], number: int) -> _CheckedTrial:
    job: Any = composed.hydra.job
    job.id, job.num = str(number), number
    _check_environment(composed)
    with current_config(composed):
        run = read_config(composed)
        row = current_row(run.tracking.row)
        place = _place(config, composed)
        tags = describing_tags(load_checked(run.trial), row)
    return _CheckedTrial(tuple(overrides), run, place, row, tags)


def _check_environment(composed: DictConfig) -> None:
    """Refuse to change how a worker computes when it has begun to.

    Raises:
        UserError: Hydra is to set a variable for each trial that the libraries read once a process.
    """
    from seedsweep.training import backend

    for name, value in composed.hydra.job.env_set.items():
        if backend.is_numeric(name) and os.environ.get(name) != str(value):
            raise UserError(
                f"{name} changes how a worker computes, which trains one trial after another",
                where=f"hydra.job.env_set.{name}",
                fix=f"for the whole sweep: {shlex.join([f'{name}={value}'])} {_without(composed, name)}",
            )


def _without(composed: DictConfig, variable: str) -> str:
    """Return the command without the override that sets a variable."""
    typed = [*composed.hydra.overrides.hydra, *composed.hydra.overrides.task]
    others = [str(text) for text in typed if f"env_set.{variable}=" not in str(text)]
    return shlex.join(["python", "sweep.py", "-m", *others])


def _expected_runtime(trial: Trial, slots: Sequence[WorkerSlot]) -> Runtime:
    """Return what trials will compute with."""
    from seedsweep.training import backend

    if not slots:  # a launcher of Hydra's: probably on this machine
        return backend.expected_in({"CUDA_VISIBLE_DEVICES": "-1"}, trial.backend, trial.threads)
    return slots[0].ask(partial(backend.expected_in, slots[0].environment, trial.backend, trial.threads))


def _place(config: DictConfig, composed: DictConfig) -> Path:
    """Return a trial's directory within its sweep's.

    Raises:
        UserError: it does not resolve, or lies outside.
    """
    try:
        place = Path(str(composed.hydra.sweep.subdir))
    except OmegaConfBaseException as error:
        what = unresolved(error, "hydra.sweep.subdir").what
        raise UserError(what, where="hydra.sweep.subdir", fix=_SUBDIR_FIX) from error
    if place.is_absolute() or ".." in place.parts:
        root = Path(config.hydra.sweep.dir).absolute()
        raise UserError(
            f"a trial would write to '{place}', outside the sweep's directory {root}",
            where="hydra.sweep.subdir",
            fix=_SUBDIR_FIX,
        )
    return place
