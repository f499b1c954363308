"""The noise in a row's accuracies: its seeds, and single test images."""

import numpy as np
import pytest

from seedsweep.reporting.statistics.scores import Scores, image_variance


def answered(correct):
    """A row of which all answers are known, shape (seeds, images)."""
    return Scores({seed: float(of.mean()) for seed, of in enumerate(correct)}, dict(enumerate(correct)))


def answers(accuracy, seeds=3, images=400, number=0):
    return np.random.default_rng(number).random((seeds, images)) < accuracy


def test_the_variance_is_that_of_the_accuracies():
    scores = Scores({1: 0.97, 2: 0.98, 3: 0.99})
    assert (scores.n, scores.mean) == (3, pytest.approx(0.98))
    assert scores.variance == pytest.approx(0.01**2)


def test_seeds_that_agree_by_chance_have_the_variance_of_single_answers():
    """Two seeds are right for three of 100 images each, but for other ones: MS_residual / 100."""
    correct = np.zeros((2, 100), bool)
    correct[0, :3] = correct[1, 3:6] = True
    centred = correct - correct.mean(axis=1, keepdims=True) - correct.mean(axis=0) + correct.mean()
    assert answered(correct).variance == pytest.approx((centred**2).sum() / 99 / 100)


def test_without_answers_only_seeds_are_known():
    """Also where the answers of one seed are left: one has no spread."""
    correct = answers(0.9)
    one_left = Scores({0: 0.9, 1: 0.91}, {0: correct[0]})
    assert (one_left.images, one_left.by_image, one_left.components) == (None, None, None)
    assert image_variance([(1, answered(correct)), (-1, one_left)]) is None


def test_lost_answers_leave_those_of_the_other_seeds():
    correct = answers(0.9, seeds=4)
    some = Scores({seed: float(of.mean()) for seed, of in enumerate(correct)}, dict(enumerate(correct[:3])))
    assert some.by_image == pytest.approx(correct[:3].mean(axis=0))
    assert some.n == 4


def test_answers_to_other_images_have_no_common_variance():
    assert image_variance([(1, answered(answers(0.9))), (-1, answered(answers(0.9, images=100)))]) is None


def test_images_that_two_rows_answer_alike_add_nothing_to_their_difference():
    """Every seed of both rows is right for the same images."""
    alike = np.tile(answers(0.9, seeds=1), (3, 1))
    assert image_variance([(1, answered(alike)), (-1, answered(alike.copy()))]) == 0


def test_the_image_variance_is_that_of_new_images():
    """Against the variance of the difference over 2,000 sets of images, each with seeds that are always the same."""
    rng = np.random.default_rng(1)
    differences, estimates = [], []
    for _ in range(2000):
        hard = rng.normal(2, 2, (2, 1, 200))
        rows = [answered(rng.random((3, 200)) < 1 / (1 + np.exp(-of))) for of in hard]
        chances = 1 / (1 + np.exp(-hard[:, 0]))
        differences.append(chances[0].mean() - chances[1].mean())
        estimates.append(image_variance([(1, rows[0]), (-1, rows[1])]))
    assert np.mean(estimates) == pytest.approx(np.var(differences), rel=0.1)
