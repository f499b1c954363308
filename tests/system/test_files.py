"""Directories in which others work are looked through, whatever they remove meanwhile."""

import os

import pytest

from seedsweep.launchers.ray.directory_sync import DirectorySync
from seedsweep.system.files import walk_files
from seedsweep.tracking.journal import journals_of
from seedsweep.tracking.peer_histories import PeerHistories


@pytest.mark.parametrize(
    "look",
    [
        lambda sweep: list(walk_files(sweep)),
        lambda sweep: PeerHistories(sweep, sweep / "0").finished(),
        lambda sweep: DirectorySync(sweep, "journal.jsonl").changes(),
        lambda sweep: journals_of(sweep, "parent"),
    ],
    ids=["walk_files", "PeerHistories", "DirectorySync", "journals_of"],
)
def test_a_directory_may_vanish_when_it_is_about_to_be_looked_into(tmp_path, monkeypatch, look):
    """The courier removes a trial's files as soon as the store has them."""
    delivered = tmp_path / "1" / "artifacts-1"
    delivered.mkdir(parents=True)
    (tmp_path / "1" / "config.yaml").touch()
    scandir = os.scandir

    def scan(path):
        if os.fspath(path) == str(delivered):
            delivered.rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    look(tmp_path)
    assert not delivered.exists()


def test_every_file_is_found_once(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    expected = {tmp_path / "one", tmp_path / "a" / "two", tmp_path / "a" / "b" / ".three"}
    for path in expected:
        path.touch()
    found = list(walk_files(tmp_path))
    assert len(found) == len(expected)
    assert set(found) == expected
    assert list(walk_files(tmp_path / "nowhere")) == []
