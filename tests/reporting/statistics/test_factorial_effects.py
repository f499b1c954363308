"""What changing one thing is worth, everything else averaged."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from seedsweep.reporting.statistics.factorial_effects import GridCell, factor_effects
from seedsweep.reporting.statistics.paired_contrast import Scores
from seedsweep.reporting.statistics.variance_components import crossed

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


def test_effects_are_tested_over_seeds():
    """Against scipy's t test of the contrast of each seed."""
    rng = np.random.default_rng(0)
    values = {place: rng.normal(0.9, 0.01, 5) for place in product(MODELS, OPTS[:2])}
    cells = grid(lambda model, opt, seed: values[model, opt][seed], seeds=range(5), model=MODELS, opt=OPTS[:2])
    main, _, interaction = factor_effects(cells).effects
    a, b, c, d = values.values()
    for effect, contrast in ((main, (c + d - a - b) / 2), (interaction, d - c - b + a)):
        expected = stats.ttest_1samp(contrast, 0)
        assert effect.value == pytest.approx(contrast.mean())
        assert effect.p == pytest.approx(expected.pvalue)
        assert (effect.low, effect.high) == pytest.approx(tuple(expected.confidence_interval()))
        assert effect.noise == "seeds"


def test_effects_are_tested_over_seeds_and_images_where_answers_are_known():
    """Three factors; the contrast of answers, written out as means of arrays."""
    rng = np.random.default_rng(1)
    answers = rng.random((2, 3, 2, 4, 50)) < 0.9  # three factors, seeds, images
    cells = [
        GridCell(
            {"a": f"a{i}", "b": f"b{j}", "c": f"c{k}"},
            Scores({s: float(answers[i, j, k, s].mean()) for s in range(4)}, dict(enumerate(answers[i, j, k]))),
        )
        for i, j, k in np.ndindex(2, 3, 2)
    ]
    found = {effect.levels: effect for effect in factor_effects(cells).effects}
    assert len(found) == 1 + 2 + 1 + 2 + 1 + 2
    numbers = answers.astype(int)
    expected = {
        ("b2",): (numbers[:, 2] - numbers[:, 0]).sum(axis=(0, 1)) / 4,
        ("a1", "b2"): (numbers[1, 2] - numbers[1, 0] - numbers[0, 2] + numbers[0, 0]).sum(axis=0) / 2,
    }
    for levels, contrast in expected.items():
        effect, whole = found[levels], crossed((contrast * 4).round().astype(int), per=4)
        assert effect.value == pytest.approx(contrast.mean())
        assert (effect.low, effect.high, effect.p) == pytest.approx((whole.low, whole.high, whole.p))
        assert effect.noise == "seeds and images"


def test_effects_are_adjusted_together():
    """The smallest p-value of three counts three times."""
    rng = np.random.default_rng(2)
    cells = grid(lambda model, opt, seed: added(model, opt, seed) + rng.normal(0, 0.003), model=MODELS, opt=OPTS[:2])
    found = sorted(factor_effects(cells).effects, key=lambda effect: effect.p)
    assert found[0].adjusted == pytest.approx(min(1, 3 * found[0].p))
    assert found[1].adjusted == pytest.approx(max(found[0].adjusted, min(1, 2 * found[1].p)))


def test_a_factor_with_one_level_is_left_out():
    """Nothing changes with it."""
    cells = grid(lambda model, _reg, seed: added(model, "sgd", seed), model=MODELS, reg=["none"])
    assert [effect.factors for effect in factor_effects(cells).effects] == [("model",)]


def test_only_seeds_that_all_combinations_have_count():
    """One combination lacks a seed, which then counts for no effect, also for those without that combination."""
    *cells, last = grid(added, seeds=(1, 2, 3), model=MODELS, opt=OPTS)
    beside = [
        GridCell(cell.levels, Scores({**cell.scores.accuracies, 9: 0.1 * place})) for place, cell in enumerate(cells)
    ]
    found = factor_effects([*beside, last])
    assert found == factor_effects([*cells, last])
    assert found.seeds == (1, 2, 3)


def test_one_seed_gives_effects_without_intervals():
    """One seed says nothing about the spread."""
    effect = factor_effects(grid(added, seeds=[1], model=MODELS, opt=OPTS)).effects[0]
    assert effect.value == pytest.approx(0.02)
    assert (effect.low, effect.high, effect.p, effect.adjusted, effect.noise) == (None, None, None, None, None)


FULL = grid(added, model=MODELS, opt=OPTS)
UNFINISHED = [GridCell(FULL[0].levels, Scores({})), *FULL[1:]]
OTHER_SEEDS = [GridCell(FULL[0].levels, Scores({7: 0.9})), *FULL[1:]]
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
        (OTHER_SEEDS, "no seed has finished in all combinations"),
        (FULL[:1], "no setting has two values"),
        ([], "no setting has two values"),
    ],
)
def test_what_is_no_full_grid_has_no_effects_but_a_reason(cells, reason):
    """In words, naming what is missing."""
    found = factor_effects(cells)
    assert (found.reason, found.effects, found.seeds) == (reason, (), ())
