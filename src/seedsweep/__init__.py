"""Sweeps over neural-network architectures with fixed seeds, and a table that can be trusted.

Sweeps are started by `python sweep.py`; from Python, a sweep's results are read from MLflow.

Example:
    >>> import seedsweep
    >>> try:  # doctest: +SKIP
    ...     table = seedsweep.load_table("depth")
    ... except seedsweep.UserError as error:
    ...     print(error)
    >>> table.verdict  # doctest: +SKIP
    'conv4 has the highest mean (96.73 %); 3 seeds cannot tell conv3 apart from it; conv1 and conv2 are worse than it.'
"""

from typing import TYPE_CHECKING

from seedsweep.errors import (
    NonFiniteLoss,
    OutOfMemory,
    SearchFailed,
    SeedsweepError,
    SweepInterrupted,
    TimedOut,
    TrialCrashed,
    TrialError,
    TrialsFailed,
    UserError,
    WorkerDied,
    WriteError,
)

if TYPE_CHECKING:
    from seedsweep.reporting.tables.table import Table

__all__ = [
    "NonFiniteLoss",
    "OutOfMemory",
    "SearchFailed",
    "SeedsweepError",
    "SweepInterrupted",
    "TimedOut",
    "TrialCrashed",
    "TrialError",
    "TrialsFailed",
    "UserError",
    "WorkerDied",
    "WriteError",
    "__version__",
    "load_table",
]


def load_table(
    sweep: str | None = None,
    *,
    baseline: str | None = None,
    uri: str | None = None,
    experiment: str = "seedsweep",
) -> "Table":
    """Return a sweep's comparison table as data: one row a variant, accuracies as fractions of 1.

    Args:
        sweep: its run id, the beginning of it, or its name; None: the latest.
        baseline: the variant that the others are compared with, if it was chosen before the results were seen; None:
            the best.
        uri: MLflow's tracking URI; None: MLflow's own, `mlflow.db` in this directory.
        experiment: MLflow's experiment.

    Raises:
        UserError: there is no such sweep, variant or store.

    Example:
        >>> table = load_table("depth")  # doctest: +SKIP
        >>> [(row.variant, row.test.mean, row.verdict) for row in table.rows]  # doctest: +SKIP
    """
    from seedsweep.sweeps.publish import build_table
    from seedsweep.tracking.run_queries import find_sweep
    from seedsweep.tracking.store import reading

    with reading(uri, experiment) as store:
        return build_table(store, find_sweep(store, sweep), baseline)


def __getattr__(name: str) -> str:
    """Return `__version__`, read when it is asked for: looking packages up takes as long as a short command."""
    if name != "__version__":
        raise AttributeError(f"module 'seedsweep' has no attribute '{name}'")
    from importlib.metadata import version

    return version("seedsweep")
