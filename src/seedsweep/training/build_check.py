"""Builds models of a user's own before anything trains, in a process that ends afterwards."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seedsweep.config.functions import TARGET, OptimizerFunction
from seedsweep.errors import TrialError, UserError, reason
from seedsweep.trials.source_code import code_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from seedsweep.config.trial_config import Trial


# Inputs by which a model is built, and seen to answer as it must.
EXAMPLES = 8


@dataclass(frozen=True)
class Build:
    """A model to build.

    Attributes:
        trial: whose model it is.
        examples: (n, …) a few of its inputs.
        classes: number of classes.
    """

    trial: Trial
    examples: NDArray[np.float32]
    classes: int


def check_builds(builds: Sequence[Build]) -> None:
    """Build models in a process of their own: the one that asks imports no Keras.

    Raises:
        UserError: a model cannot be built, or does not answer as it must.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        process.submit(_build_all, builds).result()


def _build_all(builds: Sequence[Build]) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # a shape is the same on a CPU, and workers need the GPUs
    from seedsweep.training import backend

    backend.prepare(builds[0].trial.backend, builds[0].trial.threads)  # the same for all trials of a sweep
    for build in builds:
        check_build(build)


def check_build(build: Build) -> None:
    """Build a model in this process, which computes with its backend.

    Raises:
        UserError: see `check_builds`.
    """
    import keras

    from seedsweep.training import model_builder

    trial = build.trial
    keras.utils.clear_session()
    keras.config.set_dtype_policy(trial.precision)
    with _explained("model", trial.model.target):
        model = model_builder.build(trial, build.examples.shape[1:], build.classes)
        model_builder.trained_part(trial, model, build.examples, build.classes)
    if isinstance(trial.opt, OptimizerFunction):
        with _explained("opt", trial.opt.target):
            model_builder.optimizer(trial.opt, steps=1, steps_an_epoch=1)


@contextmanager
def _explained(group: str, target: str) -> Iterator[None]:
    """Turn what a function raises into an error that names the line of the user's file."""
    where, fix = f"{group}.{TARGET}", f"correct {target}"
    try:
        yield
    except TrialError as error:
        raise UserError(str(error), where=where, fix=fix) from None
    except Exception as error:  # noqa: BLE001 - whatever a user's code raises
        own = set(map(str, code_of(target).files.values()))
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in own]
        if frames:
            where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}, in {frames[-1].name}"
            fix = "correct that line"
        raise UserError(f"{target} cannot be called: {reason(error)}", where=where, fix=fix) from None
