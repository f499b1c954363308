"""The trials of a search: what each is called, composed once, and looked for among those that were trained before.

Not here: which are suggested, see `search`; when they run and what follows from it, see `search_run`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from seedsweep.errors import UserError
from seedsweep.trials.variants import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from seedsweep.config.run_config import RunConfig
    from seedsweep.search.search_space import Axis, Space
    from seedsweep.search.searcher import Suggestion
    from seedsweep.sweeps.plan import PlannedTrial, TrialPlanner
    from seedsweep.sweeps.session import SweepSession
    from seedsweep.trials.records import SearchRecord, TrialRecord


class SearchTrials:
    """The trials of a search whose parent run is open.

    Args:
        space: what is searched.
        record: the search's settings.
        planner: composes and checks a trial.
        sweep: what the search and its results are kept in.
        first: the settings that all trials share.
    """

    def __init__(
        self, space: Space, record: SearchRecord, planner: TrialPlanner, sweep: SweepSession, first: RunConfig
    ) -> None:
        self._space = space
        self._record = record
        self._planner = planner
        self._session = sweep
        self._first = first
        self._planned: dict[int, PlannedTrial] = {}
        self._known = _in_store(sweep)
        self._outdone = _stopped_before(sweep)

    def has_finished(self, number: int) -> bool:
        """Tell whether this search has trained a suggestion to its end before it was interrupted."""
        return number in self._known and self._known[number].status == "finished"

    def name(self, suggestion: Suggestion) -> str:
        """Return what people tell a suggestion by: its number, and the values that it has."""
        parts = [_part(axis, suggestion.values) for axis in self._space.axes]
        if suggestion.epochs is not None:
            parts.append(f"epochs={suggestion.epochs}")
        return f"#{suggestion.number} {SEPARATOR.join(parts)}"

    def suggested(self, suggestion: Suggestion) -> PlannedTrial:
        """Compose and check a suggestion's trial.

        Raises:
            UserError: its values do not go together.
        """
        if suggestion.number not in self._planned:
            places = {"suggestion": suggestion.number}
            overrides = self._overrides(suggestion)
            if suggestion.epochs is not None:
                hyperband = {"bracket": suggestion.bracket, "rung": suggestion.rung, "continues": suggestion.continues}
                places |= {name: number for name, number in hyperband.items() if number is not None}
            planned = self._planner.plan(overrides, suggestion.number, self.name(suggestion), places)
            self._planned[suggestion.number] = planned
        return self._planned[suggestion.number]

    def confirming(self, winner: Suggestion) -> list[PlannedTrial]:
        """Return the trials that are left to confirm a winner: its values, with fresh seeds."""
        overrides = self._overrides(winner)
        if self.suggested(winner).run.trial.stop.name == "median":
            # Or the bad seeds would drop out of the mean.
            overrides += ["stop.name=none", "stop.patience=null", "stop.warmup=null"]
        seeds = [self._first.trial.seed + 1 + place for place in range(self._record.confirm)]
        name = f"winner {self.name(winner)}"
        plans = [
            self._planner.plan([*overrides, f"seed={seed}"], self._record.suggestions + place, name, None)
            for place, seed in enumerate(seeds)
        ]
        for planned in plans:
            own = self._known.get(planned.number)
            if own and own.tags.get("trial_id") != planned.metadata.trial_id:
                self._delete(own)  # it confirmed another winner
                del self._known[planned.number]
        return [planned for planned in plans if not self.ended_before(planned)]

    def ended_before(self, planned: PlannedTrial) -> TrialRecord | None:
        """Return the run that spares a trial its training, which this search has from now on."""
        from seedsweep.runner import reuse
        from seedsweep.tracking.predictions import are_gone

        tested = planned.run.tracking.search is None
        own = self._known.get(planned.number)
        same = own is not None and own.tags.get("trial_id") == planned.metadata.trial_id
        # The winner's interval is made from its answers to the test images.
        if own and same and reuse.needs_no_training(own, tested=tested) and not (tested and are_gone(own)):
            return own
        if self._session.is_rerun:
            return None
        outdone = self._outdone.get(planned.number)
        if outdone and not reuse.is_as_planned(outdone, planned.metadata):
            outdone = None
        done = reuse.best_result(self._tried(planned), tested=tested) or outdone
        if done is None or (tested and are_gone(done)) or not self._link(done, planned):
            return None
        if own:
            self._delete(own)  # the link stands for it from now on
        return done

    def fetch_checkpoint(self, planned: PlannedTrial, continues: Suggestion | None = None) -> None:
        """Give a trial the checkpoint to resume from: its own, or that of the suggestion which it continues."""
        from seedsweep.tracking import abandoned_sweeps

        places = abandoned_sweeps.directories(self._tried(planned))
        if continues is not None:
            before = self.suggested(continues)
            places += [self._session.directory / before.place, *abandoned_sweeps.directories(self._tried(before))]
        self._session.fetch_checkpoint(planned, places)

    def forget_checkpoints(self, suggestions: Iterable[Suggestion]) -> None:
        """Remove what was kept for later rungs."""
        from seedsweep.runner import reuse

        for suggestion in suggestions:
            if suggestion.epochs is not None:
                with contextlib.suppress(UserError):  # one that was never trained
                    reuse.forget_checkpoint(self._session.directory / self.suggested(suggestion).place)

    def _overrides(self, suggestion: Suggestion) -> list[str]:
        overrides = self._space.overrides(suggestion.values)
        return overrides if suggestion.epochs is None else [*overrides, f"epochs={suggestion.epochs}"]

    def _tried(self, planned: PlannedTrial) -> list[TrialRecord]:
        from seedsweep.runner import reuse
        from seedsweep.tracking import recovery

        if self._session.is_rerun:
            return []
        # This is asked while other trials run: one that is trained once more costs less than all of them waiting.
        store, trial_id = self._session.store, planned.metadata.trial_id
        return recovery.try_once(store, lambda: reuse.earlier_runs(store, trial_id), [])

    def _link(self, done: TrialRecord, planned: PlannedTrial) -> bool:
        """Give this search a run that stands for an earlier one; tells whether the store has it."""
        from seedsweep.runner import reuse
        from seedsweep.tracking import recovery

        store, parent = self._session.store, self._session.parent.run_id
        return bool(
            recovery.try_once(store, lambda: reuse.link_existing_run(store, done, planned.metadata, parent), "")
        )

    def _delete(self, own: TrialRecord) -> None:
        from seedsweep.tracking.recovery import with_retries

        with_retries(self._session.store, lambda: self._session.store.client.delete_run(own.run_id))


def _in_store(sweep: SweepSession) -> dict[int, TrialRecord]:
    """Return what a search that is resumed has brought to the store before: job number → trial."""
    from seedsweep.tracking.run_queries import trials_by_job

    return trials_by_job(sweep.store, sweep.parent.run_id) if sweep.resumed else {}


def _stopped_before(sweep: SweepSession) -> dict[int, TrialRecord]:
    """Return the trials that others outdid when the same search was run to its end."""
    from seedsweep.runner import reuse

    return {} if sweep.is_rerun else reuse.stopped_before(sweep.store, sweep.plan_id)


def _part(axis: Axis, values: Mapping[str, str]) -> str:
    text = values[axis.key]
    leaf = axis.key.rpartition(".")[2]
    if axis.texts:
        return text if leaf in ("model", "opt") else f"{leaf}={text}"
    return f"{leaf}={float(text):.3g}"
