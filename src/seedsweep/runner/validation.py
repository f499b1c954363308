"""Checks of a trial's settings against its data, before anything trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedsweep.config.trial_config import Trial
    from seedsweep.data.dataset import Dataset


def load_checked(trial: Trial) -> Dataset:
    """Load a trial's data and check that its other settings fit them.

    Raises:
        UserError: the data cannot be used, or the settings do not fit them.
    """
    from seedsweep.data import dataset
    from seedsweep.training import backend

    if not backend.is_installed(trial.backend):
        raise UserError(
            f"backend={trial.backend} is not installed", where="backend", fix=f"pip install {trial.backend}"
        )
    loaded = dataset.load(trial.data)
    if trial.batch_size > len(loaded.train):
        raise UserError(
            f"batch_size={trial.batch_size} exceeds the {len(loaded.train):,} training images",
            where="batch_size",
            fix=f"batch_size={min(128, len(loaded.train))}",
        )
    trial.model.check_fits(*loaded.image_shape[:2])
    trial.data.augment.check_fits(*loaded.image_shape[:2])
    return loaded


def check_one_process_can_run(trials: Sequence[Trial]) -> None:
    """Check that trials have the same backend and threads, which hold for a whole process.

    Raises:
        UserError: they have not.
    """
    for setting in ("backend", "threads"):
        values = list(dict.fromkeys(getattr(trial, setting) for trial in trials))
        if len(values) > 1:
            raise UserError(
                f"all trials of a sweep must have the same {setting}, got {', '.join(map(str, values))}",
                where=setting,
                fix=f"{setting}={values[0]}, and another sweep for each other value",
            )
