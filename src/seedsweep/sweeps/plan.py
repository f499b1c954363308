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
from seedsweep.config.reproduce import reproduce_command
from seedsweep.config.run_config import INTERNAL_OVERRIDES, read_config, unresolved
from seedsweep.errors import UserError
from seedsweep.launchers.hydra.composing import compositions_of
from seedsweep.launchers.hydra.hydra_job import current_config
from seedsweep.runner.run_metadata import build_run_metadata
from seedsweep.runner.validation import check_one_process_can_run, load_checked
from seedsweep.trials.variants import VariantKey, name_variants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hydra.core.config_loader import ConfigLoader
    from omegaconf import DictConfig

    from seedsweep.config.named_rows import NamedRow
    from seedsweep.config.run_config import RunConfig
    from seedsweep.config.trial_config import Trial
    from seedsweep.launchers.resources import WorkerSlot
    from seedsweep.runner.run_metadata import RunMetadata
    from seedsweep.training.backend import Runtime

log = logging.getLogger(__name__)

_SUBDIR_FIX = "hydra.sweep.subdir='${hydra.job.num}'"


@dataclass(frozen=True)
class PlannedTrial:
    """One trial of a sweep before it runs.

    Attributes:
        overrides: what distinguishes it on the command line.
        run: its checked config.
        place: its directory, in the sweep's own.
        described: what its run tells of it.
        search: where it stands in its search.
    """

    overrides: tuple[str, ...]
    run: RunConfig
    place: Path
    described: RunMetadata
    search: Mapping[str, int] | None = None

    @property
    def number(self) -> int:
        """Its number in its sweep, from 0."""
        return int(self.described.tags["job"])

    def told(self, uri: str, parent_run_id: str, directory: Path) -> list[str]:
        """Return the overrides to launch: its own, and what a trial must know of its sweep."""
        tags = self.described.tags
        row = quoted(tags["row"]) if "row" in tags else "null"
        places = ",".join(f"{name}:{number}" for name, number in (self.search or {}).items())
        search = "null" if self.search is None else f"{{{places}}}"
        values = (
            *(quoted(uri), quoted(parent_run_id), quoted(tags["settings_id"]), quoted(tags["variant"]), tags["job"]),
            *(row, search),
        )
        return [
            *self.overrides,
            *(f"{key}={value}" for key, value in zip(INTERNAL_OVERRIDES, values, strict=True)),
            f"hydra.sweep.dir={quoted(str(directory))}",
            f"hydra.sweep.subdir={quoted(str(self.place))}",
        ]


@dataclass(frozen=True)
class _Checked:
    """A trial that was composed and checked, and is not yet named."""

    overrides: tuple[str, ...]
    run: RunConfig
    place: Path
    dataset: str
    dataset_sha256: str
    dataset_warnings: tuple[str, ...]
    reproduce: str
    row: NamedRow | None

    def told(self) -> VariantKey:
        """Return what names its variant."""
        return VariantKey(self.run.trial.settings(), self.dataset_sha256, self.row.title if self.row else "")


def plan_sweep(
    config: DictConfig,
    config_loader: ConfigLoader,
    job_overrides: Sequence[Sequence[str]],
    slots: Callable[[], Sequence[WorkerSlot]],
) -> list[PlannedTrial]:
    """Compose and check every trial of a sweep, and drop those that stand in it twice.

    Args:
        config: the sweep's own config.
        config_loader: composes a trial's config from its overrides.
        job_overrides: one list a trial.
        slots: returns where the trials will run.

    Raises:
        UserError: one of the trials cannot be used, or two of them could not be kept apart.
    """
    compositions = compositions_of(config_loader, config)
    kept: dict[Any, _Checked] = {}
    for number, overrides in enumerate(job_overrides):
        composed = compositions.compose(overrides)
        try:
            checked = _check(config, composed, overrides, len(kept))
        except UserError as error:
            if (row := composed.tracking.get("row")) is None:
                raise
            raise UserError(f"row {row}: {error.what}", where=error.where, fix=error.fix) from error
        trial = checked.run.trial
        # The same file under two paths is the same trial.
        content = (replace(trial, data=replace(trial.data, path=None)), checked.dataset_sha256, checked.row)
        if content in kept:
            log.warning("trial %d (%s) stands twice in the sweep: it is trained once", number, " ".join(overrides))
        else:
            kept[content] = checked
    plan = list(kept.values())
    for place, count in Counter(checked.place for checked in plan).items():
        if count > 1:
            raise _shared(count, place)
    check_one_process_can_run([checked.run.trial for checked in plan])
    names = name_variants([checked.told() for checked in plan])
    computes = _expected_runtime(plan[0].run.trial, slots())
    return [
        PlannedTrial(
            checked.overrides,
            checked.run,
            checked.place,
            build_run_metadata(
                checked.run.trial,
                variant,
                dataset=checked.dataset,
                dataset_sha256=checked.dataset_sha256,
                dataset_warnings=checked.dataset_warnings,
                computes=computes,
                reproduce=checked.reproduce,
                job=number,
                row=checked.row,
            ),
        )
        for number, (checked, variant) in enumerate(zip(plan, names, strict=True))
    ]


def _shared(count: int, place: Path) -> UserError:
    return UserError(f"{count} trials would write to '{place}'", where="hydra.sweep.subdir", fix=_SUBDIR_FIX)


class TrialPlanner:
    """Plans the trials of a search one by one.

    Args:
        config: the sweep's own config.
        config_loader: composes a trial's config from its overrides.
        slots: returns where the trials will run.
    """

    def __init__(
        self, config: DictConfig, config_loader: ConfigLoader, slots: Callable[[], Sequence[WorkerSlot]]
    ) -> None:
        self._config = config
        self._compositions = compositions_of(config_loader, config)
        self._slots = slots
        self._computes: Runtime | None = None
        self._numbers: dict[Path, int] = {}

    def plan(
        self, overrides: Sequence[str], number: int, variant: str, search: Mapping[str, int] | None
    ) -> PlannedTrial:
        """Compose and check a trial.

        Args:
            overrides: what distinguishes it.
            number: its own, in its sweep.
            variant: what its variant is called.
            search: where it stands in the search; None for those that confirm its winner.

        Raises:
            UserError: it cannot be used, or would write where another one does.
        """
        checked = _check(self._config, self._compositions.compose(overrides), overrides, number)
        if self._numbers.setdefault(checked.place, number) != number:
            raise _shared(2, checked.place)
        trial = checked.run.trial
        if self._computes is None:
            self._computes = _expected_runtime(trial, self._slots())
        described = build_run_metadata(
            trial,
            variant,
            dataset=checked.dataset,
            dataset_sha256=checked.dataset_sha256,
            dataset_warnings=checked.dataset_warnings,
            computes=self._computes,
            reproduce=checked.reproduce,
            job=number,
            search=search,
        )
        return PlannedTrial(checked.overrides, checked.run, checked.place, described, search)


def _check(config: DictConfig, composed: DictConfig, overrides: Sequence[str], number: int) -> _Checked:
    job: Any = composed.hydra.job
    job.id, job.num = str(number), number
    _check_environment(composed)
    with current_config(composed):
        run = read_config(composed)
        row = current_row(run.tracking.row)
        place = _place(config, composed)
        reproduce = reproduce_command()
    dataset = load_checked(run.trial)
    # Not the images themselves: a sweep over data settings would hold every version of them at once.
    return _Checked(tuple(overrides), run, place, dataset.description, dataset.sha256, dataset.warnings, reproduce, row)


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
