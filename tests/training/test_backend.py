"""What a process computes with."""

import pytest

from seedsweep.errors import SeedsweepError
from seedsweep.training import backend


def test_another_process_says_which_device_it_computes_on():
    """It imports the backend, which the process that asks must not do."""
    assert backend.device_in({"CUDA_VISIBLE_DEVICES": "-1"}, "tensorflow", 1) == backend.cpu_model()


def test_a_backend_that_does_not_start_says_why():
    with pytest.raises(SeedsweepError, match=r"(?s)theano does not start.*KeyError: 'theano'"):
        backend.device_in({"CUDA_VISIBLE_DEVICES": "-1"}, "theano", 1)
