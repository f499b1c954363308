"""The command line: Hydra's, with bad input answered in two lines and exit code 2.

Exit codes: 0 all trials finished; 1 some failed, or results cannot be written; 2 bad input, nothing was started;
129, 130 and 143 ended by SIGHUP, Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import gc
import os
import re
import shlex
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra import compose, initialize_config_dir

# Hydra does not hand its parsed flags to anyone: facebookresearch/hydra#1578.
from hydra._internal.utils import get_args_parser

from seedsweep.cli.hydra_errors import as_user_error, or_left_out
from seedsweep.config.function_overrides import complete_overrides
from seedsweep.config.groups import check_commas, refuse_merging
from seedsweep.config.overrides import quoted
from seedsweep.config.run_config import read_config, register_resolvers
from seedsweep.errors import (
    SearchFailed,
    SweepInterrupted,
    Terminated,
    TrialError,
    TrialsFailed,
    UserError,
    WriteError,
    reason,
)
from seedsweep.launchers.hydra.job import current_config
from seedsweep.launchers.signals import INTERRUPTED, handle_signals
from seedsweep.runner.task import run_trial
from seedsweep.runner.validation import load_checked
from seedsweep.system.home import ensure_home
from seedsweep.system.standard_streams import tolerate_failures
from seedsweep.tracking import sqlite_checks

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from omegaconf import DictConfig

CONFIG_NAME = "config"
_PUT_FIRST = "put -m first: python sweep.py -m "
_HYDRA_VERSION = "1.3"


def main(config_directory: Path) -> None:
    """Run what the command line says and exit.

    Args:
        config_directory: the directory with config.yaml and its groups.
    """
    tolerate_failures()
    ensure_home()
    wants_trace = os.environ.get("HYDRA_FULL_ERROR") == "1"
    # Hydra would print its own errors and exit with 1; with this it lets us answer.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(1, here)  # where a user's own functions are, wherever sweep.py is
    sys.argv[1:] = complete_overrides(sys.argv[1:])
    register_resolvers()
    handle_signals()
    try:
        _check_before_start(sys.argv[1:], config_directory)
        application = hydra.main(
            version_base=_HYDRA_VERSION, config_path=str(config_directory), config_name=CONFIG_NAME
        )(run_trial)
        application()
    except Terminated as stop:
        _leave(stop.code, "stopped at once; run the same command again to resume")
    except KeyboardInterrupt:
        _leave(INTERRUPTED, "interrupted")
    except SweepInterrupted as stop:
        _leave(INTERRUPTED, str(stop))
    except WriteError as error:
        _leave(1, str(error))
    except (TrialsFailed, SearchFailed, TrialError) as failed:
        _leave(1, f"error: {reason(failed) if isinstance(failed, TrialError) else failed}")
    except Exception as error:  # noqa: BLE001 - the outermost frame must report it
        bad = error if isinstance(error, UserError) else as_user_error(error, config_directory, sys.argv[1:])
        if bad is None or wants_trace:
            traceback.print_exc()
        _leave(1 if bad is None else 2, "" if bad is None else str(or_left_out(bad, sys.argv[1:])))
    finally:
        # The interpreter would look through all of MLflow's objects once more on its way out, for half a second.
        gc.freeze()


def _leave(code: int, words: str) -> None:
    if words:
        print(words, file=sys.stderr)  # noqa: T201 - the command line speaks
    sys.exit(code)


def _check_before_start(arguments: Sequence[str], config_directory: Path) -> None:
    """Check a single trial before Hydra makes its directory; a sweep is checked by its sweeper.

    Raises:
        UserError: the command line or the trial that it composes cannot be used.
    """
    if {"-h", "--help", "--version"} & set(arguments):
        return
    parsed, unknown = get_args_parser().parse_known_args(list(arguments))
    if unknown and all("=" in word and not word.startswith("-") for word in unknown):
        raise UserError(
            f"overrides stand on both sides of a flag: {' '.join(unknown)}",
            where="command line",
            fix=_PUT_FIRST + shlex.join([*parsed.overrides, *unknown]),
        )
    _check_flags(parsed)
    check_commas(parsed.overrides)
    refuse_merging(parsed.overrides)
    asks = parsed.hydra_help or parsed.cfg or parsed.info or parsed.shell_completion or parsed.experimental_rerun
    modes = [text for text in parsed.overrides if text.startswith("hydra.mode=")]
    if asks or parsed.multirun or (modes and modes[-1] != "hydra.mode=RUN"):
        return
    config = _composed(parsed, config_directory)
    sweeper = config.hydra.sweeper
    if not modes and (sweeper.get("params") or sweeper.get("rows") or sweeper.get("algorithm", "grid") != "grid"):
        raise UserError(
            "a sweep was named, and this trains one trial",
            where="sweeps, hydra/sweeper",
            fix=_PUT_FIRST + shlex.join(parsed.overrides),
        )
    with current_config(config):
        run = read_config(config)
    load_checked(run.trial)
    sqlite_checks.check_early(run.tracking.uri)


def _check_flags(parsed: argparse.Namespace) -> None:
    """Refuse flags that Hydra answers with a traceback.

    Raises:
        UserError: one of them needs another, or a file, or excludes one.
    """
    shows = next((flag for flag in ("cfg", "info") if getattr(parsed, flag)), None)
    if parsed.multirun and shows:
        given = str(getattr(parsed, shows))
        one = shlex.join(_first_value(text) for text in parsed.overrides)
        raise UserError(
            f"--{shows} shows what one trial would get, and -m makes a sweep",
            where=f"--{shows}",
            fix=f"one value of each setting: python sweep.py --{shows} {' '.join(filter(None, [given, one]))}",
        )
    if parsed.multirun and parsed.run:
        raise UserError("--run and --multirun exclude each other", where="--run", fix="leave --run out")
    if parsed.resolve and not parsed.cfg:
        raise UserError("--resolve is for --cfg", where="--resolve", fix="python sweep.py --cfg job --resolve")
    if parsed.experimental_rerun and not Path(parsed.experimental_rerun).is_file():
        raise UserError(
            f"no such file: {parsed.experimental_rerun}",
            where="--experimental-rerun",
            fix="leave --experimental-rerun out; the command that trains a run again is in its tag reproduce in MLflow",
        )
    if parsed.shell_completion and not parsed.overrides:
        raise UserError(
            "--shell-completion needs to know what to do",
            where="--shell-completion",
            fix="one of install, uninstall and query: python sweep.py --shell-completion install=bash",
        )


def _first_value(override: str) -> str:
    """Return an override with the first of its values, where it is a plain list of them."""
    return override if re.search(r"[\[({'\"]", override) else override.partition(",")[0]


def _composed(parsed: argparse.Namespace, config_directory: Path) -> DictConfig:
    """Compose a single trial's config as Hydra will, directories given on the command line included."""
    overrides = list(parsed.overrides)
    if parsed.config_dir is not None:
        overrides.insert(0, f"hydra.searchpath=[{quoted(f'file://{Path(parsed.config_dir).absolute()}')}]")
    main = Path(parsed.config_path or config_directory).absolute()
    with initialize_config_dir(str(main), job_name="sweep", version_base=_HYDRA_VERSION):
        return compose(parsed.config_name or CONFIG_NAME, overrides, return_hydra_config=True)
