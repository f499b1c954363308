"""Hydra's and OmegaConf's errors about what a user typed, in our words.

Not here: errors of our own settings; those are raised as `BadInput` where they are found.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from seedsweep.config import all_setting_names, unresolved
from seedsweep.errors import BadInput, did_you_mean
from seedsweep.searching.search import ALGORITHMS
from seedsweep.trials.checks import unknown_setting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Of Hydra's grammar for overrides, those that give values to sweep over; and how a call begins.
_FUNCTIONS = ("choice", "range", "interval", "glob", "tag", "sort", "shuffle")
_FUNCTION = re.compile(r"([A-Za-z_]\w*)\(")
_BRACKETS = {"[": "]", "{": "}", "(": ")"}


def as_bad_input(error: BaseException, config_directory: Path) -> BadInput | None:
    """Return what a user should read instead of an error, or None when it is no user's fault.

    Args:
        error: as it came out of Hydra.
        config_directory: where conf/ is, to name files as the user knows them.
    """
    for cause in _chain(error):
        known = _known(cause, config_directory)
        if known is not None:
            return known
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _known(error: BaseException, config_directory: Path) -> BadInput | None:
    if isinstance(error, BadInput):
        return error
    if isinstance(error, MarkedYAMLError):
        return _broken_yaml(error, config_directory)
    if isinstance(error, MissingConfigException):
        return _missing_choice(error)
    if isinstance(error, OverrideParseException):
        return _unparsable(error)
    if isinstance(error, ValueError) and str(error).startswith("Config group override must be"):
        return BadInput("a group cannot be null", where="command line", fix="model=conv3, opt=adam, …")
    if isinstance(error, HydraException):
        return _composition(str(error))
    if isinstance(error, OSError) and error.filename:
        # What a trial itself cannot write is the trial's own failure; this is Hydra making its directories.
        fix = "hydra.run.dir=DIRECTORY that you may write to"
        return BadInput(f"cannot write to {error.filename}: {error.strerror}", where="hydra.run.dir", fix=fix)
    if isinstance(error, OmegaConfBaseException):
        return unresolved(error, "config")
    return None


def _missing_choice(error: MissingConfigException) -> BadInput:
    name = (error.missing_cfg_file or "").removesuffix(".yaml")
    group, slash, choice = name.rpartition("/")
    if not slash:
        return BadInput(f"no config '{name}'", where="--config-name", fix="leave --config-name out")
    options = sorted(error.options or [])
    word = "sweep" if group == "sweeps" else group
    what = f"no {word} '{choice}'; available: {', '.join(options) or 'none'}"
    if group == "hydra/sweeper" and choice in ALGORITHMS:
        return BadInput(what, where=group, fix=f"hydra/sweeper=tuner hydra.sweeper.algorithm={choice}")
    return BadInput(what, where=group, fix=f"{group}={did_you_mean(choice, options) or '…, one of these'}")


def _unparsable(error: OverrideParseException) -> BadInput:
    typed = error.override
    key, _, value = typed.partition("=")
    for opening, closing in _BRACKETS.items():
        if value.count(opening) > value.count(closing):
            return BadInput(f"unclosed '{opening}' in {typed}", where=key, fix=f"'{typed}{closing}'")
        if value.count(opening) < value.count(closing):
            return BadInput(f"'{closing}' without '{opening}' in {typed}", where=key, fix=f"put '{opening}' before it")
    if not value and "=" not in typed:
        return BadInput(f"'{typed}' is no setting", where=typed, fix=f"{typed}=…")
    if value.endswith(","):
        return BadInput(f"{typed} ends with a comma", where=key, fix=f"no space after a comma: {key}={value}…")
    if (match := _FUNCTION.match(value)) and match[1] not in _FUNCTIONS:
        known = f"the functions are {', '.join(_FUNCTIONS)}"
        close = did_you_mean(match[1], _FUNCTIONS) or ("tag(log, interval" if match[1] == "log" else "choice")
        return BadInput(f"no function '{match[1]}'; {known}", where=key, fix=f"'{key}={close}(…)'")
    return BadInput(f"cannot read {typed}", where=key, fix=f"quote the value: \"{key}='{value}'\"")


def _composition(message: str) -> BadInput | None:
    """Match what Hydra's composition says; the texts are those of Hydra 1.3."""
    if match := re.search(r"Could not override '([^']*)'", message):
        key = match[1].lstrip("+~")
        close = _of_plugins(key)
        if close == key:
            group, leaf = key.removeprefix("hydra.").split(".", 1)
            others = ", ".join(_that_have(group, leaf))
            fix = f"leave it out, or hydra/{group}=… that has it: {others}"
            return BadInput(f"the {group} that was chosen has no setting '{leaf}'", where=key, fix=fix)
        if close:
            return BadInput(f"no setting '{key}'; did you mean '{close}'?", where=key, fix=f"{close}=…")
        if key.startswith("hydra."):
            return BadInput(f"no setting '{key}'", where=key, fix="python sweep.py --cfg hydra lists Hydra's settings")
        return unknown_setting(key, all_setting_names())
    if match := re.search(r"Ambiguous value for argument '(.*)'", message):
        return BadInput(
            f"{match[1]} is a list of values to sweep over",
            where=match[1].partition("=")[0],
            fix=f"put -m before the overrides: python sweep.py -m {shlex.quote(match[1])}",
        )
    if match := re.search(r"Sweep parameters '(.*)' requires --multirun", message):
        key = match[1].partition("=")[0]
        fix = f"put -m before the overrides: python sweep.py -m {shlex.quote(match[1])}"
        return BadInput(f"{match[1]} sweeps", where=key, fix=fix)
    if match := re.search(r"Sweeping over Hydra's configuration is not supported : '(.*)'", message):
        key = match[1].partition("=")[0]
        return BadInput(f"{match[1]} cannot be swept over: it is Hydra's own", where=key, fix=f"one value: {key}=…")
    if match := re.match(r"In '([^']*)': \w+ raised while composing config:\n(.*)\n\s+full_key: (\S*)", message):
        # What a file says of a plugin's settings, which have types of their own.
        close = _of_plugins(match[3])
        what = f"{match[1]}.yaml: {match[2].strip()}"
        fix = (
            f"{close.rpartition('.')[2]}: … in that file" if close and close != match[3] else "correct it in that file"
        )
        return BadInput(what, where=match[3] or match[1], fix=fix)
    if not message:
        return None
    first = " ".join(message.splitlines()[0].split())
    return BadInput(first, where="command line or conf/", fix="python sweep.py --help shows all settings")


def _that_have(group: str, leaf: str) -> list[str]:
    """Return the launchers or sweepers that have a setting."""
    nodes = ConfigStore.instance().repo["hydra"][group]
    return sorted(name.removesuffix(".yaml") for name, node in nodes.items() if leaf in node.node)


def _of_plugins(key: str) -> str | None:
    """Return the setting of a launcher or a sweeper that a key probably means."""
    above, _, leaf = key.rpartition(".")
    for group in ("launcher", "sweeper"):
        nodes = ConfigStore.instance().repo["hydra"][group].values()
        names = [str(name) for node in nodes for name in node.node if not str(name).startswith("_")]
        if not above and leaf in names:
            return f"hydra.{group}.{leaf}"
        if above == f"hydra.{group}" and (close := did_you_mean(leaf, names)):
            return f"{above}.{close}"
    return None


def _broken_yaml(error: MarkedYAMLError, config_directory: Path) -> BadInput:
    mark = error.problem_mark or error.context_mark
    name, line = (mark.name, mark.line + 1) if mark else ("a config file", 0)
    shown = name.removeprefix(str(config_directory.parent) + "/")
    problem = str(error.problem or error.context or error)
    if "'\\t'" in problem:
        problem = "a tab, where YAML allows spaces only"
    return BadInput(f"{shown}, line {line}: {problem}", where=shown, fix="correct that line")
