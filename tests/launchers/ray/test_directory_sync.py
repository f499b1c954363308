"""A directory that is seen on another machine holds what was written, and never half of it."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedsweep.launchers.ray.directory_sync import Change, DirectorySync, apply

LAST = "journal.jsonl"


def contents(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(".unfinished")
    }


names = st.sampled_from(["checkpoint.bin", LAST, "a/b.png", "a/c", ".hydra/config.yaml"])
acts = st.tuples(names, st.sampled_from(["write", "append", "cut", "remove"]), st.binary(max_size=20))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(acts, max_size=4), max_size=6))
def test_whatever_is_written_arrives(rounds):
    """After any writing, growing, cutting and removing, two looks later both directories are equal."""
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
        mirror = DirectorySync(Path(here), LAST)
        for number, round_ in enumerate(rounds):
            for name, act, content in round_:
                path = Path(here, name)
                path.parent.mkdir(exist_ok=True)
                before = path.read_bytes() if path.exists() else b""
                path.unlink(missing_ok=True)
                if act != "remove":
                    path.write_bytes({"write": content, "append": before + content, "cut": before[:-1]}[act])
                    # Two writes within one tick of the clock differ in nothing else when their sizes are equal.
                    os.utime(path, ns=(number, number))
            apply(mirror.changes(), Path(there))
        for _ in range(2):
            apply(mirror.changes(), Path(there))

        assert contents(Path(there)) == contents(Path(here))
        assert mirror.changes() == []


def test_what_grows_is_sent_once(tmp_path):
    """Of a journal that grows, only what is new is told; of a file that was replaced, everything."""
    mirror = DirectorySync(tmp_path, LAST)
    journal = tmp_path / LAST
    journal.write_bytes(b"one\n")

    assert mirror.changes() == [Change(LAST, 0, b"one\n")]
    with journal.open("ab") as file:
        file.write(b"two\n")
    assert mirror.changes() == [Change(LAST, 4, b"two\n")]
    journal.write_bytes(b"three, and longer\n")
    assert mirror.changes() == [Change(LAST, 0, b"three, and longer\n")]


def test_a_journal_comes_after_what_it_tells_of(tmp_path):
    """Whoever sees its line about a file has the file."""
    for name in ("a.png", LAST, "z.png"):
        (tmp_path / name).write_bytes(b"x")

    assert [change.path for change in DirectorySync(tmp_path, LAST).changes()] == ["a.png", "z.png", LAST]


def test_a_removal_comes_after_what_was_written_before_it(tmp_path):
    """A checkpoint goes when the line that makes it superfluous has been told, not in the same look."""
    mirror = DirectorySync(tmp_path, LAST)
    checkpoint, journal = tmp_path / "checkpoint.bin", tmp_path / LAST
    checkpoint.write_bytes(b"x")
    journal.write_bytes(b"")
    mirror.changes()
    journal.write_bytes(b"end\n")
    checkpoint.unlink()

    assert mirror.changes() == [Change(LAST, 0, b"end\n")]
    assert mirror.changes() == [Change("checkpoint.bin", 0, None)]


def test_what_is_being_written_is_passed_over(tmp_path):
    """A file that will get its name when it is whole is nobody's business."""
    (tmp_path / "checkpoint.bin.unfinished").write_bytes(b"half")

    assert DirectorySync(tmp_path, LAST).changes() == []


@pytest.mark.parametrize("path", ["../elsewhere", "/etc/passwd", "a/../../b"])
def test_nothing_is_written_outside(tmp_path, path):
    """Whatever a worker says, its job's directory is all that it can change."""
    with pytest.raises(ValueError, match="outside"):
        apply([Change(path, 0, b"x")], tmp_path / "inside")


def test_a_gap_is_noticed(tmp_path):
    """What follows bytes that never came is refused."""
    (tmp_path / LAST).write_bytes(b"one\n")

    with pytest.raises(ValueError, match="shorter"):
        apply([Change(LAST, 9, b"three\n")], tmp_path)


def test_journals_of_others(tmp_path):
    """Whoever watches those beside it hears of their journals, and not of its own."""
    for name in ("0", "1", "1/deeper", "2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / LAST).write_bytes(name.encode())
        (tmp_path / name / "checkpoint.bin").write_bytes(b"x")

    found = DirectorySync(tmp_path, LAST, only_last=True, without="1").changes()

    assert found == [Change(f"0/{LAST}", 0, b"0"), Change(f"2/{LAST}", 0, b"2")]
