"""The command line beside sweep.py: `python -m seedsweep table [SWEEP] [--format …] [-o FILE]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seedsweep.errors import BadInput

FORMATS = ("md", "html", "csv", "latex", "json")


def main(arguments: list[str] | None = None) -> None:
    """Run one subcommand and exit: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m seedsweep", description="Read what sweeps left in MLflow.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    table = commands.add_parser("table", help="write a sweep's comparison table again, from MLflow alone")
    table.add_argument(
        "sweep",
        nargs="?",
        metavar="SWEEP",
        help="its id, the beginning of it, or its name; default: the latest",
    )
    table.add_argument("--format", choices=FORMATS, default="md", help="default: md")
    table.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: the terminal")
    table.add_argument("--baseline", metavar="VARIANT", help="set the others against this one; default: the best")
    table.add_argument("--uri", help="MLflow's tracking URI; default: MLflow's own, mlflow.db in this directory")
    table.add_argument("--experiment", default="seedsweep", help="default: seedsweep")
    chosen = parser.parse_args(arguments)
    try:
        text = _table(chosen)
        if chosen.output:
            _write(chosen.output, text)
        else:
            sys.stdout.write(text)
    except BadInput as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command line speaks
        sys.exit(2)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        fix = "-o FILE in a directory that is there"
        raise BadInput(f"cannot write {path}: {error.strerror}", where="-o", fix=fix) from error


def _table(chosen: argparse.Namespace) -> str:
    from seedsweep.report import table_from
    from seedsweep.reporting.formats import FORMATS as WRITERS
    from seedsweep.tracking.reading import find_sweep
    from seedsweep.tracking.store import existing_store

    store = existing_store(chosen.uri, chosen.experiment)
    return WRITERS[chosen.format](table_from(store, find_sweep(store, chosen.sweep), chosen.baseline))


if __name__ == "__main__":
    main()
