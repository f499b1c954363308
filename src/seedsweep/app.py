"""One trial, wired: settings → slot → data → identity → run → training → artifacts → objective.

Not here: several trials, see `sweeps`; the command line, see `cli`.
"""

from __future__ import annotations

import logging
import shlex
import tempfile
import traceback
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from seedsweep.config import read_config
from seedsweep.errors import BadInput, TrialCrashed, TrialError, reason
from seedsweep.launching.slots import enter_first_slot
from seedsweep.trials.identity import trial_id
from seedsweep.trials.variants import name_variants, spell

if TYPE_CHECKING:
    from hydra.conf import HydraConf
    from omegaconf import DictConfig

    from seedsweep.config import RunConfig
    from seedsweep.tracking.store import Store
    from seedsweep.tracking.writing import RunWriter
    from seedsweep.training.dataset import Dataset
    from seedsweep.training.fit import Trained
    from seedsweep.training.runtime import Runtime
    from seedsweep.trials.record import EpochMetrics
    from seedsweep.trials.spec import Trial

log = logging.getLogger(__name__)


def run_trial(config: DictConfig) -> float:
    """Train one trial and track it; Hydra's task function.

    Returns:
        The final value of the metric that `objective` names.

    Raises:
        BadInput: the config cannot be used; no run was created.
    """
    run = read_config(config)
    trial = run.trial
    dataset = load_checked(trial)
    enter_first_slot(trial.threads)
    from seedsweep.training import runtime

    computes = runtime.prepare(trial)
    store = _store(run.tracking.uri, run.tracking.experiment)
    alone = run.tracking.parent_run_id is None
    if alone:
        log.info("data: %s", dataset.description)
    variant = run.tracking.variant or name_variants([(trial.settings(), dataset.sha256)])[0]
    name = run.tracking.name if alone and run.tracking.name else run_name(trial, variant)
    writer = _open_run(store, run, name, variant, dataset, computes)
    try:
        metrics = _train(run, name, dataset, writer)
    except (KeyboardInterrupt, SystemExit) as stop:
        writer.fail(reason(stop), traceback.format_exc(), status="KILLED")
        raise
    except TrialError as error:
        writer.fail(reason(error), traceback.format_exc())
        raise
    except Exception as error:
        writer.fail(reason(error), traceback.format_exc())
        log.exception("%s crashed", name)
        raise TrialCrashed(reason(error)) from error
    if alone:
        from seedsweep.reporting.table import table_of
        from seedsweep.tracking.reading import read_sweep

        log.info("\n%s", table_of(read_sweep(store, writer.run_id)).markdown())
    return metrics[run.objective]


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
    return loaded


def run_name(trial: Trial, variant: str) -> str:
    """Return what a person tells a run by."""
    return f"{variant} · seed {trial.seed}"


@lru_cache(maxsize=1)
def _store(uri: str | None, experiment: str) -> Store:
    """Open the store once a process; importing MLflow waits until here."""
    from seedsweep.tracking.store import open_store

    return open_store(uri, experiment)


def _open_run(store: Store, run: RunConfig, name: str, variant: str, dataset: Dataset, computes: Runtime) -> RunWriter:
    from seedsweep.tracking.writing import JOB_TAG, start_trial

    trial = run.trial
    releases = {**computes.versions, "seedsweep": metadata.version("seedsweep")}
    tags = {
        "trial_id": trial_id(trial, dataset_sha256=dataset.sha256, versions=computes.versions, device=computes.device),
        "variant": variant,
        "dataset": dataset.description,
        "dataset_sha256": dataset.sha256,
        "hardware": computes.device,
        "versions": ", ".join(f"{library} {release}" for library, release in sorted(releases.items())),
        "reproduce": _reproduce_command(),
        JOB_TAG: str(_job_number()),
    }
    settings = {key: spell(value) for key, value in trial.settings().items()}
    return start_trial(store, name, parent_run_id=run.tracking.parent_run_id, settings=settings, tags=tags)


def _train(run: RunConfig, name: str, dataset: Dataset, writer: RunWriter) -> dict[str, float]:
    """Train, write everything down and return the final metrics."""
    from seedsweep.training.fit import train

    epochs: list[EpochMetrics] = []

    def on_epoch(metrics: EpochMetrics) -> None:
        epochs.append(metrics)
        writer.epoch(metrics)
        shown = "  ".join(f"{key} {value:.4f}" for key, value in metrics.values.items())
        progress = (_job_number(), metrics.epoch, run.trial.epochs)
        log.info("%s  epoch %d/%d  %s", name, metrics.epoch, run.trial.epochs, shown, extra={"epoch": progress})

    trained = train(run.trial, dataset, on_epoch)
    final = {
        "test_loss": trained.test_loss,
        "test_accuracy": trained.test_accuracy,
        "train_seconds": trained.train_seconds,
    }
    with tempfile.TemporaryDirectory() as directory:
        _write_files(Path(directory), run, name, dataset, trained, epochs)
        tags = {"weights_sha256": trained.weights_sha256, "parameters": str(trained.parameters)}
        writer.finish(final, tags, Path(directory), step=run.trial.epochs)
    log.info(
        "finished %s: test accuracy %.2f %%, validation %.2f %%, %.0f s",
        name,
        100 * trained.test_accuracy,
        100 * epochs[-1].values["val_accuracy"],
        trained.train_seconds,
    )
    return {**epochs[-1].values, **final}


def _write_files(
    directory: Path, run: RunConfig, name: str, dataset: Dataset, trained: Trained, epochs: list[EpochMetrics]
) -> None:
    """Write what stays with a run: the network, its config, its curves, its answer to every test image."""
    import numpy as np

    from seedsweep.reporting.curves import draw_curves

    trained.save(directory / "model.keras")
    (directory / "model.txt").write_text(trained.summary(), encoding="utf-8")
    OmegaConf.save(_nested(run.trial.settings()), directory / "config.yaml")
    draw_curves(epochs, title=name, path=directory / "curves.png")
    smallest = np.min_scalar_type(dataset.classes - 1)
    np.savez_compressed(
        directory / "predictions.npz",
        predicted=trained.predictions.astype(smallest),
        label=dataset.test.y.astype(smallest),
    )


def _nested(settings: dict[str, object]) -> DictConfig:
    nested = OmegaConf.create()
    for key, value in settings.items():
        OmegaConf.update(nested, key, value)
    return nested


def _job_number() -> int:
    job = HydraConfig.get().job
    return 0 if OmegaConf.is_missing(job, "num") else int(job.num)


# What a sweep adds to the overrides of its trials.
TOLD = ("tracking.uri", "tracking.parent_run_id", "tracking.variant")


def typed_overrides(hydra_config: HydraConf) -> list[str]:
    """Return the overrides that say what is trained: where results go is left out."""
    return [str(text) for text in hydra_config.overrides.task if str(text).partition("=")[0] not in TOLD]


def _reproduce_command() -> str:
    """Return the command line that trains this process' trial again."""
    return shlex.join(["python", "sweep.py", *typed_overrides(HydraConfig.get())])
