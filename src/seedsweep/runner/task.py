"""One trial, wired: settings → slot → data → identity → reuse or training → its run → objective.

Not here: several trials, see `sweeps`; the command line, see `cli`.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig

from seedsweep.config.named_rows import current_row
from seedsweep.config.run_config import read_config
from seedsweep.errors import TrialError
from seedsweep.launchers.resources import enter_first_slot
from seedsweep.runner.run_metadata import build_run_metadata, describing_tags
from seedsweep.runner.tracked_training import train_tracked
from seedsweep.runner.trial_spec import TrialSpec
from seedsweep.runner.validation import load_checked
from seedsweep.system.standard_streams import tolerate_failures
from seedsweep.trials.variants import VariantKey, name_variants

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from seedsweep.config.run_config import RunConfig
    from seedsweep.data.dataset import Dataset
    from seedsweep.runner.run_metadata import RunMetadata
    from seedsweep.training.backend import Runtime

log = logging.getLogger(__name__)


def run_trial(config: DictConfig) -> float:
    """Train one trial, or find that it was trained before, and track it; Hydra's task function.

    Returns:
        The final value of the metric that `objective` names.

    Raises:
        UserError: the config cannot be used; no run was created.
        TrialError: the trial did not end well; its run says why. Or it is not the one that was planned.
        WriteError: its run cannot be kept.
    """
    tolerate_failures()
    run = read_config(config)
    dataset = load_checked(run.trial)
    enter_first_slot(run.trial.threads)
    from seedsweep.training import backend

    metadata = _metadata(run, dataset, backend.prepare(run.trial.backend, run.trial.threads))
    # What its sweep would take for this trial's result would be another's.
    for name, what in (("settings_id", "a file of the configuration"), ("code_sha256", "the code of the model")):
        if getattr(run.tracking, name) not in (None, metadata.tags.get(name)):
            raise TrialError(f"{what} was changed after the sweep was planned; start it again")
    if run.tracking.parent_run_id is None:
        from seedsweep.runner.standalone import train_standalone

        return train_standalone(run, dataset, metadata)[run.objective]
    return train_tracked(run, dataset, metadata, _output_directory())[run.objective]


run_trial.spec = TrialSpec()  # type: ignore[attr-defined]


def _metadata(run: RunConfig, dataset: Dataset, runtime: Runtime) -> RunMetadata:
    row = current_row(run.tracking.row)
    alone = VariantKey(run.trial.settings(), dataset.sha256, row.title if row else "")
    return build_run_metadata(
        run.trial,
        run.tracking.variant or name_variants([alone])[0],
        runtime,
        run.tracking.job or 0,
        describing_tags(dataset, row),
        run.tracking.search,
    )


def _output_directory() -> Path:
    return Path(HydraConfig.get().runtime.output_dir)
