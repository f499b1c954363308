"""When a search is asked and told, so that what it suggests can be repeated. Not here: what it suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedsweep.search.protocol import NoSuggestion, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedsweep.search.event_log import EventLog
    from seedsweep.search.searcher import Search, Suggestion


class AskTellLoop:
    """Asks and tells a search, and writes down both.

    With a lag, results are reported in the order of their suggestions, and suggestion k is requested when exactly those
    up to k - lag are reported; further ones follow, in order, only if the search needs them. So a suggestion depends on
    the scores and never on which trial ended first. Without a lag, results are reported as they arrive.

    Args:
        search: not begun.
        lag: how many suggestions may be without a result; None: as many as there is room for.
        record: of an earlier start of the same search, or an empty one.

    Raises:
        SearchFailed: the record is another search's.
    """

    def __init__(self, search: Search, lag: int | None, record: EventLog) -> None:
        self._search = search
        self._lag = lag
        self._record = record
        events = record.events
        suggestions = search.replay(events) if events else []
        self._asked = len(suggestions)
        told = {event.number for event in events if isinstance(event, Result)}
        self._told = len(told)
        # Results that have come and were not told yet, in the order in which they came.
        self._came: dict[int, float | None] = {}
        self.replayed: Sequence[Suggestion] = suggestions

    def next(self) -> Suggestion | NoSuggestion:
        """Return the next suggestion, or why there is none now."""
        if self._lag is None:
            for number in list(self._came):
                self._tell(number)
        while self._lag is not None and self._told < self._asked + 1 - self._lag:
            if not self._tell(self._told):
                return NoSuggestion.WAIT
        answer = self._search.ask()
        while answer is NoSuggestion.WAIT and self._tell(self._told):
            answer = self._search.ask()
        if not isinstance(answer, NoSuggestion):
            self._asked += 1
            self._record.add(answer)
        return answer

    def ended(self, number: int, score: float | None) -> None:
        """Take a result that was not told before; None says that the trial failed, or diverged."""
        self._came[number] = score

    def _tell(self, number: int) -> bool:
        """Tell a result, if it has come."""
        if number not in self._came:
            return False
        told = Result(number, self._came.pop(number))
        self._search.tell(told.number, told.score)
        self._told += 1
        self._record.add(told)
        return True
