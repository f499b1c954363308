"""What a reader of a picture sees: its texts as they are drawn, whether they overlap, whether they are cut off."""

import itertools

import numpy as np

from seedsweep.reporting.plots.canvas import plain

HOSTILE = [
    "$x_1$ costs 5$",
    "two\nlines",
    "<script>alert(1)</script>",
    "",
    "_hidden",
    "W" * 80,
    "日本 \x00\t\ud800",
    "a" * 5000,
]


def drawn(figure):
    """Lay a figure out as it is written, which is when the places of its texts are known."""
    with plain():
        figure.draw_without_rendering()
    return figure


def own_texts(figure):
    """The texts that belong to no axes."""
    legend = [text for each in figure.legends for text in (each.get_title(), *each.get_texts())]
    return [text for text in (*figure.texts, *legend) if text.get_text()]


def axes_texts(axes):
    found = [*axes.texts, axes.title, axes._left_title, axes._right_title]
    if axes.axison:
        for axis in (axes.xaxis, axes.yaxis):
            ticks = [label for tick in axis._update_ticks() for label in (tick.label1, tick.label2)]
            found += [axis.label, axis.get_offset_text(), *ticks]
    return [text for text in found if text.get_visible() and text.get_text()]


def words(figure):
    """All texts of a figure, one string each, line breaks as spaces."""
    return [text.get_text().replace("\n", " ") for text in own_texts(figure)] + [
        text.get_text().replace("\n", " ") for axes in figure.axes for text in axes_texts(axes)
    ]


def assert_readable(figure):
    """No text overlaps another or is cut off by the edge, and none of the figure's own lies on an axes."""
    drawn(figure)
    own = own_texts(figure)
    texts = own + [text for axes in figure.axes for text in axes_texts(axes)]
    boxes = np.array([text.get_window_extent().extents for text in texts])
    width, height = figure.canvas.get_width_height()
    for text, (left, low, right, high) in zip(texts, boxes, strict=True):
        assert -1 <= left <= right <= width + 1, f"{text.get_text()!r} is cut off: {left} to {right} of {width}"
        assert -1 <= low <= high <= height + 1, f"{text.get_text()!r} is cut off: {low} to {high} of {height}"
    frames = np.array([axes.get_window_extent().extents for axes in figure.axes]).reshape(-1, 4)
    for one, other in zip(*np.nonzero(_overlapping(boxes, boxes)), strict=True):
        assert one >= other, f"{texts[one].get_text()!r} overlaps {texts[other].get_text()!r}"
    for text, axes in itertools.product(range(len(own)), range(len(frames))):
        assert not _overlapping(boxes[text : text + 1], frames[axes : axes + 1]).any(), own[text].get_text()


def _overlapping(some, others):
    """Whether boxes share more than a pixel: (n, 4) and (m, 4) give (n, m); a box does not overlap itself."""
    left, low = (np.maximum(some[:, None, k], others[None, :, k]) for k in (0, 1))
    right, high = (np.minimum(some[:, None, k], others[None, :, k]) for k in (2, 3))
    shared = (right - left > 1) & (high - low > 1)
    if some is others:
        np.fill_diagonal(shared, val=False)
    return shared
