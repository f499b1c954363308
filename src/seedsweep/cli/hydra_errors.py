"""Hydra's and OmegaConf's errors about what a user typed, in our words.

Not here: errors of our own settings; those are raised as `UserError` where they are found.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from functools import partial
from typing import TYPE_CHECKING

from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from seedsweep.config.functions import FUNCTION_GROUPS
from seedsweep.config.overrides import override, quoted, shell_word
from seedsweep.config.run_config import all_setting_names, unresolved
from seedsweep.config.validators import unknown_setting
from seedsweep.errors import UserError, did_you_mean
from seedsweep.search.searcher import ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Of Hydra's grammar for overrides, those that give values to sweep over; and how a call begins.
_FUNCTIONS = ("choice", "range", "interval", "glob", "tag", "sort", "shuffle")
_FUNCTION = re.compile(r"([A-Za-z_]\w*)\(")
_BRACKETS = {"[": "]", "{": "}", "(": ")"}


def or_left_out(bad: UserError, arguments: Sequence[str]) -> UserError:
    """Return an error about a setting without a value with the advice not to type what took its value away."""
    typed = [text for text in arguments if text.partition("=")[0].lstrip("+~") == bad.where]
    if not bad.fix.startswith("give ") or not typed:
        return bad
    return UserError(bad.what, where=bad.where, fix=f"leave {shell_word(typed[-1])} out, or {bad.fix}")


def as_user_error(error: BaseException, config_directory: Path, arguments: Sequence[str]) -> UserError | None:
    """Return what a user should read instead of an error, or None when it is no user's fault.

    Args:
        error: as it came out of Hydra.
        config_directory: where conf/ is, to name files as the user knows them.
        arguments: of the command line.
    """
    for cause in _chain(error):
        known = _known(cause, config_directory, arguments)
        if known is not None:
            return known
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _known(error: BaseException, config_directory: Path, arguments: Sequence[str]) -> UserError | None:
    if isinstance(error, UserError):
        return error
    if isinstance(error, MarkedYAMLError):
        return _broken_yaml(error, config_directory)
    if isinstance(error, MissingConfigException):
        return _missing_choice(error, arguments)
    if isinstance(error, OverrideParseException):
        return _unparsable(error)
    if isinstance(error, HydraException):
        return _composition(str(error), arguments)
    if isinstance(error, OSError) and error.filename:
        # What a trial itself cannot write is the trial's own failure; this is Hydra making its directories.
        fix = f"{override('hydra.run.dir', f'{tempfile.gettempdir()}/outputs')}, or where else you may write"
        return UserError(f"cannot write to {error.filename}: {error.strerror}", where="hydra.run.dir", fix=fix)
    if isinstance(error, OmegaConfBaseException):
        return unresolved(error, "config")
    return None


def _missing_choice(error: MissingConfigException, arguments: Sequence[str]) -> UserError:
    name = (error.missing_cfg_file or "").removesuffix(".yaml")
    group, slash, choice = name.rpartition("/")
    if not slash:
        flag = next((text for text in arguments if text.startswith(("--config-name", "-cn"))), None)
        fix = f"leave {flag.partition('=')[0]} out" if flag else f"a file {name}.yaml, or no mention of it"
        return UserError(f"no config '{name}'", where=flag or "the defaults list", fix=fix)
    options = sorted(error.options or [])
    word = "sweep" if group == "sweeps" else group
    what = f"no {word} '{choice}'; available: {', '.join(options) or 'none'}"
    if group == "hydra/sweeper" and choice in ALGORITHMS:
        return UserError(what, where=group, fix=f"hydra/sweeper=tuner hydra.sweeper.algorithm={choice}")
    close = did_you_mean(choice, options)
    if close or not options:
        return UserError(what, where=group, fix=f"{group}={close}" if close else f"leave {group} out")
    return UserError(what, where=group, fix=f"{group}={options[0]}, or another of these")


def _unparsable(error: OverrideParseException) -> UserError:
    typed = error.override
    key, _, value = typed.partition("=")
    for opening, closing in _BRACKETS.items():
        if value.count(opening) > value.count(closing):
            return UserError(f"unclosed '{opening}' in {typed}", where=key, fix=f"'{typed}{closing}'")
        if value.count(opening) < value.count(closing):
            fix = shell_word(typed.replace(closing, "", 1))
            return UserError(f"'{closing}' without '{opening}' in {typed}", where=key, fix=fix)
    if not value and "=" not in typed:
        return UserError(
            f"'{typed}' is no setting", where=typed, fix=f"leave {shell_word(typed)} out, or give it a value"
        )
    if (match := _FUNCTION.match(value)) and match[1] not in _FUNCTIONS:
        known = f"the functions are {', '.join(_FUNCTIONS)}"
        close = "tag(log, " if match[1] == "log" else f"{did_you_mean(match[1], _FUNCTIONS) or 'choice'}("
        fix = shell_word(f"{key}={close}{value.removeprefix(match[0])}")
        return UserError(f"no function '{match[1]}'; {known}", where=key, fix=fix)
    return UserError(
        f"cannot read {typed}", where=key, fix=f"{shell_word(f'{key}={quoted(value)}')} with its value in quotes"
    )


def _composition(message: str, arguments: Sequence[str]) -> UserError | None:
    """Match what Hydra's composition says; the texts are those of Hydra 1.3."""
    if match := re.search(r"Could not override '([^']*)'", message):
        return _not_overridden(match[1].lstrip("+~"), message, arguments)
    if match := re.search(r"Could not delete[^']*'([^']*)'", message):
        return UserError(f"no setting '{match[1]}'", where=match[1], fix=f"leave ~{match[1]} out")
    if match := re.search(r"Ambiguous value for argument '(.*)'", message):
        return UserError(
            f"{match[1]} is a list of values to sweep over",
            where=match[1].partition("=")[0],
            fix=f"put -m before the overrides: python sweep.py -m {shlex.join(arguments)}",
        )
    if match := re.search(r"Sweep parameters '(.*)' requires --multirun", message):
        key = match[1].partition("=")[0]
        fix = f"put -m before the overrides: python sweep.py -m {shlex.join(arguments)}"
        return UserError(f"{match[1]} sweeps", where=key, fix=fix)
    if match := re.search(r"Sweeping over Hydra's configuration is not supported : '(.*)'", message):
        key, _, values = match[1].partition("=")
        fix = shell_word(f"{key}=[{values}]" if key.endswith("gpus") else f"{key}={values.split(',')[0]}")
        return UserError(f"{match[1]} cannot be swept over: it is Hydra's own", where=key, fix=fix)
    if match := re.match(r"In '([^']*)': \w+ raised while composing config:\n(.*)\n\s+full_key: (\S*)", message):
        # A file sets a plugin's setting, which has a type of its own.
        close = _of_plugins(match[3])
        what = f"{match[1]}.yaml: {match[2].strip()}"
        only_tuner = match[3].startswith("hydra.sweeper.") and _that_have("sweeper", match[3].rpartition(".")[2])
        fix = (
            f"defaults: [override /hydra/sweeper: {only_tuner[0]}] in that file"
            if only_tuner
            else f"{close.rpartition('.')[2]} in the place of {match[3].rpartition('.')[2]} in that file"
            if close and close != match[3]
            else "correct it in that file"
        )
        return UserError(what, where=match[3] or match[1], fix=fix)
    if not message:
        return None
    first = " ".join(message.splitlines()[0].split())
    return UserError(first, where="command line or conf/", fix="all settings are listed by: python sweep.py --help")


def _not_overridden(key: str, message: str, arguments: Sequence[str]) -> UserError:
    """Build the error for a setting that Hydra does not find."""
    with_value = partial(_with_value, typed=key, message=message, arguments=arguments)
    close = _of_plugins(key)
    if close == key:
        group, leaf = key.removeprefix("hydra.").split(".", 1)
        fix = f"hydra/{group}={' or '.join(_that_have(group, leaf))}, or leave {key} out"
        return UserError(f"the {group} that was chosen has no setting '{leaf}'", where=key, fix=fix)
    if close:
        return UserError(f"no setting '{key}'; did you mean '{close}'?", where=key, fix=with_value(close))
    if key.startswith("hydra."):
        fix = "all of its settings are listed by: python sweep.py --cfg hydra"
        return UserError(f"no setting '{key}'", where=key, fix=fix)
    if key in all_setting_names():
        what = f"the primary config has no '{key}'"
        return UserError(what, where=key, fix=f"{with_value(f'+{key}')}, or a line for it in that file")
    group, _, name = key.partition(".")
    if group in FUNCTION_GROUPS and name and not did_you_mean(key, all_setting_names()):
        fix = f"{with_value(f'+{key}')}, if {group} is a function that has a parameter {name}"
        return UserError(f"{group} has no setting '{name}'", where=key, fix=fix)
    return unknown_setting(key, all_setting_names(), with_value)


def _with_value(key: str, *, typed: str, message: str, arguments: Sequence[str]) -> str:
    """Return an override of another key with what was typed: all values of a sweep, where Hydra names the first."""
    values = [text.partition("=")[2] for text in arguments if text.partition("=")[0].lstrip("+~") == typed]
    match = re.search(r"use \+[^=\s]+=(.*)", message)
    value = values[-1] if values else match[1] if match else "VALUE"
    return shell_word(f"{key}={value}")


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


def _broken_yaml(error: MarkedYAMLError, config_directory: Path) -> UserError:
    mark = error.problem_mark or error.context_mark
    name, line = (mark.name, mark.line + 1) if mark else ("a config file", 0)
    shown = name.removeprefix(str(config_directory.parent) + "/")
    problem = str(error.problem or error.context or error)
    if "'\\t'" in problem:
        problem = "a tab, where YAML allows spaces only"
    return UserError(f"{shown}, line {line}: {problem}", where=shown, fix="correct that line")
