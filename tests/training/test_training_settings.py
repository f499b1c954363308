"""Schedules, smoothed labels and moved images do what their settings say."""

import math

import numpy as np
import pytest

from seedsweep.errors import UserError


def rates(compose, *overrides, steps=100, steps_an_epoch=10):
    """The learning rate of each step."""
    from seedsweep.training.lr_schedules import learning_rate

    opt = compose("opt=sgd", "opt.learning_rate=0.5", *overrides).trial.opt
    schedule = learning_rate(opt, steps=steps, steps_an_epoch=steps_an_epoch)
    return schedule if isinstance(schedule, float) else [float(schedule(step)) for step in range(steps)]


def test_a_constant_rate_is_a_number(compose):
    """Which leaves the optimizer as it was before there were schedules."""
    assert rates(compose) == 0.5


def test_a_warm_up_rises_in_a_straight_line(compose):
    """Two epochs of ten steps: 1/20 of the rate, 2/20, … and all of it from the twentieth step on."""
    rising = rates(compose, "opt.warmup=2")
    assert rising[:20] == pytest.approx([0.5 * (step + 1) / 20 for step in range(20)])
    assert rising[20:] == pytest.approx([0.5] * 80)


def test_cosine_falls_to_nothing(compose):
    """The whole rate at first, half of it in the middle, none after the last step; likewise after a warm-up."""
    falling = rates(compose, "opt.schedule=cosine")
    assert (falling[0], falling[50]) == pytest.approx((0.5, 0.25))
    assert falling[99] == pytest.approx(0.5 * 0.5 * (1 + math.cos(math.pi * 0.99)), abs=1e-6)
    warmed = rates(compose, "opt.schedule=cosine", "opt.warmup=1")
    assert warmed[0] == pytest.approx(0.05)
    assert warmed[55] == pytest.approx(0.25)


def test_one_cycle_rises_and_falls(compose):
    """From a 25th to the whole rate after 30 of 100 steps, half of it 35 steps later, next to nothing at the end."""
    cycle = rates(compose, "opt.schedule=one_cycle")
    assert (cycle[0], cycle[15], cycle[30], cycle[65]) == pytest.approx((0.02, 0.26, 0.5, 0.25), rel=1e-3)
    assert cycle[99] < 0.001
    assert max(cycle) == cycle[30]


def test_one_cycle_has_no_other_warm_up(compose):
    """Two rises would be one too many."""
    with pytest.raises(UserError, match="rises by itself"):
        compose("opt.schedule=one_cycle", "opt.warmup=1")


@pytest.mark.parametrize("from_logits", [True, False])
def test_smoothed_labels_by_hand(from_logits):
    """Three classes, a tenth spread: 0.9 · -log p(true) + 0.1 · mean of all three -log p."""
    from seedsweep.training.model_builder import loss

    probabilities = np.array([[0.7, 0.2, 0.1]], dtype=np.float32)
    given = np.log(probabilities) if from_logits else probabilities
    expected = -0.9 * math.log(0.2) - 0.1 * (math.log(0.7) + math.log(0.2) + math.log(0.1)) / 3
    found = float(loss(from_logits=from_logits, smoothing=0.1)(np.array([1]), given))
    assert found == pytest.approx(expected, rel=1e-5)


def test_clipped_probabilities_cost_at_most_16():
    """-log 10⁻⁷ = 16.118 for a true class that has none; almost nothing for one that has all."""
    from seedsweep.training.model_builder import loss

    certain = np.array([[1.0, 0.0]], dtype=np.float32)
    clipped = loss(from_logits=False, smoothing=0.0)
    assert float(clipped(np.array([1]), certain)) == pytest.approx(16.118, abs=1e-3)
    assert float(clipped(np.array([0]), certain)) == pytest.approx(0.0, abs=1e-6)


def test_from_logits_learns_where_clipped_probabilities_are_stuck():
    """The gradient for a certain, wrong answer: -1 and 1 from the logits, none from clipped probabilities."""
    import tensorflow as tf

    from seedsweep.training.model_builder import loss

    logits = tf.Variable([[100.0, -100.0]])
    with tf.GradientTape(persistent=True) as tape:
        from_logits = loss(from_logits=True, smoothing=0.0)(tf.constant([1]), logits)
        clipped = loss(from_logits=False, smoothing=0.0)(tf.constant([1]), tf.nn.softmax(logits) * 1.0)
    assert tape.gradient(from_logits, logits).numpy().tolist() == [[1.0, -1.0]]
    assert tape.gradient(clipped, logits).numpy().tolist() == [[0.0, 0.0]]


MOVED = ["data.augment.shift=2", "data.augment.rotate=10", "data.augment.zoom=0.1"]


def test_images_are_moved_in_training_and_never_when_measured(compose):
    """The same batch twice: differently each time in training, untouched otherwise; at most as far as asked."""
    import keras

    from seedsweep.training import model_builder

    trial = compose("model=mlp", *MOVED[:1]).trial
    model = model_builder.build(trial, (28, 28, 1), 10)
    mover = keras.Model(model.inputs[0], model.layers[0].output)
    image = np.zeros((50, 28, 28, 1), dtype=np.float32)
    image[:, 14, 14] = 1.0
    still = np.asarray(mover(image, training=False))
    one, other = (np.asarray(mover(image, training=True)) for _ in range(2))
    assert np.array_equal(still, image)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[0], one[1])
    assert one[:, 11:18, 11:18].sum() == pytest.approx(one.sum())  # two pixels, and one for what lies between


def test_a_network_that_moves_images_has_no_more_weights(compose):
    """Shift, rotation and zoom stand before the first layer and learn nothing."""
    from seedsweep.training import model_builder

    def build(*overrides):
        trial = compose("model=conv1", *overrides).trial
        return model_builder.build(trial, (28, 28, 1), 10)

    plain, moved = build(), build(*MOVED)
    assert [type(layer).__name__ for layer in moved.layers[:3]] == ["RandomTranslation", "RandomRotation", "RandomZoom"]
    assert moved.count_params() == plain.count_params()
