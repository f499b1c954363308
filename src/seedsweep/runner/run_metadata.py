"""A trial as its run in MLflow shows it: its name, its settings as text, its tags.

The sweep and the worker use the same metadata, because either of them may write the run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from seedsweep.config.functions import Function
from seedsweep.config.overrides import format_override
from seedsweep.config.reproduce import reproduce_command
from seedsweep.tracking.tags import ROW_TAGS
from seedsweep.trials.fingerprint import config_hash, fingerprint, recipe, training_id
from seedsweep.trials.source_code import code_of
from seedsweep.trials.variants import run_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seedsweep.config.named_rows import NamedRow
    from seedsweep.config.trial_config import Trial
    from seedsweep.data.dataset import Dataset
    from seedsweep.training.backend import Runtime
    from seedsweep.trials.source_code import SourceCode

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunMetadata:
    """A trial's run before it trains.

    Attributes:
        trial_id: see `trials.fingerprint`.
        training_id: of the checkpoints that it can resume from, see there too.
        variant_id: of its variant: trials that share it differ in their seeds only.
        name: the run's name.
        settings: every leaf of the trial's config as text, by dotted path.
        tags: by name.
    """

    trial_id: str
    training_id: str
    variant_id: str
    name: str
    settings: Mapping[str, str]
    tags: Mapping[str, str]

    @property
    def identity(self) -> str:
        """What makes a trial the same one in two starts of a sweep: its fingerprint, and what names its row.

        The rule that prunes it is part of it: it decides whether the trial completes, though not its weights.
        """
        row = {name: self.tags[name] for name in ROW_TAGS if name in self.tags}
        named = {name: text for name, text in self.settings.items() if name.startswith(("stop.", "model.name"))}
        return f"{self.trial_id} {sorted(named.items())} {sorted(row.items())}"

    def log_dataset(self) -> None:
        """Log which images it is trained on, with their warnings."""
        log.info("data: %s", self.tags["dataset"])
        if "dataset_warnings" in self.tags:
            log.warning("data: %s", self.tags["dataset_warnings"])


def build_run_metadata(
    trial: Trial,
    variant: str,
    runtime: Runtime,
    job: int,
    tags: Mapping[str, str],
    search: Mapping[str, int] | None = None,
) -> RunMetadata:
    """Describe a trial.

    Args:
        trial: its settings.
        variant: its variant's name in its sweep.
        runtime: the libraries and the device that it is computed with.
        job: its number in its sweep, from 0.
        tags: see `describing_tags`.
        search: its place in its search, if its sweep is one.
    """
    code = code_of_trial(trial)
    basis: Any = {
        "dataset_sha256": tags["dataset_sha256"],
        "versions": runtime.versions,
        "device": runtime.device,
        "code_sha256": code.sha256 if code else "",
    }
    identity = fingerprint(trial, **basis)
    releases = {**runtime.versions, "seedsweep": _own_release()}
    return RunMetadata(
        trial_id=identity,
        training_id=training_id(trial, **basis),
        variant_id=fingerprint(replace(trial, seed=0), **basis),
        name=run_name(variant, trial.seed),
        settings={key: format_override(value) for key, value in trial.settings().items()},
        tags={
            "trial_id": identity,
            "settings_id": config_hash(trial),
            "recipe": recipe(),
            **(_code_tags(code) if code else {}),
            "variant": variant,
            "hardware": runtime.device,
            "versions": ", ".join(f"{library} {release}" for library, release in sorted(releases.items())),
            "job": str(job),
            **tags,
            **{name: str(number) for name, number in (search or {}).items()},
        },
    )


def describing_tags(dataset: Dataset, row: NamedRow | None) -> dict[str, str]:
    """Return the tags that describe the current config's trial: its images, its command, its row; none is empty."""
    tags = {
        "dataset": dataset.description,
        "dataset_sha256": dataset.sha256,
        "dataset_warnings": "; ".join(dataset.warnings),
        "reproduce": reproduce_command(),
    }
    if row:
        tags |= {
            "row": row.key,
            "row_title": row.title,
            "reported": ", ".join(f"{value:g}" for value in row.reported),
            "reported_in": row.source,
            "row_note": row.note,
        }
    return {name: text for name, text in tags.items() if text}


def code_of_trial(trial: Trial) -> SourceCode | None:
    """Return the user's code that a trial runs; None without any."""
    code = _code(tuple(called.target for called in (trial.model, trial.opt) if isinstance(called, Function)))
    return code if code.parts else None


@cache  # in a worker: the code as it was when its modules were imported
def _code(targets: tuple[str, ...]) -> SourceCode:
    return code_of(*targets)


def _code_tags(code: SourceCode) -> dict[str, str]:
    parts = ", ".join(f"{name} {identity}" for name, identity in sorted(code.parts.items()))
    return {"code_sha256": code.sha256, "code": parts}


@cache
def _own_release() -> str:
    return metadata.version("seedsweep")


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
    found += [f"with other code in {name}" for name in _other_parts(before.get("code", ""), now.tags.get("code", ""))]
    if before.get("recipe") != now.tags["recipe"]:
        found.append("with other training code of seedsweep")
    return found


def _other_parts(before: str, now: str) -> list[str]:
    """Return the modules that changed, by the tag `code` of two runs."""
    old, new = ({part.partition(" ")[0]: part for part in tag.split(", ") if part} for tag in (before, now))
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _releases(versions: str) -> dict[str, str]:
    """Read what counts of the tag `versions`."""
    parts = (part.partition(" ") for part in versions.split(", "))
    return {library: release for library, _, release in parts if library != "seedsweep"}
