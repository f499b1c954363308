"""What libraries raise is told apart by what can be done about it."""

import errno

import pytest

from seedsweep.training.failures import is_no_room, is_out_of_memory


class JaxRuntimeError(RuntimeError):
    """Has the name of JAX's own, which is not installed with the tests."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes."), True),
        (JaxRuntimeError("INTERNAL: something else"), False),
        (RuntimeError("RESOURCE_EXHAUSTED"), False),
        (ValueError("memory"), False),
    ],
)
def test_out_of_memory(error, expected):
    """By type, and for JAX by status."""
    assert is_out_of_memory(error) is expected


@pytest.mark.train
def test_tensorflow_s_own_error_for_lack_of_memory():
    """The one that a GPU without room raises."""
    import tensorflow as tf

    assert is_out_of_memory(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"))
    assert not is_out_of_memory(tf.errors.InvalidArgumentError(None, None, "shape"))


def test_no_room():
    """A full disk and a missing permission; a file that is missing is something else."""
    assert is_no_room(OSError(errno.ENOSPC, "No space left on device"))
    assert is_no_room(PermissionError(errno.EACCES, "Permission denied"))
    assert not is_no_room(FileNotFoundError(errno.ENOENT, "No such file"))
    assert not is_no_room(OSError("h5py says something"))
