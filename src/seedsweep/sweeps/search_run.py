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

    from hydra.core.config_loader import ConfigLoader
    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

    from seedsweep.launchers.jobs import JobSource
    from seedsweep.launchers.resources import WorkerSlot
    from seedsweep.search.search_config import SearchConfig
    from seedsweep.search.search_space import Space
    from seedsweep.sweeps.session import SweepSession


def run_search(
    config: DictConfig,
    config_loader: ConfigLoader,
    wanted: SearchConfig,
    space: Space,
    launch: Callable[[JobSource], list[JobReturn]],
    slots: Callable[[], Sequence[WorkerSlot]],
) -> list[JobReturn]:
    """Search a space, confirm the winner with fresh seeds, and close with the table.

    Args:
        config: the sweep's own config.
        config_loader: composes a trial's config from its overrides.
        wanted: the search's settings.
        space: what is searched.
        launch: runs the jobs of a source.
        slots: returns where jobs will run, as far as that is known.

    Returns:
        What the launcher returned.

    Raises:
        UserError: the settings make no search, or a value of an axis cannot be used; nothing was started.
        TrialsFailed: some trials failed for another reason than that they diverged; the others are in the table.
        SearchFailed: what suggests trials failed.
        WriteError: results could not be stored; they are kept beside the sweep.
        SweepInterrupted: Ctrl-C.
    """
    planner = TrialPlanner(config, config_loader, slots)
    plans = check_space(planner, space, wanted)
    first = plans[0]
    objective = first.run.objective
    with KerasTunerProcess() as process:
        search = Search(
            process,
            space.axes,
            wanted.algorithm,
            seed=wanted.seed,
            max_trials=wanted.max_trials,
            maximize=is_better_when_greater(objective),
            epochs=first.run.trial.epochs if wanted.algorithm == "hyperband" else None,
            factor=wanted.factor,
        )
        for epochs in sorted({rung.epochs for rung in search.rungs}):
            for planned in plans:
                planner.plan([*planned.overrides, f"epochs={epochs}"], 0, "", None)
        record = SearchRecord(
            algorithm=wanted.algorithm,
            order=wanted.order,
            slots=max(len(slots()), 1),
            seed=wanted.seed,
            objective=objective,
            axes=tuple(axis.key for axis in space.axes),
            suggestions=search.most_trials,
            confirm=wanted.confirm,
        )
        # How many slots there are may change while a search is interrupted; it resumes those that it began with.
        told = json.dumps(asdict(replace(record, slots=0)))
        rule = repr(first.run.trial.stop)  # no part of a trial's identity, but of what is searched
        values = [planned.described.trial_id for planned in plans]
        identity = plan_id([told, repr(space.axes), str(wanted), rule, *values])
        tags = {SEARCH_TAG: json.dumps(asdict(record)), PLANNED_TAG: str(record.suggestions + record.confirm)}
        first.described.say_dataset()
        with open_sweep(config, first.run, identity, tags) as sweep:
            if sweep.resumed:
                record = _as_begun(sweep)
            return SearchJobSource(space, record, planner, sweep, search, first.run).run(launch)


def _as_begun(sweep: SweepSession) -> SearchRecord:
    """Return how a search that is resumed was begun."""
    from seedsweep.tracking.run_queries import read_sweep

    record = read_sweep(sweep.store, sweep.parent.run_id).search
    assert record is not None
    return record
