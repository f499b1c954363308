"""What trained networks answered to the test images, read from their runs' files."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seedsweep.tracking.store import Store
    from seedsweep.trials.record import TrialRecord

FILE_NAME = "predictions.npz"


@dataclass(frozen=True)
class Answers:
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


def read_answers(store: Store, trial: TrialRecord, label: NDArray[np.integer] | None = None) -> Answers | None:
    """Return a trial's answers; None where its file is gone or cannot be read.

    Args:
        store: where the trial is.
        trial: any that finished.
        label: the test images' classes where they are known already, to be read once for many trials.
    """
    if not trial.artifacts:
        return None
    try:
        with np.load(_local(store, f"{trial.artifacts}/{FILE_NAME}"), allow_pickle=False) as file:
            return Answers(file["predicted"], file["label"] if label is None else label)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, MlflowException):
        return None


def _local(store: Store, uri: str) -> Path:
    """Return a file's place on this machine, where it is brought if it is elsewhere."""
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return Path(unquote(parts.path) if parts.scheme else uri)
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, tracking_uri=store.uri))
