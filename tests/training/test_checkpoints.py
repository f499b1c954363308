"""A checkpoint is read whole or not at all."""

import errno
import os

import numpy as np
import pytest

from seedsweep.metrics import EpochMetrics
from seedsweep.training import checkpoints
from seedsweep.training.checkpoints import Checkpoint


@pytest.fixture
def path(tmp_path):
    return tmp_path / checkpoints.FILE_NAME


def some(epochs, fill=1.0):
    arrays = [np.full((2, 3), fill, np.float32), np.array(7, np.int64), np.array([], np.float32)]
    history = [EpochMetrics(epoch, {"loss": 1 / epoch}) for epoch in range(1, epochs + 1)]
    return Checkpoint("t", history, 1.5, arrays)


def test_what_was_written_is_read(path):
    """Arrays with their types and shapes, the history, the time."""
    import ml_dtypes

    wanted = some(3)
    wanted.arrays.append(np.array([1.5], ml_dtypes.bfloat16))
    checkpoints.write(path, wanted)
    found = checkpoints.read(path, "t", 9)
    assert (found.history, found.train_seconds, found.epoch) == (wanted.history, 1.5, 3)
    for array, expected in zip(found.arrays, wanted.arrays, strict=True):
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


def test_torn_at_any_byte_it_is_refused(path, tally):
    """Cut off anywhere, or one byte changed anywhere: never read as if it were whole."""
    checkpoints.write(path, some(2))
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert checkpoints.read(path, "t", 9) is None, size
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert checkpoints.read(path, "t", 9) is None, place
    tally("checkpoint torn, and changed, at any byte", 2 * len(whole), 2 * len(whole))


def test_a_failed_write_leaves_the_old_one(path, monkeypatch):
    """Also when the disk is full in the middle, and nothing half-written stays."""
    checkpoints.write(path, some(1))

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.write(path, some(2))
    assert checkpoints.read(path, "t", 9).epoch == 1
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_the_furthest_of_several_is_taken(tmp_path):
    """A damaged one does not count, nor does another trial's."""
    for name, epochs in (("a", 1), ("b", 3), ("c", 2)):
        (tmp_path / name).mkdir()
        checkpoints.write(tmp_path / name / checkpoints.FILE_NAME, some(epochs, fill=float(epochs)))
    (tmp_path / "b" / checkpoints.FILE_NAME).write_bytes(b"seedsweep checkpoint 1\n")
    places = [tmp_path / name for name in ("a", "b", "c", "nowhere")]
    assert checkpoints.furthest(places, "t", 9).epoch == 2
    assert checkpoints.furthest(places, "u", 9) is None
