"""The jobs of a search: the trials that it suggests, one after another, then those that confirm its winner.

Not here: what is suggested and when, see `search`; a suggestion's trial, see `search_trials`.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from typing import TYPE_CHECKING

from hydra.core.utils import JobStatus

from seedsweep.errors import TrialPruned, TrialsFailed, UserError, WriteError
from seedsweep.launchers.hydra.job import error_of
from seedsweep.reporting.tables.search_ranking import is_suggestion
from seedsweep.search.ask_tell import AskTellLoop
from seedsweep.search.event_log import EventLog
from seedsweep.search.protocol import NoSuggestion
from seedsweep.sweeps.search_curve import BestValueTracker, Scored
from seedsweep.sweeps.search_trials import SearchTrials
from seedsweep.sweeps.session import cannot_write, run_launch
from seedsweep.tracking.tags import DIVERGED_TAG

if TYPE_CHECKING:
    from collections.abc import Callable

    from hydra.core.utils import JobReturn

    from seedsweep.config.run_config import RunConfig
    from seedsweep.launchers.jobs import JobSource
    from seedsweep.search.search_space import Space
    from seedsweep.search.searcher import Search, Suggestion
    from seedsweep.sweeps.plan import PlannedTrial, TrialPlanner
    from seedsweep.sweeps.session import SweepSession
    from seedsweep.tracking.journal_uploader import JournalUploader
    from seedsweep.trials.records import SearchRecord, SweepRecord

log = logging.getLogger(__name__)

# A constant lag of two suggestions a slot: one in it, one to resume while another slot's takes long.
_LAG_PER_SLOT = 2


class SearchJobSource:
    """A search whose parent run is open; gives the launcher its jobs.

    Args:
        space: what is searched.
        record: the search's settings.
        planner: composes and checks a trial.
        sweep: what the search and its results are kept in.
        search: not begun.
        first: the settings that all trials share.

    Attributes:
        total: how many jobs there may be.
        at_once: how many a launcher should take that cannot ask again while they run.
    """

    def __init__(
        self,
        space: Space,
        record: SearchRecord,
        planner: TrialPlanner,
        sweep: SweepSession,
        search: Search,
        first: RunConfig,
    ) -> None:
        self.total = record.suggestions + record.confirm
        self.at_once = _LAG_PER_SLOT * record.slots
        self._record = record
        self._trials = SearchTrials(space, record, planner, sweep, first)
        self._session = sweep
        self._first = first
        try:
            # By its run: another search may have used the same directory.
            event_log = EventLog(sweep.directory / f"search-{sweep.parent.run_id}.jsonl")
        except OSError as error:
            raise cannot_write(error, sweep.directory) from error
        lag = _LAG_PER_SLOT * record.slots if record.order == "reproducible" else None
        self._schedule = AskTellLoop(search, lag, event_log)
        self._scored = self._replayed(event_log)
        self._curve = BestValueTracker(sweep, record)
        for number, scored in self._scored.items():
            self._curve.take(number, scored.at_its_end)
        self._waiting = deque(s for s in self._schedule.replayed if s.number not in self._scored)
        self._in_flight: dict[int, Suggestion] = {s.number: s for s in self._waiting}
        self._suggestions = {suggestion.number: suggestion for suggestion in self._schedule.replayed}
        self._confirming: deque[PlannedTrial] | None = None
        self._handed_out: list[PlannedTrial] = []
        self._uploader: JournalUploader | None = None
        self._unwritten: WriteError | None = None
        fresh = (
            f", then the winner with {record.confirm} fresh seed{'s' * (record.confirm > 1)}" if record.confirm else ""
        )
        log.info(
            "search: %s over %s; up to %d trials%s", record.algorithm, ", ".join(record.axes), record.suggestions, fresh
        )
        if event_log.events:
            log.info("replayed: %d suggestions, %d with a score", len(self._schedule.replayed), len(self._scored))

    def _replayed(self, event_log: EventLog) -> dict[int, Scored]:
        suggestions = {suggestion.number: suggestion for suggestion in self._schedule.replayed}
        scores = {event.number: event.score for event in event_log.events if hasattr(event, "score")}
        finished = self._trials.has_finished
        return {number: Scored(suggestions[number], score, finished(number)) for number, score in scores.items()}

    def run(self, launch: Callable[[JobSource], list[JobReturn]]) -> list[JobReturn]:
        """Train all that is left, and close the search with its table; see `search_run.run_search`."""
        from seedsweep.tracking.journal_uploader import JournalUploader

        with JournalUploader(self._session.store, []) as uploader:
            self._uploader = uploader
            outcome = run_launch(lambda: launch(self))
        failures = {self._handed_out[place].number: error for place, error in outcome.failures.items()}
        refused = self._session.settle(self._handed_out, failures)
        unwritten = [error for error in (*failures.values(), self._unwritten) if isinstance(error, WriteError)]
        is_done = (
            self._confirming is not None and not self._confirming and not outcome.stop and not unwritten and not refused
        )
        sweep = self._close(done=is_done, pictures=not outcome.stop)
        if outcome.stop:
            raise self._session.interrupted() from outcome.stop
        if unwritten:
            raise unwritten[0]
        if refused:
            what = f"{refused} trials are not recorded: their runs were deleted in MLflow while they were trained"
            raise WriteError(what, "run the same command again to train them")
        # A suggestion that diverged is an answer; a confirmation that did is none.
        failed = [
            trial
            for trial in sweep.trials
            if trial.status == "failed" and not (is_suggestion(trial) and DIVERGED_TAG in trial.tags)
        ]
        if failed:
            raise TrialsFailed(f"{len(failed)} of {len(sweep.trials)} trials failed")
        if self._winner() is None:
            raise TrialsFailed(f"no trial finished, of {len(self._scored)}: there is no winner")
        return outcome.results

    def next(self) -> list[str] | None:
        """Return the next trial that must be trained, or None: there is none now."""
        if self._unwritten:
            return None
        try:
            return self._next()
        except OSError as error:
            # Running trials end; their results are reported when the search resumes.
            self._unwritten = cannot_write(error, self._session.directory)
        except WriteError as error:
            self._unwritten = error
        return None

    def _next(self) -> list[str] | None:
        while self._confirming is None:
            if self._waiting:
                overrides = self._start(self._waiting.popleft())
            else:
                answer = self._schedule.next()
                if isinstance(answer, NoSuggestion):
                    if self._in_flight:
                        return None
                    self._confirming = self._confirm()
                    break
                self._in_flight[answer.number] = answer
                overrides = self._start(answer)
            if overrides:
                return overrides
        return self._hand_out(self._confirming.popleft()) if self._confirming else None

    def ended(self, position: int, result: JobReturn) -> None:
        """Take the result of a job."""
        planned = self._handed_out[position]
        if planned.run.tracking.search is None:
            return
        if result.status is JobStatus.COMPLETED:
            self._score(planned.number, float(result.return_value))
            return
        error = error_of(result)
        if isinstance(error, WriteError):
            return  # no result of the trial: run the same command again to train it
        # A pruned trial is not the winner; its score still informs the search.
        score = error.metrics.get(self._record.objective) if isinstance(error, TrialPruned) else None
        self._score(planned.number, score, finished=False)

    def _start(self, suggestion: Suggestion) -> list[str] | None:
        """Return a suggestion's trial, unless its score is known already."""
        self._suggestions[suggestion.number] = suggestion
        try:
            planned = self._trials.suggested(suggestion)
        except UserError as error:
            log.warning("suggestion %s cannot be trained: %s", self._trials.name(suggestion), error.what)
            self._score(suggestion.number, None, finished=False)
            return None
        if done := self._trials.ended_before(planned):
            score = done.metrics.get(self._record.objective) if done.status in ("finished", "stopped") else None
            self._score(suggestion.number, score, finished=done.status == "finished")
            return None
        continues = None if suggestion.continues is None else self._suggestions[suggestion.continues]
        self._trials.fetch_checkpoint(planned, continues)
        return self._hand_out(planned)

    def _hand_out(self, planned: PlannedTrial) -> list[str]:
        assert self._uploader is not None
        self._handed_out.append(planned)
        self._uploader.add(self._session.directory / planned.place)
        return self._session.launch_overrides(planned)

    def _score(self, number: int, score: float | None, *, finished: bool = True) -> None:
        suggestion = self._in_flight.pop(number)
        known = score if score is not None and math.isfinite(score) else None
        self._scored[number] = Scored(suggestion, known, finished)
        self._curve.take(number, self._scored[number].at_its_end)
        self._curve.tell()
        self._schedule.ended(number, known)

    def _winner(self) -> Suggestion | None:
        """Return the suggestion with the best score among those that were trained the longest."""
        known = self._scored.values()
        finished = [(scored.suggestion, score) for scored in known if (score := scored.at_its_end) is not None]
        if not finished:
            return None
        sign = 1 if self._record.maximize else -1
        best, _ = max(finished, key=lambda found: (found[0].epochs or 0, sign * found[1], -found[0].number))
        return best

    def _confirm(self) -> deque[PlannedTrial]:
        """Return the trials that are left to confirm the winner."""
        winner = self._winner()
        if winner is None:
            return deque()
        log.info("winner: %s", self._trials.name(winner))
        left = self._trials.confirming(winner)
        for planned in left:
            self._trials.fetch_checkpoint(planned)
        return deque(left)

    def _close(self, *, done: bool, pictures: bool) -> SweepRecord:
        from seedsweep.tracking.recovery import with_retries
        from seedsweep.tracking.run_queries import read_sweep

        store, parent = self._session.store, self._session.parent
        sweep = with_retries(store, lambda: read_sweep(store, parent.run_id))
        self._session.publish(sweep, pictures=pictures and self._first.execution.pictures)
        if done:
            self._curve.close()
            self._trials.forget_checkpoints(self._suggestions.values())
        self._session.close("FINISHED" if done else "KILLED")
        return sweep
