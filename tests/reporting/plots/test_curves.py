"""Pictures of curves: what is told apart, what is written beside it, and that all of it can be read."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import rc_context
from support.pictures import HOSTILE, assert_readable, drawn, own_texts, words

from seedsweep.metrics import EpochMetrics
from seedsweep.reporting.plots import small_multiples
from seedsweep.reporting.plots.canvas import plain
from seedsweep.reporting.plots.comparable import only_while_training
from seedsweep.reporting.plots.curves_by_variant import draw_variant_curves, variant_curves_figure
from seedsweep.reporting.plots.labels import fitted, inches, one_line
from seedsweep.reporting.plots.seeds import VariantCurves, band
from seedsweep.reporting.plots.styles import STYLES
from seedsweep.reporting.plots.trial_curves import curves_figure, draw_curves

WHY = ["dropout is active", "images are moved"]


def epoch(number, accuracy, loss=0.1):
    values = {"accuracy": accuracy, "val_accuracy": accuracy - 0.01, "loss": loss, "val_loss": 2 * loss}
    return EpochMetrics(number, values)


def trial(*accuracies, losses=None):
    losses = losses or [1.1 - accuracy for accuracy in accuracies]
    return [epoch(number, *pair) for number, pair in enumerate(zip(accuracies, losses, strict=True), start=1)]


def learning(end=0.99, epochs=12, start=0.1):
    return trial(*(end - (end - start) * 4.0**-number for number in range(epochs)))


def variants(count, *, label="conv{} · adam", seeds=2):
    return [
        VariantCurves(label.format(k), [learning(0.99 - 0.001 * k - 0.002 * s) for s in range(seeds)])
        for k in range(count)
    ]


def ylabels(figure):
    return [axes.get_ylabel() for axes in figure.axes]


DIVERGED = trial(0.9, 0.1, 0.1, losses=[0.3, 5e6, math.nan])


@pytest.mark.parametrize("name", ["validation", "test"])
def test_curves_are_named_after_the_images_that_they_were_measured_on(name):
    """A curve measured on test images is never called validation."""
    legend = [
        text.get_text() for text in curves_figure(learning(), title="x", validated_on=name).legends[0].get_texts()
    ]
    assert legend[:2] == ["training", name]


@pytest.mark.parametrize(
    ("told", "reasons"),
    [
        ({}, "dropout is active"),
        ({"model.conv_dropout": "0", "model.dense_dropout": "[0.0, 0]"}, ""),
        ({"model.conv_dropout": 0.0, "model.dense_dropout": [0, 0.5]}, "dropout is active"),
        ({"data.augment.rotate": "10.0"}, "dropout is active and images are moved"),
        ({"model.conv_dropout": 0, "model.dense_dropout": [], "data.augment.shift": 2}, "images are moved"),
        ({"model.conv_dropout": 0, "model.dense_units": []}, ""),
    ],
    ids=str,
)
def test_why_two_curves_cannot_be_compared(told, reasons):
    """It says so where there is dropout, or where images are moved, and only there."""
    usual = {"model.conv_dropout": "0.25", "model.dense_dropout": "0.5", "model.dense_units": "[128]"}
    why = only_while_training({**usual, "data.augment.shift": "0.0", **told})
    for figure in (
        curves_figure(learning(), title="x", only_while_training=why),
        variant_curves_figure([VariantCurves("a", [learning()])], title="x", only_while_training=why),
    ):
        said = re.findall(r"values: (.*?) while the first", " ".join(" ".join(words(figure)).split()))
        assert said == [reasons] * bool(reasons)


def test_accuracies_that_rise_far_are_shown_twice():
    """From 0.1 to 0.99 the last hundredths would be a line at the top."""
    figure = curves_figure(learning(0.99), title="x")
    assert ylabels(figure) == ["accuracy", "accuracy above 0.95", "loss"]
    assert figure.axes[0].get_ylim()[0] < 0.1
    assert figure.axes[1].get_ylim()[0] == pytest.approx(0.95)


def test_accuracies_that_hardly_differ_fill_their_axes():
    """Between 0.97 and 0.99 a scale from 0 would show nothing."""
    figure = curves_figure(trial(0.98, 0.985, 0.99), title="x")
    assert ylabels(figure) == ["accuracy", "loss"]
    low, high = figure.axes[0].get_ylim()
    assert high - low < 0.04


def test_guide_lines_have_their_numbers():
    """At 0.90, 0.95 and 1."""
    assert {"0.90", "0.95", "1.00"} <= set(words(drawn(curves_figure(trial(0.7, 0.85, 0.9), title="x"))))


def test_a_value_that_is_no_number_is_said():
    """A gap in a curve is not taken for a missing epoch."""
    assert any("of epoch 3 is a number" in text for text in words(curves_figure(DIVERGED, title="x")))


EPOCHS = {
    "usual": learning(),
    "one": learning(epochs=1),
    "none": [],
    "diverged": DIVERGED,
    "never a number": trial(math.nan, math.nan),
    "perfect": trial(1.0, 1.0, losses=[0.0, 0.0]),
    "many": learning(epochs=1000),
}


@pytest.mark.parametrize("name", EPOCHS)
def test_curves_can_be_read_whatever_they_are(name):
    """No two labels overlap, none is cut off."""
    assert_readable(curves_figure(EPOCHS[name], title="conv3 · adam", only_while_training=WHY))


@pytest.mark.parametrize("name", HOSTILE)
def test_titles_can_be_read_whatever_they_are(name):
    """A dollar sign is no formula, an underscore hides nothing."""
    figure = curves_figure(trial(0.9), title=name)
    assert_readable(figure)
    if len(name) < 80:
        assert figure.get_suptitle() == one_line(name)
    assert not any(text.get_parse_math() for text in own_texts(figure))


def test_equal_curves_are_equal_bytes(tmp_path):
    """No date, no version, nothing random; both kinds of pictures."""
    for name in ("one", "other"):
        draw_curves(trial(0.9), title="x", path=tmp_path / f"{name}.png")
        draw_variant_curves([VariantCurves("x", [trial(0.9)])], title="x", path=tmp_path / f"{name}s.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    assert (tmp_path / "ones.png").read_bytes() == (tmp_path / "others.png").read_bytes()


def test_a_user_s_own_matplotlibrc_changes_nothing(tmp_path):
    """A picture looks the same wherever it is drawn."""
    draw_curves(trial(0.9), title="x", path=tmp_path / "one.png")
    with rc_context({"font.size": 20, "axes.facecolor": "red", "figure.dpi": 40, "savefig.dpi": 30}):
        draw_curves(trial(0.9), title="x", path=tmp_path / "other.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()


def test_a_band_reaches_from_the_lowest_to_the_highest_seed():
    """And the line is the mean of the seeds that have a number for that epoch."""
    folded = band(VariantCurves("x", [trial(0.2, 0.5, math.nan), trial(0.4, 0.9), trial(0.6)]), "accuracy")
    np.testing.assert_allclose(folded.mean, [0.4, 0.7, math.nan])
    np.testing.assert_allclose(folded.low, [0.2, 0.5, math.nan])
    np.testing.assert_allclose(folded.high, [0.6, 0.9, math.nan])
    assert (folded.fewest, folded.most) == (0, 3)


def test_up_to_eight_variants_share_axes_and_are_told_apart_by_more_than_colour():
    """Rows are training and validation; no two lines look alike."""
    figure = variant_curves_figure(variants(8), title="x")
    assert ylabels(figure)[:2] == ["training accuracy", "training accuracy above 0.95"]
    assert ylabels(figure)[-1] == "validation loss"
    lines = [line for line in figure.axes[0].get_lines() if line.get_marker() not in ("None", None)]
    assert len(lines) == 8
    for look in ("get_color", "get_marker"):
        assert len({getattr(line, look)() for line in lines}) == 8
    assert len({str(line._dash_pattern) for line in lines}) >= 6
    np.testing.assert_allclose(lines[3].get_ydata(), band(variants(8)[3], "accuracy").mean)


def test_the_legend_says_how_many_seeds_a_line_is_the_mean_of():
    """Also where not every seed came to the last epoch, and for one alone."""
    some = [VariantCurves("a", [learning(epochs=2), learning(epochs=3)]), VariantCurves("b", [learning()])]
    found = words(variant_curves_figure(some, title="x"))
    assert {"a (1 to 2 seeds)", "b (1 seed)"} <= set(found)
    assert "Lines are means over seeds; bands reach from the lowest to the highest seed." in found


def test_more_than_eight_variants_have_axes_of_their_own_on_the_same_scales():
    """A pair of axes for each, its name above it."""
    figure = variant_curves_figure(variants(9), title="x", validated_on="test")
    assert len(figure.axes) == 18
    for axes in (figure.axes[::2], figure.axes[1::2]):
        assert len({each.get_ylim() for each in axes}) == 1
    assert {"training", "test", *(each.label for each in variants(9))} <= set(words(figure))


def test_what_ends_below_the_shared_scale_has_its_number_there():
    """A variant at 10 % does not make the others unreadable, and is not an empty axes either."""
    figure = variant_curves_figure([*variants(9), VariantCurves("chance", [trial(0.11, 0.11)])], title="x")
    assert figure.axes[0].get_ylim()[0] > 0.9
    assert "↓ ends at 0.100" in words(figure)


@pytest.mark.parametrize("count", [7, 11])
def test_a_loss_that_explodes_is_cut_off_and_said(count):
    """The other variants keep their scale, in both kinds of pictures."""
    exploded = VariantCurves("exploded", [trial(0.5, 0.1, losses=[0.5, 5e6])])
    figure = variant_curves_figure([*variants(count), exploded], title="x")
    assert figure.axes[-1].get_ylim()[1] < 100
    assert any("are cut off; the highest mean is 1e+07" in text for text in words(figure))


def test_of_very_many_variants_some_are_shown_and_the_rest_is_said(monkeypatch):
    """Here the first 14 of 21, to be quick; their long names can be read all the same."""
    monkeypatch.setattr(small_multiples, "MOST", 14)
    label = "conv{} · learning_rate=0.001 · conv_filters=[32,32,64,64] · batch_size=128 · x"
    figure = variant_curves_figure(variants(21, label=label, seeds=1), title="x")
    assert len(figure.axes) == 28
    assert "7 more variants are not shown: these are the first 14 of 21." in words(figure)
    assert_readable(figure)


CROWDS = {
    "none": [],
    "eight with long names": variants(8, label="conv{} · " + "W" * 60),
    "hostile": [VariantCurves(name, [learning(), DIVERGED]) for name in HOSTILE],
    "diverged only": [VariantCurves("x", [DIVERGED]), VariantCurves("y", [[]])],
    "one epoch": [VariantCurves("x", [trial(0.9)])],
    "nine that are one word": [VariantCurves("W" * 80, [DIVERGED]), *variants(8, label="W" * 80)],
}


@pytest.mark.parametrize("name", CROWDS)
def test_variants_can_be_read_whatever_they_are(name):
    """No two labels overlap, none is cut off."""
    assert_readable(variant_curves_figure(CROWDS[name], title="a sweep", only_while_training=WHY))


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=100), st.floats(0.5, 4), st.integers(1, 3))
def test_a_name_fits_its_place(text, width, lines):
    """For any text at all: few enough lines, none too wide; what had to go is marked."""
    with plain():
        shown = fitted(text, width, 9, lines).split("\n")
        assert len(shown) <= lines
        assert all(inches(line, 9) <= width for line in shown)
        kept = "".join(shown).replace(" ", "")
        assert kept == one_line(text).replace(" ", "") or "…" in kept


def test_both_ends_of_a_name_stay():
    """What differs between variants is often at the end."""
    shown = fitted("conv3 · " + "adam · " * 40 + "seed", 2.0, 9)
    assert shown.startswith("conv3")
    assert shown.endswith("seed")


# Colours as the colour-blind see them, from linear RGB, at full strength. Source: Machado, Oliveira and Fernandes,
# "A physiologically-based model for simulation of color vision deficiency" (2009).
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(color, blindness):
    """CIE Lab (D65) of a colour as somebody sees it."""
    srgb = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    share = TO_XYZ @ np.clip(blindness @ linear, 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("kind", BLINDNESS)
def test_colours_are_told_apart_by_the_colour_blind_too(kind):
    """A distance in Lab of 2 is just visible; these are 15 and more apart."""
    seen = [lab(style.color, np.array(BLINDNESS[kind])) for style in STYLES]
    assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)) > 15
