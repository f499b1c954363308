"""A table says what its trials were trained with."""

import pytest

from seedsweep.reporting.tables.shared_settings import recipe

CONV3 = {"model.name": "conv3", "model.conv_filters": "[32,32,64]", "model.pool_after": "[2,3]"}
CONV4 = {"model.name": "conv4", "model.conv_filters": "[32,32,64,64]", "model.pool_after": "[2,4]"}
SGD = {"opt.name": "sgd", "opt.learning_rate": "0.01", "opt.momentum": "0.9"}
ADAM = {"opt.name": "adam", "opt.learning_rate": "0.001", "opt.momentum": "null"}
FAST = {**SGD, "opt.learning_rate": "0.1"}
L2 = {"reg.name": "l2", "reg.strength": "0.01"}
REST = {"model.kernel_size": "3", "model.batch_norm": "false", "reg.name": "none", "reg.strength": "null", "seed": "1"}

ONE_SGD = "opt=sgd, learning_rate=0.01, momentum=0.9"


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([CONV3], ["model=conv3, conv_filters=[32,32,64], kernel_size=3, pool_after=[2,3]"]),
        (
            [CONV3 | SGD, CONV4 | SGD],
            [
                f"kernel_size=3, {ONE_SGD}",
                "conv3: conv_filters=[32,32,64], pool_after=[2,3]",
                "conv4: conv_filters=[32,32,64,64], pool_after=[2,4]",
            ],
        ),
        ([SGD, ADAM], ["kernel_size=3", "sgd: learning_rate=0.01, momentum=0.9", "adam: learning_rate=0.001"]),
        ([SGD, FAST], ["kernel_size=3, opt=sgd, momentum=0.9"]),
        ([SGD, FAST, ADAM], ["kernel_size=3", "sgd: momentum=0.9", "adam: learning_rate=0.001"]),
        ([SGD, SGD | L2], [f"kernel_size=3, {ONE_SGD}", "l2: strength=0.01"]),
        ([SGD, SGD | {"model.batch_norm": "true"}], [f"kernel_size=3, {ONE_SGD}"]),
        ([{"opt.warmup": "1", "stop.warmup": "3"}], ["kernel_size=3, opt.warmup=1, stop.warmup=3"]),
        ([{"data.augment.shift": "2", "from_logits": "false"}], ["kernel_size=3, shift=2, from_logits=false"]),
        ([{"from_logits": "true", "opt.schedule": "constant", "data.scale": "unit"}], ["kernel_size=3"]),
        ([{"data.augment.zoom": "0.1"}, {}], ["kernel_size=3"]),  # of before there was such a setting
        ([{"model.name": f"m{n}", "model.dense_units": f"[{n}]"} for n in range(9)], ["kernel_size=3"]),
    ],
)
def test_what_is_shared_and_what_a_choice_means(trials, told):
    """What differs within a choice stands in the names of the rows; what is off is not said."""
    assert recipe([REST | trial for trial in trials]) == "; ".join(told)
