"""What Ray workers tell is taken in whole, and in the order in which it was told; without starting one."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from seedsweep.errors import WriteError
from seedsweep.launchers.ray.actor import WorkerUpdate
from seedsweep.launchers.ray.directory_sync import Change

pytest.importorskip("ray", reason='Ray is not installed: pip install -e ".[ray]"')

from seedsweep.launchers.ray.event_receiver import EventReceiver


def told(number, text=None, at=0):
    """Return news that append to a job's journal."""
    return WorkerUpdate(number, (), [] if text is None else [Change("journal.jsonl", at, text.encode())])


@pytest.fixture
def incoming(tmp_path):
    incoming = EventReceiver(screen=None)
    incoming.expect(tmp_path, None)
    return incoming


@pytest.mark.parametrize("text", [None, "two"], ids=["nothing to tell", "something to tell"])
def test_news_after_a_result_wait_for_it(incoming, tmp_path, text):
    """They arrive in a thread of their own, perhaps before the driver has come to the result; neither is lost."""
    incoming.take(told(1))
    with ThreadPoolExecutor(1) as listening:
        later = listening.submit(incoming.take, told(3, text, at=3))
        with pytest.raises(TimeoutError):
            later.result(timeout=0.2)

        incoming.take_last(told(2, "one"))

        later.result(timeout=5)
    assert (tmp_path / "journal.jsonl").read_text() == f"one{text or ''}"


def test_a_result_waits_for_news_before_it(incoming, tmp_path):
    with ThreadPoolExecutor(1) as driving:
        result = driving.submit(incoming.take_last, told(2, "two", at=3))
        with pytest.raises(TimeoutError):
            result.result(timeout=0.2)

        incoming.take(told(1, "one"))

        result.result(timeout=5)
    assert (tmp_path / "journal.jsonl").read_text() == "onetwo"


def test_a_worker_that_is_gone_leaves_nobody_waiting(incoming, tmp_path):
    """Its result will never come, so what it told after that has no place."""
    with ThreadPoolExecutor(1) as listening:
        later = listening.submit(incoming.take, told(2, "two"))

        incoming.close()

        later.result(timeout=5)
    assert not (tmp_path / "journal.jsonl").exists()


def test_news_that_never_come_are_not_waited_for_long(incoming, monkeypatch):
    monkeypatch.setattr("seedsweep.launchers.ray.event_receiver._LATE_SECONDS", 0.1)
    with pytest.raises(TimeoutError):
        incoming.take_last(told(2))


def test_what_cannot_be_written_here_ends_the_sweep(tmp_path):
    """A full disk of the driver's is said as such, and what follows on it leaves no gap."""
    (tmp_path / "job").write_text("a file where the directory should be")
    incoming = EventReceiver(screen=None)
    incoming.expect(tmp_path / "job", None)
    incoming.take(told(1, "one\n"))

    with pytest.raises(WriteError, match="cannot write a trial's files to"):
        incoming.take_last(told(2, "two\n", at=4))
