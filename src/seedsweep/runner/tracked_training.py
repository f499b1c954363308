"""Training one trial while its run is written to a journal: epochs, final metrics, files, and how it ended."""

from __future__ import annotations

import contextlib
import logging
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from seedsweep.errors import NonFiniteLoss, TrialPruned, TrialStopped, reason
from seedsweep.launchers.log_relay import stop_requested
from seedsweep.metrics import of_kept_weights, under_own_names

if TYPE_CHECKING:
    from seedsweep.config.run_config import RunConfig
    from seedsweep.data.dataset import Dataset
    from seedsweep.metrics import EpochMetrics
    from seedsweep.runner.run_metadata import RunMetadata
    from seedsweep.tracking.journal import Journal
    from seedsweep.tracking.trial_logger import TrialWriter

log = logging.getLogger(__name__)


def train_tracked(run: RunConfig, dataset: Dataset, metadata: RunMetadata, directory: Path) -> dict[str, float]:
    """Train, and write everything down in a directory.

    Returns:
        The final value of each metric.

    Raises:
        TrialError: the trial did not end well; its journal says why.
        WriteError: the directory cannot be written to.
    """
    from seedsweep.tracking.journal import Journal
    from seedsweep.tracking.trial_logger import owner_of
    from seedsweep.training import error_mapping

    try:
        with contextlib.closing(Journal(directory)) as journal:
            # The process that wrote the last line may have been killed before it could report.
            if metrics := journal.finished_as(owner_of(run.tracking.parent_run_id, metadata.trial_id)):
                return metrics
            writer = _writer(journal, run, metadata)
            try:
                return _train(run, dataset, metadata, writer)
            except BaseException as error:
                wrapped = error_mapping.wrap_exception(error, metadata.name, directory)
                with contextlib.suppress(OSError):
                    record_failure(writer, wrapped)
                if wrapped is error:
                    raise
                raise wrapped from error
    except OSError as error:
        raise error_mapping.disk_full_error(error, directory) from error


def _writer(journal: Journal, run: RunConfig, metadata: RunMetadata) -> TrialWriter:
    from seedsweep.tracking.trial_logger import TrialWriter

    parent = run.tracking.parent_run_id
    name = run.tracking.name if parent is None and run.tracking.name else metadata.name
    return TrialWriter(journal, name, parent_run_id=parent, settings=metadata.settings, tags=metadata.tags)


def _train(
    run: RunConfig,
    dataset: Dataset,
    metadata: RunMetadata,
    writer: TrialWriter,
) -> dict[str, float]:
    """Train, write everything down and return the final metrics."""
    from seedsweep.runner.artifacts import write_files
    from seedsweep.tracking.peer_histories import PeerHistories
    from seedsweep.tracking.tags import BEST_TAG, STOPPED_TAG
    from seedsweep.training import checkpoints, trainer

    trial, name = run.trial, metadata.name
    checkpoint = writer.journal.directory / checkpoints.FILE_NAME
    start = checkpoints.read(checkpoint, metadata.training_id, trial.epochs)
    epochs = list(start.history) if start else []
    for metrics in epochs:
        writer.epoch(metrics)
    if epochs:
        log.info("resuming %s after epoch %d of %d", name, len(epochs), trial.epochs)

    def on_epoch(metrics: EpochMetrics) -> None:
        epochs.append(metrics)
        writer.epoch(metrics)
        shown = "  ".join(f"{key} {value:.4f}" for key, value in metrics.values.items())
        progress = (_job_number(), metrics.epoch, trial.epochs)
        log.info("%s  epoch %d/%d  %s", name, metrics.epoch, trial.epochs, shown, extra={"seedsweep_epoch": progress})
        if metrics.epoch < trial.epochs and trial.stop.is_below_median(epochs, peers.finished()):
            raise TrialPruned(metrics.epoch, dict(metrics.values))

    peers = PeerHistories(_sweep_directory(), writer.journal.directory)
    checkpointing = checkpoints.CheckpointConfig(
        metadata.training_id, checkpoint, run.execution.checkpoint_every, stop_requested
    )
    trained = trainer.train(trial, dataset, on_epoch, checkpointing, start, tests=run.tracking.tested)
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


def record_failure(writer: TrialWriter, error: BaseException) -> None:
    """Close the run with what ended it, unless it was closed before that."""
    from seedsweep.tracking.tags import DIVERGED_TAG, STOPPED_TAG
    from seedsweep.training import checkpoints

    if writer.journal.status == "FINISHED":
        return
    if isinstance(error, TrialStopped | KeyboardInterrupt | SystemExit):
        writer.fail("interrupted", None, status="KILLED")
        return
    if isinstance(error, TrialPruned):
        writer.fail(reason(error), None, status="KILLED", tags={STOPPED_TAG: str(error.epoch)})
        return
    tags = {DIVERGED_TAG: str(error.epoch)} if isinstance(error, NonFiniteLoss) else {}
    writer.fail(reason(error), traceback.format_exc(), tags=tags)
    if isinstance(error, NonFiniteLoss):
        checkpoints.remove(writer.journal.directory / checkpoints.FILE_NAME)


def _sweep_directory() -> Path:
    return Path(HydraConfig.get().sweep.dir).absolute()


def _job_number() -> int:
    job = HydraConfig.get().job
    return 0 if OmegaConf.is_missing(job, "num") else int(job.num)
