"""What changing one thing is worth, everything else averaged."""

from itertools import product

import numpy as np
import pytest

from seedsweep.reporting.statistics.contrast import contrast, two_sided
from seedsweep.reporting.statistics.factorial_effects import GridCell, factor_effects
from seedsweep.reporting.statistics.pooled_spread import pooled_spreads
from seedsweep.reporting.statistics.scores import Scores

MODELS, OPTS = ("conv1", "conv3"), ("sgd", "adam", "rmsprop")


def grid(accuracy, *, seeds=(1, 2, 3), **factors):
    """A full grid; accuracy is a function of the levels and the seed."""
    return [
        GridCell(dict(zip(factors, levels, strict=True)), Scores({seed: accuracy(*levels, seed) for seed in seeds}))
        for levels in product(*factors.values())
    ]


def added(model, opt, seed):
    """Accuracies whose parts add up; seeds differ."""
    return 0.9 + 0.02 * MODELS.index(model) + 0.01 * OPTS.index(opt) + 0.001 * seed


def test_effects_that_add_up_are_found_exactly():
    """Each level against the first of its factor, averaged over the other factor; no interaction."""
    found = factor_effects(grid(added, model=MODELS, opt=OPTS)).effects
    assert [(effect.factors, effect.levels, effect.references) for effect in found] == [
        (("model",), ("conv3",), ("conv1",)),
        (("opt",), ("adam",), ("sgd",)),
        (("opt",), ("rmsprop",), ("sgd",)),
        (("model", "opt"), ("conv3", "adam"), ("conv1", "sgd")),
        (("model", "opt"), ("conv3", "rmsprop"), ("conv1", "sgd")),
    ]
    assert [effect.value for effect in found] == pytest.approx([0.02, 0.01, 0.02, 0, 0], abs=1e-12)


def test_an_interaction_is_what_both_are_worth_beyond_each_alone():
    """By hand: 0.95 - 0.92 - 0.91 + 0.90 = 0.02; the main effects are means of two differences."""
    values = {("conv1", "sgd"): 0.90, ("conv3", "sgd"): 0.92, ("conv1", "adam"): 0.91, ("conv3", "adam"): 0.95}
    found = factor_effects(grid(lambda model, opt, _: values[model, opt], model=MODELS, opt=OPTS[:2])).effects
    assert [effect.value for effect in found] == pytest.approx([(0.02 + 0.04) / 2, (0.01 + 0.03) / 2, 0.02])


def test_an_effect_is_a_weighted_sum_of_the_rows():
    """Its interval and p-value are those of the contrast with the weights of the textbook."""
    rng = np.random.default_rng(0)
    answers = rng.random((2, 3, 2, 4, 50)) < 0.9  # three factors, seeds, images
    rows = {
        f"a{i} · b{j} · c{k}": Scores({s: float(answers[i, j, k, s].mean()) for s in range(4)}, dict(enumerate(of)))
        for i, j, k in np.ndindex(2, 3, 2)
        for of in [answers[i, j, k]]
    }
    cells = [GridCell(dict(zip("abc", name.split(" · "), strict=True)), scores) for name, scores in rows.items()]
    found = {effect.levels: effect for effect in factor_effects(cells).effects}
    assert len(found) == 1 + 2 + 1 + 2 + 1 + 2
    main = [((1 if "b2" in name else -1) / 4, name) for name in rows if "b1" not in name]
    both = [((1 if ("b2" in name) == ("a1" in name) else -1) / 2, name) for name in rows if "b1" not in name]
    for levels, terms in ((("b2",), main), (("a1", "b2"), both)):
        effect, expected = found[levels], contrast(terms, rows, pooled_spreads(rows))
        half = expected.half_width(two_sided(0.05))
        assert (effect.value, effect.p) == (pytest.approx(expected.value), pytest.approx(expected.p))
        assert (effect.low, effect.high) == pytest.approx((expected.value - half, expected.value + half))
        assert effect.counts_images


def test_effects_are_adjusted_together():
    """The smallest p-value of three counts three times."""
    rng = np.random.default_rng(2)
    cells = grid(lambda model, opt, seed: added(model, opt, seed) + rng.normal(0, 0.003), model=MODELS, opt=OPTS[:2])
    found = sorted(factor_effects(cells).effects, key=lambda effect: effect.p)
    assert found[0].p_adjusted == pytest.approx(min(1, 3 * found[0].p))
    assert found[1].p_adjusted == pytest.approx(max(found[0].p_adjusted, min(1, 2 * found[1].p)))


def test_a_factor_with_one_level_is_left_out():
    """Nothing changes with it."""
    cells = grid(lambda model, _reg, seed: added(model, "sgd", seed), model=MODELS, reg=["none"])
    assert [effect.factors for effect in factor_effects(cells).effects] == [("model",)]


FULL = grid(added, model=MODELS, opt=OPTS)
UNFINISHED = [GridCell(FULL[0].levels, Scores({})), *FULL[1:]]
ONE_SEED = [GridCell(FULL[0].levels, Scores({7: 0.9})), *FULL[1:]]
BEYOND = grid(lambda *_: 0.9, a="12345", b="12345")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (FULL[1:], "1 of 6 combinations is missing: conv1 · sgd"),
        (FULL[1:4] + FULL[5:], "2 of 6 combinations are missing: conv1 · sgd, conv3 · adam"),
        (UNFINISHED, "1 of 6 combinations is missing: conv1 · sgd"),
        (BEYOND[:5] + BEYOND[5::5], "16 of 25 combinations are missing: 2 · 2, 2 · 3, 2 · 4 and 13 more"),
        ([*FULL, FULL[0]], "several rows have the same settings: conv1 · sgd"),
        ([*FULL[:-1], GridCell({"model": "conv3"}, FULL[-1].scores)], "not every row has a value for opt"),
        (ONE_SEED, "a combination has one seed only"),
        (FULL[:1], "no setting has two values"),
        ([], "no setting has two values"),
    ],
)
def test_what_is_no_full_grid_has_no_effects_but_a_reason(cells, reason):
    """In words, naming what is missing."""
    found = factor_effects(cells)
    assert (found.reason, found.effects) == (reason, ())
