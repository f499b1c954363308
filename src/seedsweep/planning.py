"""A sweep before it runs: every trial composed, checked against its data, and named.

Not here: running it and keeping its results, see `sweeps`.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import open_dict
from omegaconf.errors import OmegaConfBaseException

from seedsweep.app import TOLD, load_checked
from seedsweep.config import current_hydra_config, read_config, unresolved
from seedsweep.errors import BadInput
from seedsweep.trials.variants import name_variants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.config_loader import ConfigLoader
    from omegaconf import DictConfig

    from seedsweep.config import RunConfig
    from seedsweep.trials.spec import Trial

log = logging.getLogger(__name__)

_SUBDIR_FIX = "hydra.sweep.subdir='${hydra.job.num}'"


@dataclass(frozen=True)
class Planned:
    """One trial of a sweep before it runs.

    Attributes:
        overrides: what distinguishes it on the command line.
        run: its checked config.
        variant: what the sweep calls it.
        dataset_sha256: identity of its images.
        dataset: its images and their split in words.
    """

    overrides: tuple[str, ...]
    run: RunConfig
    variant: str
    dataset_sha256: str
    dataset: str

    def told(self, uri: str, parent_run_id: str) -> list[str]:
        """Return the overrides to launch: its own, and what a trial must know of its sweep."""
        known = zip(TOLD, (uri, parent_run_id, self.variant), strict=True)
        return [*self.overrides, *(f"{key}={quoted(value)}" for key, value in known)]


def plan_sweep(
    config: DictConfig, config_loader: ConfigLoader, job_overrides: Sequence[Sequence[str]]
) -> list[Planned]:
    """Compose and check every trial of a sweep, and drop those that stand in it twice.

    Args:
        config: the sweep's own config.
        config_loader: composes a trial's config from its overrides.
        job_overrides: one list a trial.

    Raises:
        BadInput: one of the trials cannot be used, or two of them could not be kept apart.
    """
    kept: dict[Any, tuple[tuple[str, ...], RunConfig, str, str]] = {}
    places: Counter[Path] = Counter()
    for number, overrides in enumerate(job_overrides):
        composed = config_loader.load_sweep_config(config, list(overrides))
        with open_dict(composed):
            composed.hydra.job.id = composed.hydra.job.num = len(kept)
        with current_hydra_config(composed):
            run = read_config(composed)
            place = _output_directory(config, composed)
        dataset = load_checked(run.trial)
        # The same file under two paths is the same trial.
        content = (replace(run.trial, data=replace(run.trial.data, path=None)), dataset.sha256)
        if content in kept:
            log.warning("trial %d (%s) stands twice in the sweep: it is trained once", number, " ".join(overrides))
            continue
        places[place] += 1
        # Not the images themselves: a sweep over data settings would hold every version of them at once.
        kept[content] = (tuple(overrides), run, dataset.sha256, dataset.description)
    for place, count in places.items():
        if count > 1:
            raise BadInput(f"{count} trials would write to '{place}'", where="hydra.sweep.subdir", fix=_SUBDIR_FIX)
    _check_one_process_can_run([run.trial for _, run, *_ in kept.values()])
    names = name_variants([(run.trial.settings(), sha256) for _, run, sha256, _ in kept.values()])
    return [
        Planned(overrides, run, name, sha256, description)
        for (overrides, run, sha256, description), name in zip(kept.values(), names, strict=True)
    ]


def _output_directory(config: DictConfig, composed: DictConfig) -> Path:
    """Return a trial's directory as Hydra will make it.

    Raises:
        BadInput: it does not resolve, or lies outside the sweep's own.
    """
    root = Path(config.hydra.sweep.dir).absolute()
    try:
        place = Path(str(composed.hydra.sweep.subdir))
    except OmegaConfBaseException as error:
        raise unresolved(error, "hydra.sweep.subdir") from error
    if place.is_absolute() or ".." in place.parts:
        raise BadInput(
            f"a trial would write to '{place}', outside the sweep's directory {root}",
            where="hydra.sweep.subdir",
            fix=_SUBDIR_FIX,
        )
    return root / place


def _check_one_process_can_run(trials: Sequence[Trial]) -> None:
    """Backend and threads hold for a whole process, and a worker runs trial after trial."""
    for setting in ("backend", "threads"):
        values = list(dict.fromkeys(getattr(trial, setting) for trial in trials))
        if len(values) > 1:
            raise BadInput(
                f"all trials of a sweep must have the same {setting}, got {', '.join(map(str, values))}",
                where=setting,
                fix=f"one sweep for each: {setting}={values[0]}",
            )


def quoted(text: str) -> str:
    """Return a text as a quoted value of Hydra's override grammar that resolves to itself."""
    # Backslashes count only before a quote, before an interpolation, and at the end, where a quote follows.
    text = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    text = re.sub(r"(\\*)'", r"\1\1\\'", text)
    return "'" + re.sub(r"(\\+)$", r"\1\1", text) + "'"
