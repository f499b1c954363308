"""The command line: Hydra's, with bad input answered in two lines and exit code 2.

Exit codes: 0 all trials finished; 1 some failed; 2 bad input, nothing was started; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

import hydra
from hydra._internal.utils import get_args_parser

from seedsweep.app import run_trial
from seedsweep.config import read_config, register_resolvers
from seedsweep.errors import BadInput, SweepInterrupted, TrialsFailed
from seedsweep.hydra_errors import as_bad_input

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CONFIG_NAME = "config"
_HYDRA_VERSION = "1.3"


def main(config_directory: Path) -> None:
    """Run what the command line says and exit.

    Args:
        config_directory: the directory with config.yaml and its groups.
    """
    wants_trace = os.environ.get("HYDRA_FULL_ERROR") == "1"
    # Hydra would print its own errors and exit with 1; with this it lets us answer.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    register_resolvers()
    try:
        _check_before_start(sys.argv[1:], config_directory)
        application = hydra.main(
            version_base=_HYDRA_VERSION, config_path=str(config_directory), config_name=CONFIG_NAME
        )(run_trial)
        application()
    except KeyboardInterrupt:
        _leave(130, "interrupted")
    except SweepInterrupted as stop:
        _leave(130, str(stop))
    except TrialsFailed as failed:
        _leave(1, f"error: {failed}")
    except Exception as error:  # noqa: BLE001 - the outermost frame: nobody else could show it
        bad = error if isinstance(error, BadInput) else as_bad_input(error, config_directory)
        if bad is None or wants_trace:
            traceback.print_exc()
        _leave(1 if bad is None else 2, "" if bad is None else str(bad))


def _leave(code: int, words: str) -> None:
    if words:
        print(words, file=sys.stderr)  # noqa: T201 - the command line speaks
    sys.exit(code)


def _check_before_start(arguments: Sequence[str], config_directory: Path) -> None:
    """Check a single trial before Hydra makes its directory; a sweep is checked by its sweeper.

    Raises:
        BadInput: the command line or the trial that it composes cannot be used.
    """
    parsed, unknown = get_args_parser().parse_known_args(list(arguments))
    if unknown and all("=" in word and not word.startswith("-") for word in unknown):
        raise BadInput(
            f"overrides stand on both sides of a flag: {' '.join(unknown)}",
            where="command line",
            fix="put -m first: python sweep.py -m " + " ".join([*parsed.overrides, *unknown]),
        )
    asks = parsed.help or parsed.hydra_help or parsed.version if hasattr(parsed, "version") else parsed.help
    other = parsed.multirun or parsed.cfg or parsed.info or parsed.shell_completion or parsed.hydra_help
    if (
        asks
        or other
        or parsed.experimental_rerun
        or any(text.startswith("hydra.mode=") for text in parsed.overrides)
    ):
        return
    with hydra.initialize_config_dir(str(parsed.config_dir or config_directory), version_base=_HYDRA_VERSION):
        config = hydra.compose(
            parsed.config_name or CONFIG_NAME, list(parsed.overrides), return_hydra_config=False
        )
    from seedsweep.app import load_checked

    load_checked(read_config(config).trial)
