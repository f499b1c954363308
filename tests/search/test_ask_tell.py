"""What is suggested depends on the scores and not on who ends first, and it outlives a killed process."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedsweep.search.ask_tell import AskTellLoop
from seedsweep.search.event_log import EventLog
from seedsweep.search.protocol import NoSuggestion, Result
from seedsweep.search.searcher import Suggestion


class Counting:
    """A search that suggests what it was told, so that a difference shows; every fifth time it wants to know all."""

    def __init__(self, trials):
        self.trials, self.asked, self.told = trials, 0, []

    def ask(self):
        if self.asked == self.trials:
            return NoSuggestion.DONE
        if self.asked % 5 == 4 and len(self.told) < self.asked:
            return NoSuggestion.WAIT
        self.asked += 1
        return Suggestion(self.asked - 1, {"x": repr(self.told)})

    def tell(self, number, score):
        self.told.append((number, score))

    def replay(self, record):
        suggestions = []
        for event in record:
            if isinstance(event, Suggestion):
                suggestions.append(self.ask())
            else:
                self.tell(event.number, event.score)
        return suggestions


def drive(schedule, slots, draw):
    """Run trials in some slots, of which any may end next; returns the suggestions."""
    running, suggestions = [], []
    while True:
        while len(running) < slots and not isinstance(answer := schedule.next(), NoSuggestion):
            suggestions.append(answer)
            running.append(answer)
        if not running:
            return suggestions
        done = running.pop(draw(len(running)))
        schedule.ended(done.number, float(done.number))


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Names of files that do not exist."""
    directory = tmp_path_factory.mktemp("records")
    return (directory / str(number) for number in range(10**6))


@settings(max_examples=25, deadline=None)  # each suggestion is written to the disk
@given(data=st.data(), slots=st.integers(1, 4))
def test_with_a_lag_it_does_not_matter_who_ends_first(places, data, slots):
    """The same suggestions for any order in which trials end."""
    lag = 2 * slots
    in_turn = drive(AskTellLoop(Counting(12), lag, EventLog(next(places))), slots, lambda _: 0)
    in_any_order = drive(
        AskTellLoop(Counting(12), lag, EventLog(next(places))), slots, lambda n: data.draw(st.integers(0, n - 1))
    )
    assert [found.values for found in in_turn] == [found.values for found in in_any_order]
    assert [found.number for found in in_turn] == list(range(12))


def test_with_a_lag_a_slot_need_not_wait_for_the_slowest(places):
    """While the first trial runs on, the others end: as many more as the lag allows are begun."""
    schedule = AskTellLoop(Counting(12), 4, EventLog(next(places)))
    begun = [schedule.next() for _ in range(2)]
    for number in (1, 2, 3):
        begun.append(schedule.next())
        schedule.ended(number, 0.0)
    assert [found.number for found in begun[:4]] == [0, 1, 2, 3]
    assert begun[4] is NoSuggestion.WAIT


def test_the_fastest_order_tells_all_that_is_known(places):
    """In the order in which it came."""
    search = Counting(4)
    schedule = AskTellLoop(search, None, EventLog(next(places)))
    for _ in range(3):
        schedule.next()
    schedule.ended(2, 0.2)
    schedule.ended(0, None)
    schedule.next()
    assert search.told == [(2, 0.2), (0, None)]


def test_a_record_brings_a_search_back(places):
    """Told and asked in the same order; half a line at its end is passed over."""
    path = next(places)
    schedule = AskTellLoop(Counting(8), 2, EventLog(path))
    first = [schedule.next(), schedule.next()]
    schedule.ended(0, 0.5)
    first.append(schedule.next())
    path.write_bytes(path.read_bytes() + b'{"told": 1, "sc')
    record = EventLog(path)
    assert [event for event in record.events if isinstance(event, Result)] == [Result(0, 0.5)]
    again = Counting(8)
    restored = AskTellLoop(again, 2, record)
    assert [found.number for found in restored.replayed] == [0, 1, 2]
    assert again.told == [(0, 0.5)]
    restored.ended(1, 0.1)
    schedule.ended(1, 0.1)
    assert restored.next() == schedule.next()
