"""What a run has to say reaches the store whole and once, whatever happens on the way."""

import errno
import os
import threading
import time

import pytest

from seedsweep.errors import WriteError
from seedsweep.metrics import EpochMetrics
from seedsweep.runner import tracked_training
from seedsweep.system import file_lock
from seedsweep.tracking import abandoned_sweeps, journal_uploader
from seedsweep.tracking.journal import Journal, JournalReader
from seedsweep.tracking.journal_uploader import JournalUploader, deliver
from seedsweep.tracking.recovery import settle
from seedsweep.tracking.store import open_store
from seedsweep.tracking.trial_logger import TrialWriter, owner_of


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    directory = tmp_path_factory.mktemp("store")
    return open_store(f"sqlite:///{directory}/mlflow.db", "seedsweep")


def writer_in(directory, **settings):
    return TrialWriter(Journal(directory), "a run", parent_run_id=None, settings={"seed": "1"} | settings, tags={})


def write_all(writer):
    for epoch in (1, 2):
        writer.epoch(EpochMetrics(epoch, {"loss": 1 / epoch, "val_loss": float("nan")}))
    writer.journal.files.mkdir()
    (writer.journal.files / "a.txt").write_text("a", encoding="utf-8")
    writer.finish({"test_accuracy": 0.5}, {"parameters": "7"}, step=2)


def seen(store, run_id):
    run = store.client.get_run(run_id)
    steps = [point.step for point in store.client.get_metric_history(run_id, "loss")]
    files = [found.path for found in store.client.list_artifacts(run_id)]
    return run.info.status, dict(run.data.params), steps, run.data.metrics["test_accuracy"], files


WHOLE = ("FINISHED", {"seed": "1"}, [1, 2], 0.5, ["a.txt"])


def test_a_whole_run_is_delivered(store, tmp_path):
    """And its journal is gone afterwards."""
    writer = writer_in(tmp_path)
    write_all(writer)
    writer.journal.close()
    assert seen(store, settle(store, tmp_path, "")) == WHOLE
    assert not JournalReader(tmp_path).exists


@pytest.mark.parametrize("calls", range(8))
def test_killed_after_any_call_to_the_store_nothing_stands_twice(store, tmp_path, monkeypatch, calls):
    """The answer to each call in turn is lost; a new process tells the store again."""
    writer = writer_in(tmp_path)
    write_all(writer)
    made = []

    def breaking(name):
        real = getattr(type(store.client), name)

        def call(self, *args, **kwargs):
            answer = real(self, *args, **kwargs)
            made.append(name)
            if len(made) == calls + 1:
                raise ConnectionError(name)
            return answer

        return call

    for name in ("search_runs", "create_run", "log_batch", "log_artifacts", "set_terminated"):
        monkeypatch.setattr(type(store.client), name, breaking(name))
    with pytest.raises(ConnectionError):
        deliver(writer.journal, store)
    monkeypatch.undo()
    writer.journal.close()
    before = len(store.client.search_runs([store.experiment_id], "attributes.status = 'RUNNING'"))
    run_id = settle(store, tmp_path, "killed")
    assert seen(store, run_id) == WHOLE
    assert len(store.client.search_runs([store.experiment_id], "attributes.status = 'RUNNING'")) <= before


@pytest.mark.parametrize("content", [b"", b'{"sta', b"\0" * 100])
def test_a_journal_that_says_nothing_is_none(store, tmp_path, content):
    """Killed before the first line was whole, or cut short by a power cut."""
    (tmp_path / "journal.jsonl").write_bytes(content)
    (tmp_path / "journal.delivered").write_text('{"run_id": "x", "size": 999, "key": "y"}', encoding="utf-8")
    assert settle(store, tmp_path, "killed") is None
    writer = writer_in(tmp_path)
    write_all(writer)
    writer.journal.close()
    assert seen(store, settle(store, tmp_path, "")) == WHOLE


def test_a_finished_journal_is_not_written_again(tmp_path):
    """A process that was killed between its last line and its answer has done its work."""
    writer = writer_in(tmp_path)
    write_all(writer)
    assert writer.journal.finished_as(owner_of(None, ""))["test_accuracy"] == 0.5
    assert writer.journal.finished_as(owner_of("a sweep", "")) == {}
    writer.journal.close()


def test_a_run_that_finishes_while_it_is_to_be_settled_is_finished(store, tmp_path):
    """Where trials outlive their sweep, its next start waits for the lock of one that is about to end."""
    writer = writer_in(tmp_path)
    threading.Timer(0.5, lambda: (write_all(writer), writer.journal.close())).start()
    assert seen(store, settle(store, tmp_path, "interrupted")) == WHOLE


def test_what_a_trial_is_called_may_change(store, tmp_path):
    """A param that says something else than before is no reason to lose a result."""
    writer = writer_in(tmp_path, name="before")
    deliver(writer.journal, store)
    writer.journal.close()
    again = writer_in(tmp_path, name="after")
    write_all(again)
    again.journal.close()
    run_id = settle(store, tmp_path, "")
    run = store.client.get_run(run_id)
    assert (run.info.status, run.data.params["name"]) == ("FINISHED", "before")


def test_a_twin_that_came_late_is_deleted(store, tmp_path):
    """A call that made a run, and whose answer was lost: one run of the two stays."""
    writer = writer_in(tmp_path)
    first = deliver(writer.journal, store)
    twin = store.client.create_run(store.experiment_id, tags={"journal": writer.journal.key}).info.run_id
    writer.journal.close()
    again = writer_in(tmp_path)
    write_all(again)
    again.journal.close()
    kept = settle(store, tmp_path, "")
    gone = ({first, twin} - {kept}).pop()
    assert seen(store, kept)[0] == "FINISHED"
    assert store.client.get_run(gone).info.lifecycle_stage == "deleted"


def test_half_a_line_is_dropped(store, tmp_path):
    """A process that was killed in mid-sentence."""
    writer = writer_in(tmp_path)
    writer.epoch(EpochMetrics(1, {"loss": 1.0}))
    os.write(writer.journal._lines.fileno(), b'{"metrics": {"lo')
    writer.journal.close()
    again = writer_in(tmp_path)
    again.epoch(EpochMetrics(1, {"loss": 1.0}))  # from the checkpoint: already there
    again.epoch(EpochMetrics(2, {"loss": 0.5}))
    again.finish({"test_accuracy": 0.5}, {}, step=2)
    again.journal.close()
    run_id = settle(store, tmp_path, "")
    assert seen(store, run_id)[2] == [1, 2]
    assert store.client.get_run(run_id).data.tags["attempts"] == "2"


def test_a_failed_run_is_opened_again(store, tmp_path):
    """The second attempt's end counts, and no reason for a failure is left."""
    writer = writer_in(tmp_path)
    writer.fail("ValueError: once", "Traceback …")
    writer.journal.close()
    run_id = settle(store, tmp_path, "")
    run = store.client.get_run(run_id)
    assert (run.info.status, run.data.tags["failure"]) == ("FAILED", "ValueError: once")
    again = writer_in(tmp_path)
    again.finish({"test_accuracy": 0.5}, {}, step=1)
    again.journal.close()
    assert settle(store, tmp_path, "") == run_id
    run = store.client.get_run(run_id)
    assert (run.info.status, "failure" in run.data.tags) == ("FINISHED", False)


def test_a_full_disk_leaves_whole_lines(tmp_path, monkeypatch):
    """The entry that did not fit is taken back."""
    journal = Journal(tmp_path)
    journal.append({"tags": {"a": "1"}})
    real = os.write

    def full(descriptor, data):
        real(descriptor, data[:5])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        journal.append({"tags": {"b": "2"}})
    monkeypatch.undo()
    journal.append({"tags": {"c": "3"}})
    journal.close()
    assert [entry["tags"] for entry in journal.entries()] == [{"a": "1"}, {"c": "3"}]


def test_a_run_that_somebody_deleted_is_set_aside(store, tmp_path):
    """The store's no is not asked for again at every start."""
    writer = writer_in(tmp_path)
    writer.epoch(EpochMetrics(1, {"loss": 1.0}))
    store.client.delete_run(deliver(writer.journal, store))
    writer.epoch(EpochMetrics(2, {"loss": 0.5}))
    writer.journal.close()
    assert settle(store, tmp_path, "killed") is None
    assert not JournalReader(tmp_path).exists


def test_the_courier_keeps_what_it_cannot_deliver(store, tmp_path, monkeypatch, caplog):
    """Nobody waits for a store that is away; it gets everything when it is back."""

    def away(*_):
        raise ConnectionError("away")

    writer = writer_in(tmp_path)
    with JournalUploader(store, [tmp_path]):
        monkeypatch.setattr(journal_uploader, "deliver", away)
        write_all(writer)
        wait_until(lambda: "the store does not answer" in caplog.text)
        monkeypatch.undo()
        wait_until(lambda: "the store answers again" in caplog.text)
    assert seen(store, writer.journal.delivered.run_id) == WHOLE
    writer.journal.close()


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_directory_has_one_owner(tmp_path):
    """Claimed, it is not abandoned; let go, it is."""
    assert not file_lock.is_abandoned(tmp_path)
    with file_lock.claim(tmp_path):
        assert not file_lock.is_abandoned(tmp_path)
        with pytest.raises(WriteError, match="another process works on"):
            file_lock.claim(tmp_path)
    assert file_lock.is_abandoned(tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_what_happens_after_the_end_does_not_undo_it(tmp_path, error):
    """Ctrl-C, or a checkpoint that cannot be removed, a moment after a trial was written down as finished."""
    writer = writer_in(tmp_path)
    write_all(writer)
    assert writer.journal.status == "FINISHED"
    tracked_training.record_failure(writer, error)
    writer.journal.close()
    assert writer.journal.status == "FINISHED"


def test_half_links_of_who_was_killed_are_removed(store):
    """One that somebody may still be at work on stays, and so does a whole one."""
    tags = {"reused_from": "0" * 32, "trial_id": "1" * 16}
    now = int(time.time() * 1000)
    made = {
        name: store.client.create_run(store.experiment_id, start_time=start, tags=tags, run_name=name).info.run_id
        for name, start in (("half", now - 3_600_000), ("being made", now), ("whole", now - 3_600_000))
    }
    store.client.set_terminated(made["whole"])
    abandoned_sweeps.close_abandoned_runs(store)
    left = {name: store.client.get_run(run_id).info.lifecycle_stage for name, run_id in made.items()}
    assert left == {"half": "deleted", "being made": "active", "whole": "active"}
