"""Several trials, wired: all checked before one starts, one parent run, one table at the end.

Not here: which lists of overrides a sweep has (the sweeper) and where they run (the launcher).
"""

from __future__ import annotations

import logging
import re
import shlex
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobStatus
from omegaconf import open_dict
from omegaconf.errors import OmegaConfBaseException

from seedsweep.app import load_checked, reason, run_name, typed_overrides
from seedsweep.config import read_config, unresolved
from seedsweep.errors import BadInput, SweepInterrupted, TrialsFailed
from seedsweep.launching.worker import error_of
from seedsweep.trials.variants import name_variants, spell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hydra.core.config_loader import ConfigLoader
    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

    from seedsweep.config import RunConfig
    from seedsweep.tracking.writing import RunWriter

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Planned:
    """One trial of a sweep before it runs.

    Attributes:
        overrides: what distinguishes it on the command line.
        run: its checked config.
        variant: what the sweep calls it.
    """

    overrides: tuple[str, ...]
    run: RunConfig
    variant: str


@contextmanager
def tracked_sweep(
    config: DictConfig, config_loader: ConfigLoader, job_overrides: Sequence[Sequence[str]]
) -> Iterator[tuple[list[list[str]], list[JobReturn]]]:
    """Check a sweep's trials, open its parent run, and close it with the table.

    Args:
        config: the sweep's own config.
        config_loader: composes a trial's config from its overrides.
        job_overrides: one list a trial.

    Yields:
        The overrides to launch, each trial told of its sweep, and a list to put the launcher's results in.

    Raises:
        BadInput: one of the trials cannot be used; nothing was started.
        TrialsFailed: some trials did not end well; the others are in the table.
        SweepInterrupted: Ctrl-C.
    """
    plan = plan_sweep(config, config_loader, job_overrides)
    from seedsweep.tracking.store import open_store
    from seedsweep.tracking.writing import start_sweep

    tracking = plan[0].run.tracking
    store = open_store(tracking.uri, tracking.experiment)
    name = tracking.name or " ".join(typed_overrides(config.hydra)) or "sweep"
    parent = start_sweep(store, name, {"reproduce": _command(config)})
    log.info("sweep %s: %s", parent.run_id, name)
    results: list[JobReturn] = []
    status = "FAILED"
    try:
        yield [_told(planned, store.uri, parent.run_id) for planned in plan], results
        status = "FINISHED"
    except KeyboardInterrupt as stop:
        status = "KILLED"
        raise SweepInterrupted("interrupted: what is finished is in the table") from stop
    finally:
        _record_unfinished(parent, plan, results, status)
        _write_table(parent, Path(config.hydra.sweep.dir))
        parent.close(status)
    failed = sum(result.status is JobStatus.FAILED for result in results)
    if failed:
        raise TrialsFailed(f"{failed} of {len(plan)} trials failed")


def plan_sweep(
    config: DictConfig, config_loader: ConfigLoader, job_overrides: Sequence[Sequence[str]]
) -> list[Planned]:
    """Compose and check every trial of a sweep, and drop those that stand in it twice.

    Raises:
        BadInput: one of the trials cannot be used, or two of them could not be kept apart.
    """
    runs: dict[Any, tuple[tuple[str, ...], RunConfig]] = {}
    places: Counter[Path] = Counter()
    for number, overrides in enumerate(job_overrides):
        composed = config_loader.load_sweep_config(config, list(overrides))
        run = read_config(composed)
        if run.trial in runs:
            log.warning(
                "trial %d is the same as another one (%s): it is trained once", number, " ".join(overrides)
            )
            continue
        places[_output_directory(config, composed, len(runs))] += 1
        runs[run.trial] = (tuple(overrides), run)
    for place, count in places.items():
        if count > 1:
            raise BadInput(
                f"{count} trials would write to '{place}'",
                where="hydra.sweep.subdir",
                fix="hydra.sweep.subdir='${hydra.job.num}'",
            )
    _check_one_process_can_run(list(runs))
    for description in dict.fromkeys(load_checked(trial).description for trial in runs):
        log.info("data: %s", description)
    names = name_variants([trial.settings() for trial in runs])
    return [
        Planned(overrides, run, name) for (overrides, run), name in zip(runs.values(), names, strict=True)
    ]


def _output_directory(config: DictConfig, composed: DictConfig, number: int) -> Path:
    """Return a trial's directory as Hydra will make it.

    Raises:
        BadInput: it does not resolve, or lies outside the sweep's own.
    """
    with open_dict(composed):
        composed.hydra.job.id = composed.hydra.job.num = number
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(composed)
    try:
        subdir = str(composed.hydra.sweep.subdir)
    except OmegaConfBaseException as error:
        raise unresolved(error, "hydra.sweep.subdir") from error
    finally:
        HydraConfig.instance().cfg = before
    root = Path(config.hydra.sweep.dir).absolute()
    place = Path(subdir)
    if place.is_absolute() or ".." in place.parts:
        raise BadInput(
            f"a trial would write to '{subdir}', outside the sweep's directory {root}",
            where="hydra.sweep.subdir",
            fix="hydra.sweep.subdir='${hydra.job.num}'",
        )
    return root / place


def _check_one_process_can_run(trials: Sequence[Any]) -> None:
    """Backend and threads hold for a whole process, and a worker runs trial after trial."""
    for setting in ("backend", "threads"):
        values = list(dict.fromkeys(getattr(trial, setting) for trial in trials))
        if len(values) > 1:
            raise BadInput(
                f"all trials of a sweep must have the same {setting}, got {', '.join(map(str, values))}",
                where=setting,
                fix=f"one sweep for each: {setting}={values[0]}",
            )


def _told(planned: Planned, uri: str, parent_run_id: str) -> list[str]:
    """Return a trial's overrides with what it must know of its sweep."""
    known = {"uri": uri, "parent_run_id": parent_run_id, "variant": planned.variant}
    return [*planned.overrides, *(f"tracking.{key}={quoted(value)}" for key, value in known.items())]


def quoted(text: str) -> str:
    """Return a text as a quoted value of Hydra's override grammar."""
    # A backslash counts only before a quote, or at the end, where the closing quote follows.
    text = re.sub(r"(\\*)'", r"\1\1\\'", text)
    text = re.sub(r"(\\+)$", r"\1\1", text)
    return "'" + text.replace("${", "\\${") + "'"


def _command(config: DictConfig) -> str:
    """Return the command line that starts this sweep again."""
    hydra_overrides = map(str, config.hydra.overrides.hydra)
    return shlex.join(["python", "sweep.py", "-m", *typed_overrides(config.hydra), *hydra_overrides])


def _record_unfinished(
    parent: RunWriter, plan: Sequence[Planned], results: Sequence[JobReturn], status: str
) -> None:
    """Close what a dead worker left open, and write down the trials that never opened a run."""
    from seedsweep.tracking.reading import trials_by_job
    from seedsweep.tracking.writing import JOB_TAG, RunWriter, start_trial

    known = trials_by_job(parent.store, parent.run_id)
    failures = {
        number: error_of(result) for number, result in enumerate(results) if result.status is JobStatus.FAILED
    }
    for number, (run_id, run_status) in known.items():
        if run_status == "running":
            why = reason(failures[number]) if number in failures else "interrupted"
            RunWriter(parent.store, run_id).fail(
                why, None, status="FAILED" if number in failures else "KILLED"
            )
    for number, error in failures.items():
        if number not in known:
            planned = plan[number]
            writer = start_trial(
                parent.store,
                run_name(planned.run.trial, planned.variant),
                parent_run_id=parent.run_id,
                settings={key: spell(value) for key, value in planned.run.trial.settings().items()},
                tags={"variant": planned.variant, JOB_TAG: str(number)},
            )
            writer.fail(reason(error), None, status="FAILED" if status == "FINISHED" else "KILLED")


def _write_table(parent: RunWriter, directory: Path) -> None:
    from seedsweep.reporting.table import table_of
    from seedsweep.tracking.reading import read_sweep

    markdown = table_of(read_sweep(parent.store, parent.run_id)).markdown()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "table.md"
    path.write_text(markdown, encoding="utf-8")
    parent.describe(markdown, path)
    log.info("\n%s\ntable: %s", markdown, path)
