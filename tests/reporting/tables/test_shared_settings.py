"""The settings that all trials of a table share."""

import pytest

from seedsweep.reporting.tables.shared_settings import shared_settings

CONV3 = {"model.name": "conv3", "model.conv_filters": "[32,32,64]", "model.pool_after": "[2,3]"}
CONV4 = {"model.name": "conv4", "model.conv_filters": "[32,32,64,64]", "model.pool_after": "[2,4]"}
SGD = {"opt.name": "sgd", "opt.learning_rate": "0.01", "opt.momentum": "0.9"}
ADAM = {"opt.name": "adam", "opt.learning_rate": "0.001", "opt.momentum": "null"}
REST = {"model.kernel_size": "3", "model.batch_norm": "false", "reg.name": "none", "reg.strength": "null", "seed": "1"}


@pytest.mark.parametrize(
    ("trials", "shared"),
    [
        ([CONV3], "model=conv3, conv_filters=[32,32,64], kernel_size=3, pool_after=[2,3]"),
        ([CONV3 | SGD, CONV4 | SGD], "kernel_size=3, opt=sgd, learning_rate=0.01, momentum=0.9"),
        ([SGD, ADAM], "kernel_size=3"),
        ([SGD, SGD | {"opt.learning_rate": "0.1"}], "kernel_size=3, opt=sgd, momentum=0.9"),
        ([{"opt.warmup": "1", "stop.warmup": "3"}], "kernel_size=3, opt.warmup=1, stop.warmup=3"),
        ([{"data.augment.shift": "2", "from_logits": "false"}], "kernel_size=3, shift=2, from_logits=false"),
        ([{"from_logits": "true", "opt.schedule": "constant", "data.scale": "unit"}], "kernel_size=3"),
        ([{"data.augment.zoom": "0.1"}, {}], "kernel_size=3"),  # an older trial has no such setting
    ],
)
def test_settings_that_all_trials_share(trials, shared):
    """What is off, or usual, is left out; what differs is in the names of the rows."""
    assert shared_settings([REST | trial for trial in trials]) == shared
