"""Runs one job as `hydra.core.utils.run_job` does, in a fraction of the time.

Hydra copies the whole config of a job five times, node by node. Here what the task sees of it is copied once, and
the interpolations, whose texts are those of the job before, are not parsed again. What a job sees, and what it leaves
in its directory, is the same.
"""

from __future__ import annotations

import contextlib
import os
import pickle
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import version
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import (
    JobReturn,
    JobRuntime,
    JobStatus,
    _flush_loggers,
    configure_log,
    env_override,
)
from omegaconf import OmegaConf, base

from seedsweep.launchers.hydra import dot_hydra
from seedsweep.launchers.hydra.job_configs import enter, entered, hydra_part, task_part
from seedsweep.launchers.hydra.job_result import JobOutcome, error_of
from seedsweep.launchers.hydra.packing import packed
from seedsweep.system.gc_pause import gc_paused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig


@contextlib.contextmanager
def current_config(config: DictConfig) -> Iterator[None]:
    """Make a config the one that `${hydra:…}` is resolved in."""
    state: Any = HydraConfig.instance()
    before, state.cfg = state.cfg, config
    try:
        yield
    finally:
        state.cfg = before


def run_job(task_function: TaskFunction, load: Callable[[], DictConfig], hydra_context: HydraContext) -> JobOutcome:
    """Run a job in the directory that its config names.

    Args:
        task_function: what to run.
        load: gives the job's config anew, composed and numbered; its keys are the task's, and `hydra`.
        hydra_context: whose callbacks are called.

    Returns:
        What it came to; an exception of the task stands in it.
    """
    config: Any = load()
    with current_config(config):
        with _swiftly():
            output = Path(str(config.hydra.sweep.dir), str(config.hydra.sweep.subdir))
            directory = Path(os.path.abspath(output))  # noqa: PTH100 - as Hydra: without ".."
            enter(config, directory)
            job = task_part(config)
            came = JobReturn(list(config.hydra.overrides.task), job)
            resolved = deepcopy(OmegaConf.get_cache(config))
            if config.hydra.job.env_set or hydra_context.callbacks.callbacks:  # not needed otherwise
                came.hydra_cfg = hydra_part(entered(load, directory, resolved))
            given = dot_hydra.plain(job)
            state = _state(given, job)
        output.mkdir(parents=True, exist_ok=True)
        with _working_directory(output, chdir=config.hydra.job.chdir) as came.working_dir:
            with _swiftly():
                configure_log(config.hydra.job_logging, config.hydra.verbose)
                if config.hydra.output_subdir is not None:
                    dot_hydra.write(directory / str(config.hydra.output_subdir), given, config.hydra)
            # What they refer to is looked for in Hydra's own config alone.
            with env_override(came.hydra_cfg.hydra.job.env_set if came.hydra_cfg else {}):
                hydra_context.callbacks.on_job_start(config=config, task_function=task_function)
                try:
                    came.return_value = task_function(job)
                    came.status = JobStatus.COMPLETED
                except Exception as error:  # noqa: BLE001 - whatever the task raises is what it came to
                    came.return_value = error
                    came.status = JobStatus.FAILED
            came.task_name = JobRuntime.instance().get("name")
            _flush_loggers()
            hydra_context.callbacks.on_job_end(config=config, job_return=came)
    return JobOutcome(
        came.status,
        error_of(came),
        task_name=came.task_name,
        working_dir=came.working_dir,
        directory=str(directory),
        resolved=OmegaConf.get_cache(came.hydra_cfg) if came.hydra_cfg else resolved,
        changed=None if came.cfg is job and _state(dot_hydra.plain(job), job) == state else _packed(came.cfg),
    )


def _state(plain: Any, job: DictConfig) -> str:
    """Return what a task or a resolver may change in a config: its values, and the answers that are kept."""
    return repr((plain, OmegaConf.get_cache(job)))


def _packed(config: DictConfig | None) -> bytes | None:
    """Return a config to send, unless something in it cannot be sent."""
    with contextlib.suppress(pickle.PicklingError, AttributeError, TypeError):
        return packed(config)
    return None


@contextlib.contextmanager
def _swiftly() -> Iterator[None]:
    """Prepare a job without a look for garbage, and without parsing an interpolation that was parsed before.

    OmegaConf parses `${…}` anew at each access, by ANTLR in Python: a fifth of what a job costs. Its visitors only
    read the tree that comes of it.
    """
    parse, _interpolating.parse = _interpolating.parse, _parse
    try:
        with gc_paused():
            yield
    finally:
        _interpolating.parse = parse


_interpolating: Any = base  # where OmegaConf's containers look for `parse`
_parse = lru_cache(maxsize=1024)(_interpolating.parse)


@contextlib.contextmanager
def _working_directory(output: Path, *, chdir: bool | None) -> Iterator[str]:
    """Run in a job's directory where that is asked for, or was Hydra's default for the application's version base."""
    if chdir or (chdir is None and not version.base_at_least("1.2")):
        with contextlib.chdir(output):
            yield str(output)
    else:
        yield str(Path.cwd())
