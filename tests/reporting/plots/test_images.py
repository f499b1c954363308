"""Pictures made of images: mosaics to the pixel, samples, mistakes, and the confusion matrix beside them."""

import numpy as np
import pytest
from PIL import Image
from support.pictures import HOSTILE, assert_readable, drawn, words

from seedsweep.reporting.plots import mosaic
from seedsweep.reporting.plots.confusion import confusion_figure, draw_confusion
from seedsweep.reporting.plots.image_grid import draw_mistakes, mistakes_figure, sample_figure
from seedsweep.reporting.plots.misclassified import confusion_of, mistakes_of
from seedsweep.reporting.plots.mosaic import Mosaic, draw_mosaic, mosaic_of
from seedsweep.reporting.plots.pixels import tones_of

RNG = np.random.default_rng(1)
BYTES = RNG.integers(0, 256, (60, 5, 3, 3), dtype=np.uint8)


@pytest.mark.parametrize("images", [BYTES, BYTES[..., :1], BYTES[..., 0]], ids=["RGB", "grey", "no channels"])
def test_every_pixel_of_a_mosaic_is_where_it_belongs(images, tmp_path):
    """Image k in row k // columns and column k % columns, nothing between them, read back from the file."""
    found = draw_mosaic(images, tmp_path / "x.png")
    assert found == Mosaic(rows=8, columns=8, shown=60, left_out=0)
    read = np.asarray(Image.open(tmp_path / "x.png"))
    assert read.shape[:2] == (8 * 5, 8 * 3)
    for k, image in enumerate(images):
        row, column = divmod(k, 8)
        place = read[row * 5 : row * 5 + 5, column * 3 : column * 3 + 3]
        np.testing.assert_array_equal(place.reshape(image.shape), image)
    assert set(np.unique(read[7 * 5 :, 4 * 3 :])) == {128}


@pytest.mark.parametrize(
    "images",
    [
        (BYTES / 255).astype(np.float32),
        BYTES / 255,
        BYTES.astype(np.float32),
        BYTES.astype(np.int64),
    ],
    ids=["fractions", "64 bits", "raw floats", "whole numbers"],
)
def test_however_images_are_scaled_their_mosaic_is_the_same(images):
    """To the last bit."""
    np.testing.assert_array_equal(mosaic_of(images)[0], mosaic_of(BYTES)[0])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0, 8, 16], [0, 128, 255]),
        ([False, True, True], [0, 255, 255]),
        ([0.0, np.nan, 1.0], [0, 0, 255]),
        ([0, 32768, 65535], [0, 128, 255]),
        ([0.0, 0.5, 0.5], [0, 128, 128]),
        ([np.nan, np.nan, np.nan], [0, 0, 0]),
    ],
)
def test_other_scales_are_stretched(values, expected):
    """From the lowest value to the highest; black stays black."""
    images = np.array(values).reshape(3, 1, 1)
    assert tones_of(images).of(images).ravel().tolist() == expected


def test_the_columns_of_a_mosaic_can_be_chosen():
    """Ten images in rows of four."""
    pixels, found = mosaic_of(BYTES[:10], columns=4)
    assert (found.rows, found.columns) == (3, 4)
    assert pixels.shape == (15, 12, 3)


def test_a_set_too_large_for_a_picture_is_shown_in_part(monkeypatch):
    """And how much of it is said."""
    monkeypatch.setattr(mosaic, "MOST_PIXELS", 20 * 15)
    assert mosaic_of(BYTES)[1] == Mosaic(rows=4, columns=5, shown=20, left_out=40)


@pytest.mark.parametrize("shape", [(2, 4, 4, 2), (2, 4, 4, 4), (2, 4)])
def test_what_is_no_image_is_refused(shape):
    """Neither grey nor RGB."""
    with pytest.raises(ValueError, match=r"neither grey nor RGB|not enough values"):
        mosaic_of(np.zeros(shape))


def test_a_mosaic_of_nothing_is_refused():
    """There is no smallest picture."""
    with pytest.raises(ValueError, match="no image"):
        mosaic_of(np.zeros((0, 4, 4)))


def pixels_of(axes):
    return np.asarray(axes.get_images()[0].get_array())


def test_a_sample_is_the_first_nine_images_with_their_labels():
    """The same ones for the same set."""
    figure = sample_figure(BYTES, np.arange(60), title="x")
    assert [axes.get_title() for axes in figure.axes] == [str(k) for k in range(9)]
    for axes, image in zip(figure.axes, BYTES, strict=False):
        np.testing.assert_array_equal(pixels_of(axes), image)


def test_images_are_shown_in_the_tones_of_their_whole_set():
    """Nine dark images of a bright set stay dark."""
    images = np.concatenate([np.full((9, 2, 2), 51.0), np.full((1, 2, 2), 255.0)])
    assert np.unique(pixels_of(sample_figure(images, np.arange(10), title="x").axes[0])) == [51]


# Five images and three seeds: 0 is right, 1 wrong once, 2 wrong in all, 3 wrong twice in two ways, 4 wrong once.
LABELS = np.array([0, 1, 2, 0, 1], dtype=np.uint8)
PREDICTED = np.array([[0, 1, 1, 2, 0], [0, 2, 1, 0, 1], [0, 1, 0, 1, 1]], dtype=np.uint8)


def test_answers_are_counted_by_true_and_predicted_class():
    """Over all seeds, against counts made by hand."""
    assert confusion_of(LABELS, PREDICTED, 3).tolist() == [[4, 1, 1], [1, 4, 1], [1, 2, 0]]


def test_images_wrong_in_most_seeds_come_first():
    """Equal ones in the set's order, with the wrong answers, most frequent first."""
    found = [(each.position, each.seeds, each.label, each.answers) for each in mistakes_of(LABELS, PREDICTED)]
    assert found == [(2, 3, 2, (1, 0)), (3, 2, 0, (1, 2)), (1, 1, 1, (2,)), (4, 1, 1, (0,))]


def test_wrong_images_are_shown_with_what_they_were_taken_for():
    """In how many seeds, of how many; and how many there are in total."""
    figure = mistakes_figure(BYTES[:5], LABELS, PREDICTED, title="x", most=2)
    assert [axes.get_title() for axes in figure.axes] == ["2 → 1, 0\n3 of 3 seeds", "0 → 1, 2\n2 of 3 seeds"]
    np.testing.assert_array_equal(pixels_of(figure.axes[0]), BYTES[2])
    assert (
        "4 of 5 images are wrong with at least one of 3 seeds, 1 with all of them."
        " Shown are 2, those wrong with most seeds first." in words(figure)
    )


def test_one_seed_is_not_called_several():
    """Nor is it said for each image in how many seeds it is wrong."""
    figure = mistakes_figure(BYTES[:5], LABELS, PREDICTED[:1], title="x")
    assert [axes.get_title() for axes in figure.axes] == ["2 → 1", "0 → 2", "1 → 0"]
    assert "3 of 5 images are wrong with one seed." in words(figure)


def test_a_variant_without_mistakes_has_a_picture_that_says_so():
    """It is not an empty one."""
    figure = mistakes_figure(BYTES[:5], LABELS, np.stack([LABELS] * 3), title="x")
    assert figure.axes == []
    assert "No image is wrong with any seed." in words(figure)


def cells(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_only_errors_are_coloured():
    """The right answers would outshine them: their cells have numbers and no colour."""
    figure = confusion_figure(np.array([[4000, 1, 0], [3, 5000, 2], [0, 0, 6]]), title="x", seeds=2)
    image = figure.axes[0].get_images()[0]
    assert np.ma.getmaskarray(image.get_array()).tolist() == np.eye(3, dtype=bool).tolist()
    assert image.norm.vmax == 3
    assert cells(figure) == ["4,000", "1", "3", "5,000", "2", "6"]
    assert "6 of 9,012 answers are wrong (2 seeds together)." in figure.get_suptitle()


def test_the_axes_say_which_class_is_the_true_one():
    """Rows are true classes, columns are predicted ones."""
    figure = confusion_figure(np.array([[1, 2], [3, 4]]), title="x", seeds=1, names=["cat", "dog"])
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert [text.get_text() for text in axes.get_yticklabels()] == ["cat", "dog"]
    two = next(text for text in axes.texts if text.get_text() == "2")
    assert two.get_position() == (1, 0)


def test_no_error_is_said():
    """And there is no scale of colours for none."""
    figure = confusion_figure(np.eye(3, dtype=int), title="x", seeds=1)
    assert "None of 3 answers is wrong." in figure.get_suptitle()
    assert len(figure.axes) == 1


def test_more_than_thirty_classes_have_no_numbers():
    """There is no room for them."""
    assert cells(confusion_figure(np.ones((31, 31), dtype=int), title="x", seeds=1)) == []
    assert len(cells(confusion_figure(np.ones((30, 30), dtype=int), title="x", seeds=1))) == 900


def matrix(classes, most):
    return RNG.integers(most // 2, most, (classes, classes))


def wrong(count, classes):
    labels = np.arange(count) % classes
    return np.zeros((count, 8, 8)), labels, np.stack([(labels + k) % classes for k in (1, 1, 2)])


PICTURES = {
    "two classes": lambda: confusion_figure(matrix(2, 9), title="x" * 200, seeds=1),
    "thirty classes": lambda: confusion_figure(matrix(30, 10**6), title="x", seeds=3),
    "long class names": lambda: confusion_figure(matrix(8, 99), title="x", seeds=3, names=HOSTILE),
    "hundred classes": lambda: confusion_figure(matrix(100, 99), title="x", seeds=3),
    "many mistakes": lambda: mistakes_figure(*wrong(80, 1000), title="x", most=31),
    "mistakes with names": lambda: mistakes_figure(*wrong(9, 8), title="x" * 300, names=HOSTILE),
    "no mistakes": lambda: mistakes_figure(BYTES[:5], LABELS, LABELS[None], title="x"),
    "sample": lambda: sample_figure(BYTES, np.arange(60), title="x", names=HOSTILE),
    "two images": lambda: sample_figure(BYTES[:2], np.arange(2), title="x" * 300),
    "no image": lambda: sample_figure(BYTES[:0], np.arange(0), title="x"),
    "flat images": lambda: sample_figure(np.zeros((9, 2, 60)), np.arange(9), title="x"),
    "narrow images": lambda: sample_figure(np.zeros((9, 60, 2)), np.arange(9), title="x", names=HOSTILE),
}


@pytest.mark.parametrize("name", PICTURES)
def test_they_can_be_read_whatever_is_in_them(name):
    """No two labels overlap, none is cut off."""
    assert_readable(PICTURES[name]())


def test_numbers_stay_in_their_cells():
    """However many digits they have."""
    figure = drawn(confusion_figure(matrix(20, 10**6), title="x", seeds=3))
    width = figure.axes[0].get_window_extent().width / 20
    assert all(text.get_window_extent().width < width for text in figure.axes[0].texts)


def test_equal_images_are_equal_bytes(tmp_path):
    """No date, no version, nothing random."""
    for name in ("one", "other"):
        draw_mosaic(BYTES, tmp_path / f"{name}1.png")
        draw_mistakes(BYTES[:5], LABELS, PREDICTED, title="x", path=tmp_path / f"{name}2.png")
        draw_confusion(np.ones((3, 3), dtype=int), title="x", path=tmp_path / f"{name}3.png", seeds=1)
    for kind in "123":
        assert (tmp_path / f"one{kind}.png").read_bytes() == (tmp_path / f"other{kind}.png").read_bytes()
