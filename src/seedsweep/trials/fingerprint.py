"""The identity of a trial: one hash of everything that can change its result, and of nothing else."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedsweep.trials.source_code import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from seedsweep.config.trial_config import Trial

# The modules whose code decides what comes out of a trial's settings, within the package.
_TRAINING_CODE = (
    *("data/*.py", "models/*.py", "training/*.py", "system/hashing.py"),
    *(
        f"config/{name}.py"
        for name in ("early_stopping", "model_config", "functions", "optimizer_config", "trial_config")
    ),
)

# Settings that came later, with the value that leaves everything as it was: results from before them stay valid.
_LATER = {
    "opt.schedule": "constant",
    "opt.warmup": 0.0,
    "label_smoothing": 0.0,
    "data.augment.shift": 0.0,
    "data.augment.rotate": 0.0,
    "data.augment.zoom": 0.0,
}
# Words for people: two trials that differ in these alone give the same weights.
_LABELS = ("model.name", "data.name", "data.path")


@cache
def recipe() -> str:
    """Return the identity of this package's own code for data and training, as 16 hexadecimal digits.

    Of what it does: comments, docstrings and layout are no part of it, and every Python gives the same.
    """
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _TRAINING_CODE for path in package.glob(pattern)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        digest.update(json.dumps([path.name, plain(tree)]).encode())
    return digest.hexdigest()[:16]


def fingerprint(
    trial: Trial, *, dataset_sha256: str, versions: Mapping[str, str], device: str, code_sha256: str = ""
) -> str:
    """Return the identity of a trial as 16 hexadecimal digits.

    Args:
        trial: its settings.
        dataset_sha256: the content of the images and labels.
        versions: name → version of the libraries that compute.
        device: the kind of processor or GPU; equal results are promised for equal kinds only.
        code_sha256: of the user's code that the trial runs; empty without any.
    """
    return _hashed(_telling(trial, _LABELS), dataset_sha256, versions, device, code_sha256)


def training_id(
    trial: Trial, *, dataset_sha256: str, versions: Mapping[str, str], device: str, code_sha256: str = ""
) -> str:
    """Return the identity of a trial's training: trials that share it pass through the same states.

    It is the trial's own, but for the number of epochs where nothing but the end depends on it: a longer trial goes
    on from where a shorter one ended, with the same bits as if it had never paused.

    Args:
        trial: its settings.
        dataset_sha256: see `fingerprint`.
        versions: see `fingerprint`.
        device: see `fingerprint`.
        code_sha256: see `fingerprint`.
    """
    left_out = (*_LABELS, "epochs") if trial.opt.schedule == "constant" else _LABELS
    return _hashed(_telling(trial, left_out), dataset_sha256, versions, device, code_sha256)


def _hashed(
    settings: Mapping[str, Any], dataset_sha256: str, versions: Mapping[str, str], device: str, code_sha256: str
) -> str:
    facts = [recipe(), settings, dataset_sha256, dict(versions), device, *([code_sha256] if code_sha256 else [])]
    content = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def config_hash(trial: Trial) -> str:
    """Return the identity of what was typed, whatever it was computed with.

    Trials that share it and not their `trial_id` differ in the content of their images, in versions, thread
    count or device.
    """
    settings = _telling(trial, ("model.name", "threads"))
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _telling(trial: Trial, left_out: Iterable[str]) -> dict[str, Any]:
    # A trial that is never pruned, or could have been and was not, ends with the same weights.
    passed_over = () if trial.stop.keeps_best else ("stop.name", "stop.patience", "stop.warmup")
    return {
        key: value
        for key, value in trial.settings().items()
        if key not in left_out and key not in passed_over and not (key in _LATER and value == _LATER[key])
    }


def plan_id(trials: Iterable[str]) -> str:
    """Return the identity of a sweep: its trials, each by its identity and what its row says, in their order."""
    return hashlib.sha256("\n".join(trials).encode()).hexdigest()[:16]
