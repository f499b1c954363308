"""What is checked of a search before anything trains. Not here: the search itself, see `search_run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.config.overrides import shell_word
from seedsweep.config.trial_config import MAX_SEED, is_setting, setting_names
from seedsweep.errors import UserError
from seedsweep.runner.validation import check_models_build, check_one_process_can_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seedsweep.config.run_config import RunConfig
    from seedsweep.search.search_config import SearchConfig
    from seedsweep.search.search_space import Axis, Space
    from seedsweep.sweeps.plan import PlannedTrial, TrialPlanner

# Of an axis with many values, so many are composed before anything trains.
_MOST_TRIED = 20
# What a loss consists of, besides how well the network does.
_IN_THE_LOSS = ("reg", "label_smoothing", "from_logits")


def check_space(planner: TrialPlanner, space: Space, wanted: SearchConfig) -> list[PlannedTrial]:
    """Compose and check a trial for each value of each axis, the others at their first.

    Raises:
        UserError: one of them cannot be used, or the search would choose by what it must not look at.
    """
    _check_keys(space, wanted)
    plans = _check_axes(planner, space)
    for planned in plans:
        _check_goal(planned.run, space)
        _check_stop(planned.run, wanted)
        _check_seeds(planned.run, wanted)
    return plans


def _check_keys(space: Space, wanted: SearchConfig) -> None:
    """Refuse to search what decides nothing about a trial's training, or what the search decides itself.

    Raises:
        UserError: an axis is no setting that can be searched.
    """
    for axis in space.axes:
        key = axis.key.lstrip("+").partition("@")[0]
        is_group = any(name.startswith(f"{key}.") for name in setting_names())
        if not is_group and not is_setting(key):
            raise UserError(
                f"{axis.key} is no setting of a trial, and cannot be searched",
                where=axis.key,
                fix=f"{shell_word(f'{axis.key}={_ends(axis)[0]}')}, one value",
            )
        if key == "seed":
            raise UserError(
                "a search trains each suggestion with one seed, and its winner with others",
                where="seed",
                fix="seed=1 hydra.sweeper.confirm=5",
            )
        if key == "epochs" and wanted.algorithm == "hyperband":
            raise UserError("hyperband decides the epochs itself", where="epochs", fix="epochs=9, the most of them")


def _check_axes(planner: TrialPlanner, space: Space) -> list[PlannedTrial]:
    """Compose a trial for each value of each axis, the others at their first.

    Raises:
        UserError: one of them cannot be used, or two trials would share a directory.
    """
    first = {axis.key: _ends(axis)[0] for axis in space.axes}
    tried = [{**first, axis.key: text} for axis in space.axes for text in _ends(axis)]
    plans = [_plan(planner, space, values) for values in tried]
    check_one_process_can_run([planned.run.trial for planned in plans])
    check_models_build([planned.run.trial for planned in plans])
    planner.plan(space.overrides(first), 1, "", None)  # refused where its directory is that of the first
    return plans


def _plan(planner: TrialPlanner, space: Space, values: Mapping[str, str]) -> PlannedTrial:
    """Compose a trial; where an end of an interval cannot be used, an interval is what to type."""
    try:
        return planner.plan(space.overrides(values), 0, "", None)
    except UserError as error:
        axis = next((axis for axis in space.axes if axis.key.lstrip("+") == error.where and not axis.texts), None)
        if axis is None:
            raise
        low, high = axis.dimension.low, axis.dimension.high
        wants_whole = "whole number" in error.what and not axis.dimension.whole
        fix = f"'{axis.key}=int(interval({low:g}, {high:g}))'"
        if not wants_whole:
            # Which end is out of bounds, and by how much, is not known; a tenth less of it is a beginning.
            is_low = float(values[axis.key]) == low
            inside = high / 1000 if low <= 0 < high else low + 0.1 * (high - low)
            low, high = (inside, high) if is_low else (low, high - 0.1 * (high - low))
            fix = f"'{axis.key}=interval({low:g}, {high:g})', a narrower one"
        raise UserError(error.what, where=error.where, fix=fix) from error


def _ends(axis: Axis) -> Sequence[str]:
    """Return some texts of an axis: all of a few, or those that are spread over it, its ends among them."""
    if not axis.texts:
        return [axis.text(axis.dimension.low), axis.text(axis.dimension.high)]
    count = len(axis.texts)
    some = min(count, _MOST_TRIED)
    return [axis.texts[round(place * (count - 1) / max(some - 1, 1))] for place in range(some)]


def _check_goal(run: RunConfig, space: Space) -> None:
    """Refuse to choose by what the winner is to be measured on, or by what is not the same thing in all trials.

    Raises:
        UserError: the objective is measured on the test images, or is a loss with something in it that is searched.
    """
    within = [axis.key for axis in space.axes if axis.key.lstrip("+").split(".")[0] in _IN_THE_LOSS]
    if run.objective.endswith("loss") and within:
        raise UserError(
            f"{run.objective} is not one thing in all trials of a search over {', '.join(within)}",
            where="objective",
            fix="objective=val_accuracy",
        )
    if run.objective.startswith("test_"):
        raise UserError(
            f"a search by {run.objective} would choose what the test images happen to favour",
            where="objective",
            fix=f"objective={run.objective.replace('test_', 'val_')}",
        )
    if run.trial.data.validation == "test":
        raise UserError(
            "a search with data.validation=test would choose what the test images happen to favour",
            where="data.validation",
            fix="data.validation=holdout",
        )


def _check_seeds(run: RunConfig, wanted: SearchConfig) -> None:
    """Refuse a seed with too few above it.

    Raises:
        UserError: the winner could not be confirmed.
    """
    most = MAX_SEED - wanted.confirm
    if run.trial.seed > most:
        raise UserError(
            f"the winner is confirmed with the {wanted.confirm} seeds after seed={run.trial.seed}, of which the "
            f"largest possible is {MAX_SEED}",
            where="seed",
            fix=f"seed={most}",
        )


def _check_stop(run: RunConfig, wanted: SearchConfig) -> None:
    """Refuse two rules for one thing.

    Raises:
        UserError: Hyperband and a trial's own rule would both stop it.
    """
    if wanted.algorithm == "hyperband" and run.trial.stop.name != "none":
        raise UserError(
            f"hyperband stops trials by itself, got stop={run.trial.stop.name}", where="stop", fix="stop=none"
        )
