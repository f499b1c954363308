"""One trial, wired: settings → slot → data → identity → reuse or training → its run → objective.

Not here: several trials, see `sweeps`; the command line, see `cli`.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from seedsweep.carried import CARRIED
from seedsweep.config import TOLD, read_config
from seedsweep.described import describe
from seedsweep.errors import (
    BadInput,
    Diverged,
    Outdone,
    Stopped,
    TrialError,
    reason,
)
from seedsweep.launching.relay import stop_requested
from seedsweep.launching.slots import enter_first_slot
from seedsweep.rows import current_row
from seedsweep.system.standard_streams import tolerate_failures
from seedsweep.trials.record import of_kept_weights, under_own_names
from seedsweep.trials.variants import Told, name_variants

if TYPE_CHECKING:
    from hydra.conf import HydraConf
    from omegaconf import DictConfig

    from seedsweep.config import RunConfig
    from seedsweep.described import Described
    from seedsweep.tracking.journal import Journal
    from seedsweep.tracking.writing import TrialWriter
    from seedsweep.training.dataset import Dataset
    from seedsweep.training.runtime import Runtime
    from seedsweep.trials.record import EpochMetrics
    from seedsweep.trials.spec import Trial

log = logging.getLogger(__name__)


def run_trial(config: DictConfig) -> float:
    """Train one trial, or find that it was trained before, and track it; Hydra's task function.

    Returns:
        The final value of the metric that `objective` names.

    Raises:
        BadInput: the config cannot be used; no run was created.
        TrialError: the trial did not end well; its run says why. Or it is not the one that was planned.
        CannotWrite: its run cannot be kept.
    """
    tolerate_failures()
    run = read_config(config)
    dataset = load_checked(run.trial)
    enter_first_slot(run.trial.threads)
    from seedsweep.training import runtime

    described = _described(run, dataset, runtime.prepare(run.trial.backend, run.trial.threads))
    if run.tracking.settings_id not in (None, described.tags["settings_id"]):
        # What its sweep would take for this trial's result would be another's.
        raise TrialError("a file of the configuration was changed after the sweep was planned; start it again")
    if run.tracking.parent_run_id is None:
        from seedsweep.alone import train_alone

        return train_alone(run, dataset, described)[run.objective]
    return train_tracked(run, dataset, described, _output_directory())[run.objective]


run_trial.carrying = CARRIED  # type: ignore[attr-defined]


def load_checked(trial: Trial) -> Dataset:
    """Load a trial's data and check that its other settings fit them.

    Raises:
        BadInput: the data cannot be used, or the settings do not fit them.
    """
    from seedsweep.training import dataset, runtime

    if not runtime.is_installed(trial.backend):
        raise BadInput(f"backend={trial.backend} is not installed", where="backend", fix=f"pip install {trial.backend}")
    loaded = dataset.load(trial.data)
    if trial.batch_size > len(loaded.train):
        raise BadInput(
            f"batch_size={trial.batch_size} exceeds the {len(loaded.train):,} training images",
            where="batch_size",
            fix=f"batch_size={min(128, len(loaded.train))}",
        )
    trial.model.check_fits(*loaded.image_shape[:2])
    trial.data.augment.check_fits(*loaded.image_shape[:2])
    return loaded


def _described(run: RunConfig, dataset: Dataset, computes: Runtime) -> Described:
    row = current_row(run.tracking.row)
    told = Told(run.trial.settings(), dataset.sha256, row.title if row else "")
    return describe(
        run.trial,
        run.tracking.variant or name_variants([told])[0],
        dataset=dataset.description,
        dataset_sha256=dataset.sha256,
        dataset_warnings=dataset.warnings,
        computes=computes,
        reproduce=reproduce_command(),
        job=run.tracking.job or 0,
        row=row,
        search=run.tracking.search,
    )


def train_tracked(run: RunConfig, dataset: Dataset, described: Described, directory: Path) -> dict[str, float]:
    """Train, and write everything down in a directory.

    Returns:
        The final value of each metric.

    Raises:
        TrialError: the trial did not end well; its journal says why.
        CannotWrite: the directory cannot be written to.
    """
    from seedsweep.tracking.journal import Journal
    from seedsweep.tracking.writing import owner_of
    from seedsweep.training import failures

    try:
        with contextlib.closing(Journal(directory)) as journal:
            # Whoever wrote the last line may have been killed before anybody heard of it.
            if metrics := journal.finished_as(owner_of(run.tracking.parent_run_id, described.trial_id)):
                return metrics
            writer = _writer(journal, run, described)
            try:
                return _train(run, dataset, described, writer)
            except BaseException as error:
                told = failures.as_ours(error, described.name, directory)
                with contextlib.suppress(OSError):
                    _record_failure(writer, told)
                if told is error:
                    raise
                raise told from error
    except OSError as error:
        raise failures.no_room(error, directory) from error


def _writer(journal: Journal, run: RunConfig, described: Described) -> TrialWriter:
    from seedsweep.tracking.writing import TrialWriter

    parent = run.tracking.parent_run_id
    name = run.tracking.name if parent is None and run.tracking.name else described.name
    return TrialWriter(journal, name, parent_run_id=parent, settings=described.settings, tags=described.tags)


def _train(
    run: RunConfig,
    dataset: Dataset,
    described: Described,
    writer: TrialWriter,
) -> dict[str, float]:
    """Train, write everything down and return the final metrics."""
    from seedsweep.artifacts import write_files
    from seedsweep.tracking.siblings import Siblings
    from seedsweep.tracking.tags import BEST_TAG, STOPPED_TAG
    from seedsweep.training import checkpoints, fit

    trial, name = run.trial, described.name
    checkpoint = writer.journal.directory / checkpoints.FILE_NAME
    start = checkpoints.read(checkpoint, described.training_id, trial.epochs)
    epochs = list(start.history) if start else []
    for metrics in epochs:
        writer.epoch(metrics)
    if epochs:
        log.info("%s goes on after epoch %d of %d", name, len(epochs), trial.epochs)

    def on_epoch(metrics: EpochMetrics) -> None:
        epochs.append(metrics)
        writer.epoch(metrics)
        shown = "  ".join(f"{key} {value:.4f}" for key, value in metrics.values.items())
        progress = (_job_number(), metrics.epoch, trial.epochs)
        log.info("%s  epoch %d/%d  %s", name, metrics.epoch, trial.epochs, shown, extra={"seedsweep_epoch": progress})
        if metrics.epoch < trial.epochs and trial.stop.is_below_median(epochs, siblings.finished()):
            raise Outdone(metrics.epoch, dict(metrics.values))

    siblings = Siblings(_sweep_directory(), writer.journal.directory)
    keeping = checkpoints.Keeping(described.training_id, checkpoint, run.execution.checkpoint_every, stop_requested)
    trained = fit.train(trial, dataset, on_epoch, keeping, start, tests=run.tracking.tested)
    kept = epochs[(trained.best_epoch or trained.epochs) - 1].values
    final = {"train_seconds": trained.train_seconds}
    if trained.best_epoch:
        final |= under_own_names(kept)
    if trained.tested:
        final |= {"test_loss": trained.tested.loss, "test_accuracy": trained.tested.accuracy}
    write_files(writer.journal.files, trial, name, dataset, trained, epochs, pictures=run.execution.pictures)
    tags = {"weights_sha256": trained.weights_sha256, "parameters": str(trained.parameters)}
    if trained.best_epoch:
        tags[BEST_TAG] = str(trained.best_epoch)
    if trained.epochs < trial.epochs:
        tags[STOPPED_TAG] = str(trained.epochs)
    writer.finish(final, tags, step=trained.epochs)
    if not run.tracking.resumable:
        checkpoints.remove(checkpoint)
    tested = f"test accuracy {100 * trained.tested.accuracy:.2f} %, " if trained.tested else ""
    validated = 100 * kept["val_accuracy"]
    log.info("finished %s: %svalidation %.2f %%, %.0f s", name, tested, validated, trained.train_seconds)
    return of_kept_weights({**kept, **final})


def _record_failure(writer: TrialWriter, error: BaseException) -> None:
    """Close the run with what ended it, unless it was closed before that."""
    from seedsweep.tracking.tags import DIVERGED_TAG, STOPPED_TAG
    from seedsweep.training import checkpoints

    if writer.journal.status == "FINISHED":
        return
    if isinstance(error, Stopped | KeyboardInterrupt | SystemExit):
        writer.fail("interrupted", None, status="KILLED")
        return
    if isinstance(error, Outdone):
        writer.fail(reason(error), None, status="KILLED", tags={STOPPED_TAG: str(error.epoch)})
        return
    tags = {DIVERGED_TAG: str(error.epoch)} if isinstance(error, Diverged) else {}
    writer.fail(reason(error), traceback.format_exc(), tags=tags)
    if isinstance(error, Diverged):
        checkpoints.remove(writer.journal.directory / checkpoints.FILE_NAME)


def _output_directory() -> Path:
    return Path(HydraConfig.get().runtime.output_dir)


def _sweep_directory() -> Path:
    return Path(HydraConfig.get().sweep.dir).absolute()


def _job_number() -> int:
    job = HydraConfig.get().job
    return 0 if OmegaConf.is_missing(job, "num") else int(job.num)


def typed_overrides(hydra_config: HydraConf) -> list[str]:
    """Return the overrides that say what is trained: where results go is left out."""
    return [str(text) for text in hydra_config.overrides.task if str(text).partition("=")[0] not in TOLD]


def reproduce_command() -> str:
    """Return the command line that trains the current config's trial again."""
    overrides = typed_overrides(HydraConfig.get())
    if any(text.startswith("sweeps=") for text in overrides):
        # The file may set what its trials share; that it names a sweep is no reason to refuse one of them.
        overrides.append("hydra.mode=RUN")
    return shlex.join(["python", "sweep.py", *overrides])
