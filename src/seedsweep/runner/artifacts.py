"""The files that stay with a run: the network, its config, its curves, its answer to every test image."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from omegaconf import OmegaConf

from seedsweep.reporting.plots.comparable import only_while_training
from seedsweep.reporting.plots.trial_curves import draw_curves
from seedsweep.runner.code_files import relative_paths
from seedsweep.runner.run_metadata import code_of_trial

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from omegaconf import DictConfig

    from seedsweep.config.trial_config import Trial
    from seedsweep.data.dataset import Dataset
    from seedsweep.metrics import EpochMetrics
    from seedsweep.training.trainer import TrainingResult
    from seedsweep.trials.source_code import SourceCode


log = logging.getLogger(__name__)


def write_files(
    directory: Path,
    trial: Trial,
    name: str,
    dataset: Dataset,
    trained: TrainingResult,
    epochs: Sequence[EpochMetrics],
    *,
    pictures: bool,
) -> None:
    """Write them all to a directory, which is made; of the pictures only if they are wanted.

    Raises:
        OSError: there is no room.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if problem := trained.save(directory):
        _say_once(f"Keras cannot write the whole of {name}, only its weights, as model.weights.h5: {problem}")
    (directory / "model.txt").write_text(trained.summary(), encoding="utf-8")
    OmegaConf.save(_nested(trial.settings()), directory / "config.yaml")
    if code := code_of_trial(trial):
        _copy_code(directory / "code", code)
    if pictures:
        _draw(directory, trial, name, trained, epochs)
    if trained.tested is None:
        return
    smallest = np.min_scalar_type(dataset.classes - 1)
    np.savez_compressed(
        directory / "predictions.npz",
        predicted=trained.tested.predictions.astype(smallest),
        label=dataset.test.y.astype(smallest),
    )


def _copy_code(directory: Path, code: SourceCode) -> None:
    for place, file in relative_paths(code).items():
        (directory / place).parent.mkdir(parents=True, exist_ok=True)
        (directory / place).write_bytes(file.read_bytes())


def _draw(directory: Path, trial: Trial, name: str, trained: TrainingResult, epochs: Sequence[EpochMetrics]) -> None:
    draw_curves(
        epochs,
        title=name,
        path=directory / "curves.png",
        validated_on="test" if trial.data.validation == "test" else "validation",
        only_while_training=only_while_training(trial.settings()),
    )
    if missing := trained.draw(directory / "diagram.png"):
        _say_once(f"no diagram of the networks: {missing}; their layers stand in model.txt")


@lru_cache
def _say_once(words: str) -> None:
    """Log what holds for all trials of a sweep with the first of them, as far as this process knows."""
    log.warning(words, extra={"seedsweep_once": True})


def _nested(settings: dict[str, object]) -> DictConfig:
    nested = OmegaConf.create()
    for key, value in settings.items():
        OmegaConf.update(nested, key, value)
    return nested
