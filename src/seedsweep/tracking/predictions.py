"""What trained networks answered to the test images, read from their runs' files."""

from __future__ import annotations

import logging
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import numpy as np

from seedsweep.errors import reason
from seedsweep.tracking.locations import local_path
from seedsweep.tracking.moved_projects import exists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from seedsweep.tracking.store import Store
    from seedsweep.trials.records import TrialRecord

log = logging.getLogger(__name__)

FILE_NAME = "predictions.npz"
# How often a file that is elsewhere is asked for, and how long a pause is in seconds.
_TRIES, _PAUSE = 3, 1.0
# After how many files in a row that could not be had nothing is asked of that place any more: hundreds of trials must
# not each wait for a store that does not answer, and one file that is gone says nothing of the others.
_FILES = 3


@dataclass(frozen=True)
class Predictions:
    """One network's answers.

    Attributes:
        predicted: (n,) the class that it gave each test image.
        label: (n,) the class that each one has.
    """

    predicted: NDArray[np.integer]
    label: NDArray[np.integer]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(n,) whether each answer was right."""
        right: NDArray[np.bool_] = self.predicted == self.label
        return right


def are_gone(trial: TrialRecord) -> bool:
    """Tell whether the answers of a trial that was tested were removed; False where a server keeps them."""
    if "test_accuracy" not in trial.metrics or trial.status != "finished":
        return False
    place = local_path(trial.artifacts)
    return not trial.artifacts or (place is not None and not exists(place / FILE_NAME))


class PredictionReader:
    """Reads the answers of a store's trials; says once what it could not read, and why."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Many trials were tested on the same images: their classes are read once.
        self._labels: dict[str, NDArray[np.integer]] = {}
        self._failed_in_a_row = 0

    def read(self, trial: TrialRecord) -> Predictions | None:
        """Return a trial's answers, or None where they cannot be had: a table can do without."""
        if not trial.artifacts or self._failed_in_a_row >= _FILES:
            return None
        images = trial.tags.get("dataset_sha256", trial.run_id)
        try:
            # Opened here: NumPy leaves a damaged file open.
            with (
                self._local(f"{trial.artifacts}/{FILE_NAME}") as path,
                path.open("rb") as bytes_of,
                np.load(bytes_of, allow_pickle=False) as file,
            ):
                known = self._labels.get(images)
                answers = Predictions(file["predicted"], file["label"] if known is None else known)
            if answers.predicted.shape != answers.label.shape:
                raise ValueError("it has not one answer for each image")  # noqa: TRY301 - told like any other damage
        except Exception as error:  # noqa: BLE001 - damaged files and absent clients raise whatever they like
            log.warning("the answers of run %s cannot be read: %s", trial.run_id, reason(error))
            return None
        self._labels[images] = answers.label
        return answers

    @contextmanager
    def _local(self, uri: str) -> Iterator[Path]:
        """Give a file's place on this machine, where it is brought if it is elsewhere."""
        if (place := local_path(uri)) is not None:
            yield place
            return
        with tempfile.TemporaryDirectory() as directory:
            yield Path(self._fetch(uri, directory))

    def _fetch(self, uri: str, directory: str) -> str:
        for left in reversed(range(_TRIES)):
            try:
                place = mlflow.artifacts.download_artifacts(
                    artifact_uri=uri, dst_path=directory, tracking_uri=self._store.uri
                )
            except Exception:
                if not left:
                    self._failed_in_a_row += 1
                    raise
                time.sleep(_PAUSE)
            else:
                self._failed_in_a_row = 0
                return str(place)
        raise AssertionError(uri)
