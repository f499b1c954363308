"""A composed config, checked: the trial, and what is decided about it without changing its result."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue, OmegaConfBaseException

from seedsweep.config import validators
from seedsweep.config.groups import GROUPS
from seedsweep.config.overrides import format_override, quoted
from seedsweep.config.trial_config import Trial, setting_names
from seedsweep.errors import UserError, did_you_mean
from seedsweep.metrics import METRICS

if TYPE_CHECKING:
    from omegaconf import DictConfig


# Where a trial stands in its search: its suggestion's number, and in Hyperband its bracket and rung and the number
# of the suggestion that it resumes. Tags of its run.
SEARCH_PLACES = ("suggestion", "bracket", "rung", "continues")


@dataclass(frozen=True)
class Tracking:
    """Where results go.

    Attributes:
        uri: MLflow's tracking URI; None takes MLflow's default.
        experiment: MLflow's experiment.
        name: what the sweep is called; None takes the overrides that made it.
        parent_run_id: the sweep that a trial belongs to.
        settings_id: of the settings that the sweep has planned for the trial.
        code_sha256: of the user's code that the sweep has planned the trial with; None without any.
        variant: what the sweep calls the trial's variant.
        job: the trial's number in its sweep, from 0.
        row: the named row of its sweep that the trial belongs to.
        search: where a trial stands in its search, by name; None for any other trial.
    """

    uri: str | None
    experiment: str
    name: str | None
    parent_run_id: str | None
    settings_id: str | None
    code_sha256: str | None
    variant: str | None
    job: int | None
    row: str | None
    search: Mapping[str, int] | None

    def overrides(self) -> list[str]:
        """Return the overrides with which a sweep launches a trial."""
        return [f"tracking.{name}={_as_typed(getattr(self, name))}" for name in _SET_BY_SWEEP]

    @property
    def tested(self) -> bool:
        """Whether the trial is measured on the test images; a search compares its trials without them."""
        return self.search is None

    @property
    def resumable(self) -> bool:
        """Whether its last state is kept, for the trial on the next rung to resume from."""
        return self.search is not None and "rung" in self.search


# A user chooses the other two, and a trial has them from its sweep's command line.
_SET_BY_SWEEP = tuple(name for name in Tracking.__dataclass_fields__ if name not in ("experiment", "name"))
INTERNAL_OVERRIDES = tuple(f"tracking.{name}" for name in _SET_BY_SWEEP)


def _as_typed(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_as_typed(inner)}" for key, inner in value.items()) + "}"
    return format_override(value)


RERUNS = ("false", "missing", "true")


@dataclass(frozen=True)
class Execution:
    """How trials are run; nothing of it changes a result.

    Attributes:
        rerun: what is trained again that was trained before: "true" all, "missing" what has lost its files, "false"
            none, but for lost answers to test images that a table needs.
        checkpoint_every: epochs between two checkpoints.
        timeout: seconds that a trial may take; None: any.
        retries: how often a trial is begun again that lost its process or ran out of memory.
        max_failures: failed trials after which no more are started; None: any number.
        pictures: whether curves, digits and the like are drawn.
    """

    rerun: str
    checkpoint_every: int
    timeout: float | None
    retries: int
    max_failures: int | None
    pictures: bool


@dataclass(frozen=True)
class RunConfig:
    """Everything that one run of the program was told.

    Attributes:
        trial: what can change the result.
        objective: the metric that a trial returns to the sweeper.
        execution: how it is run.
        tracking: where results go.
    """

    trial: Trial
    objective: str
    execution: Execution
    tracking: Tracking


def read_config(config: DictConfig) -> RunConfig:
    """Resolve and check a composed config; a key `hydra` in it is passed over.

    Raises:
        UserError: a setting is unknown, missing, cannot be resolved, or is out of its range.
    """
    top = (*Trial.__dataclass_fields__, "objective", *Execution.__dataclass_fields__, "tracking")
    plain = {str(key): _resolved(config, str(key)) for key in config if key != "hydra"}
    if "sweeps" in plain:
        raise UserError(
            "the settings of a file in sweeps/ arrived under the key 'sweeps'",
            where="sweeps",
            fix="the first line of that file must be: # @package _global_",
        )
    validators.known_keys("", plain, top)
    tracking = plain["tracking"]
    if not isinstance(tracking, dict):
        validators.raise_invalid("tracking", "a group of settings", tracking, "leave tracking out")
    validators.known_keys("tracking", tracking, Tracking.__dataclass_fields__)
    return RunConfig(
        trial=Trial.from_config({key: value for key, value in plain.items() if key in Trial.__dataclass_fields__}),
        objective=_objective(plain["objective"]),
        execution=_execution(plain),
        tracking=Tracking(
            job=None if tracking["job"] is None else validators.integer("tracking.job", tracking["job"], at_least=0),
            uri=_text_or_none("uri", tracking["uri"]),
            experiment=validators.text("tracking.experiment", tracking["experiment"]),
            name=_text_or_none("name", tracking["name"]),
            parent_run_id=_text_or_none("parent_run_id", tracking["parent_run_id"]),
            settings_id=_text_or_none("settings_id", tracking["settings_id"]),
            code_sha256=_text_or_none("code_sha256", tracking["code_sha256"]),
            variant=_text_or_none("variant", tracking["variant"]),
            row=_text_or_none("row", tracking["row"]),
            search=_place_in_search(tracking["search"]),
        ),
    )


def _execution(plain: Mapping[str, Any]) -> Execution:
    timeout, max_failures = plain["timeout"], plain["max_failures"]
    if (rerun := format_override(plain["rerun"])) not in RERUNS:
        validators.raise_invalid("rerun", f"one of {', '.join(RERUNS)}", plain["rerun"], "rerun=true")
    return Execution(
        rerun=rerun,
        checkpoint_every=validators.integer("checkpoint_every", plain["checkpoint_every"]),
        timeout=None if timeout is None else validators.positive("timeout", timeout, example="3600"),
        retries=validators.integer("retries", plain["retries"], at_least=0),
        max_failures=None if max_failures is None else validators.integer("max_failures", max_failures),
        pictures=validators.boolean("pictures", plain["pictures"]),
    )


def _resolved(config: DictConfig, key: str) -> Any:
    try:
        value = config[key]
        return (
            OmegaConf.to_container(value, resolve=True, throw_on_missing=True) if OmegaConf.is_config(value) else value
        )
    except MissingMandatoryValue as error:
        raise UserError(
            f"{error.full_key or key} is required", where=key, fix=f"give {error.full_key or key} a value"
        ) from error
    except OmegaConfBaseException as error:
        raise unresolved(error, key) from error


def unresolved(error: OmegaConfBaseException, key: str) -> UserError:
    """Build the error for a `${…}` that stands for nothing."""
    name = error.full_key or key
    if isinstance(error, InterpolationResolutionError):
        reason = str(error).splitlines()[0]
        return UserError(f"cannot resolve {name}: {reason}", where=name, fix=f"give {name} a value")
    return UserError(str(error).splitlines()[0], where=name, fix=f"give {name} a value")


def _objective(value: object) -> str:
    if value not in METRICS:
        close = did_you_mean(str(value), METRICS)
        validators.raise_invalid(
            "objective",
            "a metric that a trial reports; the metrics are " + ", ".join(METRICS),
            value,
            f"objective={close or 'val_accuracy'}",
        )
    return str(value)


def _place_in_search(value: object) -> Mapping[str, int] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        validators.raise_invalid(
            "tracking.search", "what a search tells its trials", value, "leave tracking.search out"
        )
    for key in value:
        validators.choice("tracking.search", key, SEARCH_PLACES)
    return {str(key): validators.integer(f"tracking.search.{key}", number, at_least=0) for key, number in value.items()}


def _text_or_none(key: str, value: object) -> str | None:
    return None if value is None else validators.text(f"tracking.{key}", value)


def all_setting_names() -> list[str]:
    """Return the dotted path of everything that can be set, and the groups, `hydra` apart."""
    return [
        *GROUPS,
        "sweeps",
        *setting_names(),
        "objective",
        *Execution.__dataclass_fields__,
        *(f"tracking.{name}" for name in Tracking.__dataclass_fields__),
    ]


def register_resolvers() -> None:
    """Make `${unique_start:}` known to configs: a directory name that no other start has."""
    # Cached: the sweep and all its trials get the same name, in every process.
    OmegaConf.register_new_resolver("unique_start", _unique_start, use_cache=True, replace=True)


def _unique_start() -> str:
    return f"{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S}_{secrets.token_hex(4)}"
