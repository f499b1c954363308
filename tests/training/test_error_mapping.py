"""What libraries raise is told apart by what can be done about it."""

import errno

import ml_dtypes
import numpy as np
import pytest
from support.stores import small_data

from seedsweep.errors import NonFiniteLoss
from seedsweep.metrics import EPOCH_METRICS
from seedsweep.training.error_mapping import is_disk_full, is_out_of_memory


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
    assert is_disk_full(OSError(errno.ENOSPC, "No space left on device"))
    assert is_disk_full(PermissionError(errno.EACCES, "Permission denied"))
    assert not is_disk_full(FileNotFoundError(errno.ENOENT, "No such file"))
    assert not is_disk_full(OSError("h5py says something"))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_no_number_is_divergence(dtype, value):
    """A ReLU may make 0 of NaN: the loss stays finite, and the accuracy is that of one answer for all images."""
    from seedsweep.training import trainer

    whole, broken = (np.zeros((2, 3), getattr(ml_dtypes, dtype, dtype)) for _ in range(2))
    broken[1, 1] = value
    trainer.check_finite([whole, np.zeros(2, np.uint32)], 3)
    with pytest.raises(NonFiniteLoss, match=f"a weight became {value} in epoch 3"):
        trainer.check_finite([whole, broken], 3)


@pytest.mark.train
def test_a_network_without_numbers_does_not_finish(tmp_path, compose, monkeypatch):
    """It is looked at after each epoch."""
    from seedsweep.data.dataset import load
    from seedsweep.training import checkpoints, trainer

    def breaks(model, *_):
        model.variables[0].assign(np.full(model.variables[0].shape, np.nan))
        return dict.fromkeys(EPOCH_METRICS, 0.5)

    monkeypatch.setattr(trainer, "_one_epoch", breaks)
    trial = compose(*small_data(tmp_path), "model=mlp", "epochs=2").trial
    keeping = checkpoints.CheckpointConfig("t", tmp_path / checkpoints.FILE_NAME, 1, lambda: False)
    with pytest.raises(NonFiniteLoss, match="a weight became nan in epoch 1"):
        trainer.train(trial, load(trial.data), lambda _: None, keeping, None)
    assert not keeping.path.exists()
