"""The names under which runs tell of themselves; other tools rely on some of them, see docs/mlflow.md."""

from seedsweep.config.run_config import SEARCH_PLACES

PARENT_TAG = "mlflow.parentRunId"
# On every run that a table can be made of: a sweep's parent, or a trial that has none.
SWEEP_TAG = "sweep_name"
JOB_TAG = "job"
# The identity of a trial; on every run that is one.
TRIAL_TAG = "trial_id"
# Where a sweep or a trial keeps what it needs to resume.
DIRECTORY_TAG = "directory"
# Which trials a sweep has: the same command resumes with the sweep that has the same ones.
PLAN_TAG = "plan_id"
# Which variants a sweep with several seeds compares: a later sweep with more seeds looks at the same ones again.
VARIANTS_TAG = "variants_id"
# How many trials it is to have.
PLANNED_TAG = "trials"
# Marks a sweep that trains again what was trained before.
RERUN_TAG = "rerun"
# When the same command last went on with a sweep, in milliseconds since 1970.
RESUMED_TAG = "resumed"
# The run that a reused one stands for, and in whose artifacts its files are.
REUSED_TAG = "reused_from"
# How often a trial was begun.
ATTEMPTS_TAG = "attempts"
DIVERGED_TAG = "diverged_at_epoch"
# The epoch after which a trial ended before its last.
STOPPED_TAG = "stopped_at_epoch"
# The epoch whose weights are kept, where that need not be the last one.
BEST_TAG = "best_epoch"
# What MLflow's page of a run shows as its description, read as Markdown.
DESCRIPTION_TAG = "mlflow.note.content"
# Finds a run again by the key in its journal.
JOURNAL_TAG = "journal"
# The named row that a trial belongs to, and what was reported of it.
ROW_TAGS = ("row", "row_title", "reported", "reported_in", "row_note")
# How a sweep describes a trial. A run that stands for an earlier one has those of its own sweep.
DESCRIBING_TAGS = (JOB_TAG, "settings_id", "variant", "dataset", "dataset_warnings", *ROW_TAGS, *SEARCH_PLACES)
FAILURE_TAG = "failure"
# How a sweep's trials are searched for, as JSON.
SEARCH_TAG = "search"
# What MLflow's list of runs shows as their source.
SOURCE = {"mlflow.source.name": "sweep.py", "mlflow.source.type": "LOCAL"}
# All that is read of a run: users add tags of their own, which mean nothing to us.
OURS = frozenset(
    (
        *(PARENT_TAG, SWEEP_TAG, TRIAL_TAG, DIRECTORY_TAG, PLAN_TAG, VARIANTS_TAG, PLANNED_TAG, RERUN_TAG),
        *(RESUMED_TAG, REUSED_TAG, ATTEMPTS_TAG, DIVERGED_TAG, STOPPED_TAG, BEST_TAG, JOURNAL_TAG, FAILURE_TAG),
        SEARCH_TAG,
        *(
            "recipe",
            "code",
            "code_sha256",
            "dataset_sha256",
            "hardware",
            "versions",
            "reproduce",
            "weights_sha256",
            "parameters",
        ),
        *DESCRIBING_TAGS,
    )
)
