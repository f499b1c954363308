"""The one model family says every published architecture exactly."""

import numpy as np
import pytest

from seedsweep.config.model_config import ModelConfig
from seedsweep.errors import UserError

# Parameters worked out by hand, layer by layer: convolution k·k·in·out + out, dense in·out + out.
PUBLISHED = {
    # conv 320, conv 18,496, 28→26→24→12, dense 12·12·64·128 + 128 = 1,179,776, softmax 1,290
    "k": 1_199_882,
    # dense 784·784 + 784 = 615,440, softmax 7,850
    "b1": 623_290,
    # conv 832, 28→24→12, dense 12·12·32·128 + 128 = 589,952, softmax 1,290
    "b2": 592_074,
    # conv 780, 28→24→12, conv 9·30·15 + 15 = 4,065, 12→10→5, dense 375·128 + 128 = 48,128,
    # dense 6,450, softmax 510
    "b3": 59_933,
    # conv 832, 12, conv 25·32·64 + 64 = 51,264, 12→8→4, dense 1,024·1,000 + 1,000 = 1,025,000, softmax 10,010
    "t1": 1_087_106,
    "t2": 1_087_106,
    "t3": 1_087_106,
    # dense 784·512 + 512 = 401,920, dense 512·512 + 512 = 262,656, softmax 5,130
    "m1": 669_706,
    # conv 320, conv 9·32·32 + 32 = 9,248, 24→12, dense 4,608·128 + 128 = 589,952, softmax 1,290
    "m2": 600_810,
    # dense 784·64 + 64 = 50,240, 4 × (64·64 + 64 = 4,160), softmax 650
    "mlp": 67_530,
}


@pytest.fixture(scope="module")
def build():
    """A function from a checked config to its Keras model, for grey images of 28 × 28 pixels."""
    from seedsweep.training import model_builder

    def built(run, side=28):
        return model_builder.build(run.trial, (side, side, 1), 10)

    return built


def layers_of(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize(("row", "parameters"), PUBLISHED.items(), ids=PUBLISHED)
def test_published_networks_have_the_parameters_counted_by_hand(compose, build, rows_of, row, parameters):
    """Every architecture that its author described fully has exactly its parameters."""
    assert build(compose(*rows_of("tutorials")[row].overrides)).count_params() == parameters


def test_every_tutorial_is_counted(rows_of):
    """A row that is added is counted too."""
    assert list(rows_of("tutorials")) == list(PUBLISHED)


def test_the_keras_example_has_its_layers_in_order(compose, build):
    """model=conv2 is the Keras example, layer by layer."""
    assert layers_of(build(compose("model=conv2"))) == [
        *("Conv2D", "Activation", "Conv2D", "Activation", "MaxPooling2D", "Dropout"),
        *("Flatten", "Dense", "Dropout", "Dense", "Activation"),
    ]


def test_one_activation_a_block_stands_after_the_pooling(compose, build):
    """Four convolutions in two blocks, three hidden dense layers, dropout after the first two."""
    run = compose(
        "model=conv4",
        "model.activation_at=block",
        "model.conv_dropout=0.0",
        "model.dense_units=[64,64,64]",
        "model.dense_dropout=[0.5,0.5,0]",
    )
    assert layers_of(build(run)) == [
        *("Conv2D", "Conv2D", "MaxPooling2D", "Activation") * 2,
        *("Flatten", "Dense", "Dropout", "Dense", "Dropout", "Dense", "Dense", "Activation"),
    ]


def test_batch_norm_stands_between_convolution_and_activation(compose, build):
    """With batch norm each convolution is normalised before its ReLU."""
    run = compose("model=conv4", "model.batch_norm=true", "model.conv_dropout=0.0")
    block = ("Conv2D", "BatchNormalization", "Activation")
    assert layers_of(build(run))[:7] == [*block, *block, "MaxPooling2D"]


@pytest.mark.parametrize(("penalty", "power"), [("l1", 1), ("l2", 2)])
def test_the_penalty_is_on_every_kernel_and_on_nothing_else(compose, build, penalty, power):
    """Strength × Σ|w| or Σw² over convolutions, hidden dense layers and the output layer; biases are free."""
    model = build(compose("model=conv2", f"reg={penalty}", "reg.strength=0.01"))
    kernels = [np.asarray(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]
    assert len(kernels) == len(model.losses) == 4
    expected = 0.01 * sum((np.abs(kernel) ** power).sum() for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["opt=sgd", "opt.learning_rate=0.3", "opt.momentum=0.5"], {"learning_rate": 0.3, "momentum": 0.5}),
        (["opt=rmsprop", "opt.momentum=0.4"], {"learning_rate": 0.001, "momentum": 0.4}),
        (["opt=adamw", "opt.weight_decay=0.1"], {"learning_rate": 0.001, "weight_decay": 0.1}),
        (["opt=adadelta"], {"learning_rate": 1.0}),
        (["opt=adam"], {"learning_rate": 0.001}),
        (["opt=nadam"], {"learning_rate": 0.001}),
    ],
)
def test_the_optimizer_gets_every_setting(compose, overrides, expected):
    """What the config says is what Keras has."""
    from seedsweep.training import model_builder

    trial = compose(*overrides).trial
    optimizer = model_builder.optimizer(trial.opt, steps=100, steps_an_epoch=10)
    assert type(optimizer).__name__.lower() == trial.opt.name
    built = optimizer.get_config()
    assert {name: built[name] for name in expected} == pytest.approx(expected)


def test_the_initializer_draws_the_output_layer_too(compose, build, rows_of):
    """b1 draws all its weights from a normal distribution."""
    model = build(compose(*rows_of("tutorials")["b1"].overrides))
    drawn = [type(layer.kernel_initializer).__name__ for layer in model.layers if hasattr(layer, "kernel")]
    assert drawn == ["RandomNormal", "RandomNormal"]


@pytest.mark.parametrize(
    ("overrides", "side", "fits"),
    [
        (["model=conv4"], 28, True),
        (["model=conv4"], 15, False),  # 15→13→11→5→3→1→0
        (["model=conv4"], 16, True),  # 16→14→12→6→4→2→1
        (["model=conv4", "model.padding=same"], 4, True),  # 4→2→1
        (["model=conv4", "model.padding=same"], 3, False),  # 3→1→0
        (["model=mlp"], 1, True),
    ],
)
def test_an_image_too_small_for_the_network_is_refused_by_arithmetic(compose, overrides, side, fits):
    """What Keras would fail on is refused before anything starts, and nothing else is."""
    model = compose(*overrides).trial.model
    if fits:
        model.check_fits(side, side)
    else:
        with pytest.raises(UserError, match="too small"):
            model.check_fits(side, side)


def test_what_arithmetic_refuses_keras_cannot_build(compose, build):
    """The smallest side that `check_fits` takes is the smallest that Keras builds."""
    run = compose("model=conv3", "model.kernel_size=[5,3,3]")
    smallest = next(side for side in range(1, 40) if _fits(run.trial.model, side))
    build(run, smallest)
    with pytest.raises(ValueError, match=r"negative|Negative|incompatible|output shape|dimension"):
        build(run, smallest - 1)


def _fits(model: ModelConfig, side: int) -> bool:
    try:
        model.check_fits(side, side)
    except UserError:
        return False
    return True
