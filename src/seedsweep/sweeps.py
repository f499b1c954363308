"""Several trials, wired: a plan, one parent run, and one table at the end.

Not here: which lists of overrides a sweep has (the sweeper) and where they run (the launcher).
"""

from __future__ import annotations

import logging
import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobStatus

from seedsweep.app import run_name, typed_overrides
from seedsweep.errors import BadInput, LaunchInterrupted, SweepInterrupted, TrialsFailed, reason
from seedsweep.launching.worker import error_of
from seedsweep.planning import plan_sweep
from seedsweep.trials.variants import spell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hydra.core.config_loader import ConfigLoader
    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

    from seedsweep.planning import Planned
    from seedsweep.tracking.writing import RunWriter

log = logging.getLogger(__name__)


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
        The overrides to launch, each trial told of its sweep, and a list to put the launcher's results in,
        in the same order.

    Raises:
        BadInput: one of the trials cannot be used; nothing was started.
        TrialsFailed: some trials did not end well; the others are in the table.
        SweepInterrupted: Ctrl-C.
    """
    plan = plan_sweep(config, config_loader, job_overrides)
    for description in dict.fromkeys(planned.dataset for planned in plan):
        log.info("data: %s", description)
    directory = _make_directory(config)
    from seedsweep.tracking.store import open_store
    from seedsweep.tracking.writing import start_sweep

    tracking = plan[0].run.tracking
    store = open_store(tracking.uri, tracking.experiment)
    name = tracking.name or " ".join(typed_overrides(config.hydra)) or "sweep"
    parent = start_sweep(store, name, {"reproduce": _command(config)})
    log.info("sweep %s: %s", parent.run_id, name)
    results: list[JobReturn] = []
    status = "FAILED"
    failures: dict[int, BaseException] = {}
    try:
        yield [planned.told(store.uri, parent.run_id) for planned in plan], results
        status = "FINISHED"
        failures = _failures(results)
    except KeyboardInterrupt as stop:
        status = "KILLED"
        failures = _failures(results) | (stop.failures if isinstance(stop, LaunchInterrupted) else {})
        raise SweepInterrupted("interrupted: what is finished is in the table") from stop
    finally:
        try:
            _record_unfinished(parent, plan, failures)
            _write_table(parent, directory)
        finally:
            parent.close(status)
    if failures:
        raise TrialsFailed(f"{len(failures)} of {len(plan)} trials failed")


def _failures(results: Sequence[JobReturn]) -> dict[int, BaseException]:
    """Return job number → error of the jobs that failed."""
    return {number: error_of(result) for number, result in enumerate(results) if result.status is JobStatus.FAILED}


def _make_directory(config: DictConfig) -> Path:
    """Make the sweep's directory before anything is written elsewhere."""
    directory = Path(config.hydra.sweep.dir)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fix = "hydra.sweep.dir=DIRECTORY that you may write to"
        raise BadInput(f"cannot write to {directory}: {error.strerror}", where="hydra.sweep.dir", fix=fix) from error
    return directory


def _command(config: DictConfig) -> str:
    """Return the command line that starts this sweep again."""
    overrides = [*config.hydra.overrides.task, *config.hydra.overrides.hydra]
    return shlex.join(["python", "sweep.py", "-m", *map(str, overrides)])


def _record_unfinished(parent: RunWriter, plan: Sequence[Planned], failures: dict[int, BaseException]) -> None:
    """Close what a dead or stopped worker left open, and write down the trials that never opened a run."""
    from seedsweep.tracking.reading import trials_by_job
    from seedsweep.tracking.writing import JOB_TAG, RunWriter, start_trial

    known = trials_by_job(parent.store, parent.run_id)
    for number, planned in enumerate(plan):
        run_id, status = known.get(number, (None, None))
        if status in ("finished", "failed", "killed") or (run_id is None and number not in failures):
            continue
        settings = {key: spell(value) for key, value in planned.run.trial.settings().items()}
        tags = {
            "dataset": planned.dataset,
            "dataset_sha256": planned.dataset_sha256,
            "variant": planned.variant,
        }
        if run_id is None:
            name = run_name(planned.run.trial, planned.variant)
            tags[JOB_TAG] = str(number)
            writer = start_trial(parent.store, name, parent_run_id=parent.run_id, settings=settings, tags=tags)
        else:
            # Its worker may have died before it wrote these; the table would not see the trial without them.
            writer = RunWriter(parent.store, run_id)
            writer.params(settings)
            writer.tags(tags)
        if number in failures:
            writer.fail(reason(failures[number]), None)
        else:
            writer.fail("interrupted", None, status="KILLED")


def _write_table(parent: RunWriter, directory: Path) -> None:
    from seedsweep.reporting.table import table_of
    from seedsweep.tracking.reading import read_sweep

    markdown = table_of(read_sweep(parent.store, parent.run_id)).markdown()
    path = directory / "table.md"
    path.write_text(markdown, encoding="utf-8")
    parent.describe(markdown, path)
    log.info("\n%s\ntable: %s", markdown, path)
