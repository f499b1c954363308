"""A search, wired: suggestions → trials → scores → suggestions; then its winner again, with fresh seeds.

Not here: its jobs once it is under way, see `search_jobs`; a sweep whose trials are all known beforehand, see `grid`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from seedsweep.metrics import is_better_when_greater
from seedsweep.search.oracle_client import KerasTunerProcess
from seedsweep.search.searcher import Search
from seedsweep.sweeps.plan import TrialPlanner
from seedsweep.sweeps.search_jobs import SearchJobSource
from seedsweep.sweeps.search_validation import check_space
from seedsweep.sweeps.session import open_sweep
from seedsweep.tracking.tags import PLANNED_TAG, SEARCH_TAG
from seedsweep.trials.fingerprint import plan_id
from seedsweep.trials.records import SearchRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

    from seedsweep.launchers.hydra.composing import Compositions
    from seedsweep.launchers.jobs import JobSource
    from seedsweep.launchers.resources import WorkerSlot
    from seedsweep.search.search_config import SearchConfig
    from seedsweep.search.search_space import Space
    from seedsweep.sweeps.session import SweepSession


def run_search(
    config: DictConfig,
    compositions: Compositions,
    settings: SearchConfig,
    space: Space,
    launch: Callable[[JobSource], list[JobReturn]],
    slots: Callable[[], Sequence[WorkerSlot]],
) -> list[JobReturn]:
    """Search a space, confirm the winner with fresh seeds, and close with the table.

    Args:
        config: the sweep's own config.
        compositions: composes a trial's config from its overrides.
        settings: the search's settings.
        space: what is searched.
        launch: runs the jobs of a source.
        slots: returns where jobs will run; empty if that is not known.

    Returns:
        What the launcher returned.

    Raises:
        UserError: the settings make no search, or a value of an axis cannot be used; nothing was started.
        TrialsFailed: some trials failed for another reason than that they diverged; the others are in the table.
        SearchFailed: what suggests trials failed.
        WriteError: results could not be stored; they are kept beside the sweep.
        SweepInterrupted: Ctrl-C.
    """
    planner = TrialPlanner(config, compositions, slots)
    plans = check_space(planner, space, settings)
    first = plans[0]
    objective = first.run.objective
    with KerasTunerProcess() as process:
        search = Search(
            process,
            space.axes,
            settings.algorithm,
            seed=settings.seed,
            max_trials=settings.max_trials,
            maximize=is_better_when_greater(objective),
            epochs=first.run.trial.epochs if settings.algorithm == "hyperband" else None,
            factor=settings.factor,
        )
        for epochs in sorted({rung.epochs for rung in search.rungs}):
            for planned in plans:
                planner.plan([*planned.overrides, f"epochs={epochs}"], 0, "", None)
        record = SearchRecord(
            algorithm=settings.algorithm,
            order=settings.order,
            slots=max(len(slots()), 1),
            seed=settings.seed,
            objective=objective,
            axes=tuple(axis.key for axis in space.axes),
            suggestions=search.most_trials,
            confirm=settings.confirm,
        )
        # How many slots there are may change while a search is interrupted; it resumes those that it began with.
        settings_text = json.dumps(asdict(replace(record, slots=0)))
        rule = repr(first.run.trial.stop)  # no part of a trial's identity, but of what is searched
        values = [planned.metadata.trial_id for planned in plans]
        identity = plan_id([settings_text, repr(space.axes), str(settings), rule, *values])
        tags = {SEARCH_TAG: json.dumps(asdict(record)), PLANNED_TAG: str(record.suggestions + record.confirm)}
        first.metadata.log_dataset()
        with open_sweep(config, first.run, identity, tags) as sweep:
            if sweep.resumed:
                record = _first_settings(sweep)
            return SearchJobSource(space, record, planner, sweep, search, first.run).run(launch)


def _first_settings(sweep: SweepSession) -> SearchRecord:
    """Return the settings with which a search that is resumed was started."""
    from seedsweep.tracking.run_queries import read_sweep

    record = read_sweep(sweep.store, sweep.parent.run_id).search
    assert record is not None
    return record
