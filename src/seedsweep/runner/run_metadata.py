"""A trial as its run tells of it: its name, its settings as text, its tags.

The sweep and the worker use the same metadata, because either of them may write the run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from seedsweep.config.overrides import format_override
from seedsweep.trials.fingerprint import config_hash, fingerprint, recipe, training_id
from seedsweep.trials.variants import run_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seedsweep.config.named_rows import NamedRow
    from seedsweep.config.trial_config import Trial
    from seedsweep.training.backend import Runtime

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunMetadata:
    """What is known of a trial's run before it trains.

    Attributes:
        trial_id: see `trials.fingerprint`.
        training_id: see there too; which checkpoints it can resume from.
        name: what a person tells the run by.
        settings: every leaf of the trial's config as text, by dotted path.
        tags: by name.
    """

    trial_id: str
    training_id: str
    name: str
    settings: Mapping[str, str]
    tags: Mapping[str, str]

    def say_dataset(self) -> None:
        """Log which images it is trained on, and what makes results on them less than they seem."""
        log.info("data: %s", self.tags["dataset"])
        if "dataset_warnings" in self.tags:
            log.warning("data: %s", self.tags["dataset_warnings"])


def build_run_metadata(
    trial: Trial,
    variant: str,
    *,
    dataset: str,
    dataset_sha256: str,
    dataset_warnings: Sequence[str],
    computes: Runtime,
    reproduce: str,
    job: int,
    row: NamedRow | None = None,
    search: Mapping[str, int] | None = None,
) -> RunMetadata:
    """Describe a trial.

    Args:
        trial: its settings.
        variant: what its sweep calls its variant.
        dataset: its images and their split in words.
        dataset_sha256: identity of its images.
        dataset_warnings: what makes results on them less than they seem.
        computes: what it is computed with.
        reproduce: the command line that trains it again.
        job: its number in its sweep, from 0.
        row: the named row of its sweep that it belongs to.
        search: where it stands in its search.
    """
    basis: Any = {"dataset_sha256": dataset_sha256, "versions": computes.versions, "device": computes.device}
    identity = fingerprint(trial, **basis)
    releases = {**computes.versions, "seedsweep": _own_release()}
    return RunMetadata(
        trial_id=identity,
        training_id=training_id(trial, **basis),
        name=run_name(variant, trial.seed),
        settings={key: format_override(value) for key, value in trial.settings().items()},
        tags={
            "trial_id": identity,
            "settings_id": config_hash(trial),
            "recipe": recipe(),
            "variant": variant,
            "dataset": dataset,
            "dataset_sha256": dataset_sha256,
            **({"dataset_warnings": "; ".join(dataset_warnings)} if dataset_warnings else {}),
            "hardware": computes.device,
            "versions": ", ".join(f"{library} {release}" for library, release in sorted(releases.items())),
            "reproduce": reproduce,
            "job": str(job),
            **(row_tags(row) if row else {}),
            **{name: str(number) for name, number in (search or {}).items()},
        },
    )


@cache
def _own_release() -> str:
    return metadata.version("seedsweep")


def row_tags(row: NamedRow) -> dict[str, str]:
    """Return what a run tells of its row; what a row leaves out is left out."""
    told = {
        "row": row.key,
        "row_title": row.title,
        "reported": ", ".join(f"{value:g}" for value in row.reported),
        "reported_in": row.source,
        "row_note": row.note,
    }
    return {name: text for name, text in told.items() if text}


def differences(before: Mapping[str, str], threads_before: str, now: RunMetadata) -> list[str]:
    """Say what sets an earlier run of the same settings apart from a trial.

    Args:
        before: the run's tags.
        threads_before: its CPU threads.
        now: the trial.
    """
    found = []
    if before.get("dataset_sha256") != now.tags["dataset_sha256"]:
        found.append("on a different dataset")
    if before.get("hardware") != now.tags["hardware"]:
        found.append(f"on {before.get('hardware')} (now {now.tags['hardware']})")
    if threads_before != now.settings["threads"]:
        found.append(f"with threads={threads_before} (now {now.settings['threads']})")
    old, new = _releases(before.get("versions", "")), _releases(now.tags["versions"])
    found += [
        f"with {library} {old.get(library, 'unset')} (now {new.get(library, 'unset')})"
        for library in sorted(old.keys() | new.keys())
        if old.get(library) != new.get(library)
    ]
    if before.get("recipe") != now.tags["recipe"]:
        found.append("with other training code of seedsweep")
    return found


def _releases(versions: str) -> dict[str, str]:
    """Read what counts of the tag `versions`."""
    parts = (part.partition(" ") for part in versions.split(", "))
    return {library: release for library, _, release in parts if library != "seedsweep"}
