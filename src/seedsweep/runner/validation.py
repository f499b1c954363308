"""Checks of a trial's settings against its data, before anything trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.config.functions import Function, ModelFunction, OptimizerFunction
from seedsweep.errors import UserError
from seedsweep.runner.function_check import check_function

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
    trial.data.augment.check_fits(*loaded.image_shape[:2])
    if isinstance(trial.opt, OptimizerFunction):
        check_function(trial.opt, ())
    if isinstance(trial.model, ModelFunction):
        check_function(trial.model, _wanted(trial))
    else:
        trial.model.check_fits(*loaded.image_shape[:2])
    return loaded


def _wanted(trial: Trial) -> list[str]:
    """Return what a trial asks of its model's function, beside its arguments."""
    augment = trial.data.augment
    in_use = {"reg": trial.reg.name != "none", "data.augment": any((augment.shift, augment.rotate, augment.zoom))}
    return [group for group, is_used in in_use.items() if is_used]


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


def check_models_build(trials: Sequence[Trial]) -> None:
    """Build each distinct model of a user's own once, in another process; takes seconds if there is one.

    Raises:
        UserError: one cannot be built.
    """
    from seedsweep.data import dataset
    from seedsweep.training.build_check import EXAMPLES, Build, check_builds

    builds: dict[object, Build] = {}
    for trial in trials:
        if isinstance(trial.model, Function) or isinstance(trial.opt, Function):
            loaded = dataset.load(trial.data)
            kind = (
                trial.model,
                trial.opt,
                trial.reg,
                trial.data.augment,
                loaded.image_shape,
                loaded.classes,
                trial.precision,
            )
            builds.setdefault(kind, Build(trial, loaded.train.x[:EXAMPLES], loaded.classes))
    if builds:
        check_builds(list(builds.values()))
