"""A sweep's table and pictures, made from the store alone."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from seedsweep.config.trial_config import SCALES, Augment, Data
from seedsweep.data import dataset
from seedsweep.errors import UserError, WriteError, reason
from seedsweep.reporting.tables.builder import table_of
from seedsweep.reporting.tables.formats import to_markdown
from seedsweep.reporting.tables.terminal import to_terminal
from seedsweep.tracking.predictions import PredictionReader
from seedsweep.tracking.recovery import with_retries
from seedsweep.tracking.run_queries import read_epochs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seedsweep.reporting.tables.row import Row
    from seedsweep.reporting.tables.search_ranking import Ranking
    from seedsweep.reporting.tables.table import Table
    from seedsweep.tracking.predictions import Predictions
    from seedsweep.tracking.run_writer import SweepWriter
    from seedsweep.tracking.store import Store
    from seedsweep.trials.records import SweepRecord, TrialRecord

log = logging.getLogger(__name__)


def build_table(store: Store, sweep: SweepRecord, baseline: str | None = None) -> Table:
    """Return a sweep's table; see `reporting.tables.builder.table_of`.

    Args:
        store: has the networks' answers.
        sweep: as it was read from there.
        baseline: the variant that the others are set against; by default the best.

    Raises:
        UserError: there is no such variant.
    """
    reader = PredictionReader(store)

    def correct(trial: TrialRecord) -> NDArray[np.bool_] | None:
        answers = reader.read(trial)
        return None if answers is None else answers.correct

    return table_of(sweep, correct, baseline)


def publish(parent: SweepWriter, sweep: SweepRecord, directory: Path, *, pictures: bool) -> None:
    """Write a sweep's table and its pictures into its directory, show the table, and store all of it on its run.

    Raises:
        WriteError: the directory or the store does not take the table.
    """
    table = build_table(parent.store, sweep)
    markdown = to_markdown(table)
    path = directory / "table.md"
    try:
        path.write_text(markdown, encoding="utf-8")
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror}", "python -m seedsweep table -o FILE") from error
    shown = to_terminal(table) if sys.stdout.isatty() else markdown
    log.info("\n%s\ntable: %s", shown, os.path.relpath(path))
    with_retries(parent.store, lambda: parent.describe(markdown, path))
    if not pictures:
        return
    try:
        drawn = draw_pictures(parent.store, sweep, table, directory)
        parent.attach(drawn)
        log.info("pictures: %s", ", ".join(picture.name for picture in drawn))
    except Exception as error:  # noqa: BLE001 - a sweep that has its table does not fail for a picture
        log.warning("not all pictures were drawn: %s", reason(error))


def draw_pictures(store: Store, sweep: SweepRecord, table: Table, directory: Path) -> list[Path]:
    """Draw a sweep's pictures into a directory that exists; returns what was drawn.

    The images are looked for where the trials found them; where they are gone or others by now, their pictures are
    left out.

    Raises:
        OSError: there is no room.
    """
    searched = [_draw_search(table.ranking, table.title, directory)] if table.ranking and table.ranking.rows else []
    best = next((row for row in table.rows if row.trials), None)
    if best is None:
        return searched
    trials = {trial.run_id: trial for trial in sweep.trials}
    drawn = [*searched, _draw_accuracies(table, directory), _draw_curves(store, sweep, table, trials, directory)]
    reader = PredictionReader(store)
    answers = [found for run_id in best.trials if (found := reader.read(trials[run_id]))]
    if answers:
        drawn.append(_draw_confusion(best, answers, directory))
    try:
        images = _same_images(trials[best.trials[0]])
    except UserError as error:
        log.warning("no pictures of the images: %s", error.what)
        return drawn
    drawn += _draw_images(images, directory)
    if answers:
        drawn.append(_draw_mistakes(best, answers, images, directory))
    return drawn


def _draw_search(ranking: Ranking, title: str, directory: Path) -> Path:
    from seedsweep.reporting.plots.search import draw_search

    path = directory / "search.png"
    draw_search(ranking, title=title, path=path)
    return path


def _same_images(trial: TrialRecord) -> dataset.Dataset:
    """Load the images that a trial was trained and tested on.

    Raises:
        UserError: they are gone, or others stand in their place.
    """
    name, path, scale, validation = (trial.settings[f"data.{key}"] for key in ("name", "path", "scale", "validation"))
    still = Augment(shift=0, rotate=0, zoom=0)
    found = dataset.load(
        Data(name, None if path == "null" else path, scale if scale in SCALES else float(scale), validation, still)
    )
    if found.sha256 != trial.tags.get("dataset_sha256"):
        raise UserError(
            f"{name if path == 'null' else path} has other images by now", where="data.path", fix="restore them"
        )
    return found


def _draw_accuracies(table: Table, directory: Path) -> Path:
    from seedsweep.reporting.plots.accuracies import draw_accuracies
    from seedsweep.reporting.plots.accuracy_scale import AccuracyRow

    rows = [
        AccuracyRow(
            label=row.variant,
            mean=row.test.mean,
            seeds=row.accuracies,
            interval=_ends(row.test),
            wide=_ends(row.new_images),
            reported=tuple(found.percent / 100 for found in row.reported),
            verdict=row.verdict,
        )
        for row in table.rows
        if row.test
    ]
    path = directory / "accuracies.png"
    draw_accuracies(rows, title=table.title, path=path, baseline=None if table.reference_is_best else table.reference)
    return path


def _ends(interval: Any) -> tuple[float, float] | None:
    return None if interval is None or interval.low is None else (interval.low, interval.high)


def _draw_curves(
    store: Store, sweep: SweepRecord, table: Table, trials: dict[str, TrialRecord], directory: Path
) -> Path:
    from seedsweep.reporting.plots.comparable import only_while_training
    from seedsweep.reporting.plots.curves_by_variant import draw_variant_curves
    from seedsweep.reporting.plots.seeds import VariantCurves
    from seedsweep.reporting.plots.small_multiples import MOST

    rows = [row for row in table.rows if row.trials]
    # Rows beyond these are only counted, so their curves are not read.
    histories = [
        [read_epochs(store, trials[run_id]) for run_id in row.trials] if place < MOST else []
        for place, row in enumerate(rows)
    ]
    path = directory / "curves.png"
    validations = {trial.settings["data.validation"] for trial in sweep.trials}
    draw_variant_curves(
        [VariantCurves(row.variant, history) for row, history in zip(rows, histories, strict=True)],
        title=table.title,
        path=path,
        validated_on="test" if validations == {"test"} else "validation",
        only_while_training=sorted(
            {reason for trial in sweep.trials for reason in only_while_training(trial.settings)}
        ),
    )
    return path


def _draw_images(images: dataset.Dataset, directory: Path) -> list[Path]:
    from seedsweep.reporting.plots.image_grid import draw_sample
    from seedsweep.reporting.plots.mosaic import draw_mosaic

    sample, mosaic = directory / "sample.png", directory / "mosaic.png"
    # From all over the set: many are sorted by class.
    places = np.linspace(0, len(images.train) - 1, 9).astype(int)
    draw_sample(images.train.x[places], images.train.y[places], title=images.description, path=sample)
    draw_mosaic(images.train.x, mosaic)
    return [sample, mosaic]


def _draw_confusion(best: Row, answers: Sequence[Predictions], directory: Path) -> Path:
    from seedsweep.reporting.plots.confusion import draw_confusion
    from seedsweep.reporting.plots.misclassified import confusion_of

    label, predicted = answers[0].label, np.stack([found.predicted for found in answers])
    counts = confusion_of(label, predicted, int(max(label.max(), predicted.max())) + 1)
    path = directory / "confusion.png"
    draw_confusion(counts, title=best.variant, path=path, seeds=len(answers))
    return path


def _draw_mistakes(best: Row, answers: Sequence[Predictions], images: dataset.Dataset, directory: Path) -> Path:
    from seedsweep.reporting.plots.image_grid import draw_mistakes

    path = directory / "mistakes.png"
    predicted = np.stack([found.predicted for found in answers])
    draw_mistakes(images.test.x, images.test.y, predicted, title=best.variant, path=path)
    return path
