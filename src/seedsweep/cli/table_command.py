"""The command line beside sweep.py: `python -m seedsweep table` and `python -m seedsweep report`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seedsweep.errors import UserError, reason
from seedsweep.system.home import ensure_home
from seedsweep.system.standard_streams import tolerate_failures

FORMATS = ("md", "html", "csv", "latex", "json")
EXTENSIONS = {"latex": "tex"}


def main(arguments: list[str] | None = None) -> None:
    """Run one subcommand and exit: 0 done, 1 the table could not be shown, 2 bad input."""
    tolerate_failures()
    ensure_home()
    parser = argparse.ArgumentParser(prog="python -m seedsweep", description="Read what sweeps left in MLflow.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    table = commands.add_parser("table", help="write a sweep's comparison table again, from MLflow alone")
    table.add_argument(
        "--format", choices=FORMATS, help="default: by FILE's ending, else Markdown; in a terminal a table of its width"
    )
    table.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: the terminal")
    table.add_argument("--full", action="store_true", help="every column: own intervals, p-values, validation, notes")
    table.add_argument(
        "--explain", action="store_true", help="in a terminal: also what holds for all rows, and how to read them"
    )
    report = commands.add_parser("report", help="write a sweep's table in every format, and draw its pictures again")
    report.add_argument("-o", "--output", type=Path, metavar="DIRECTORY", required=True)
    for command, run in ((table, _table), (report, _report)):
        command.set_defaults(run=run)
        _add_sweep(command)
    chosen = parser.parse_args(arguments)
    try:
        chosen.run(chosen)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command line speaks
        sys.exit(2)


def _add_sweep(command: argparse.ArgumentParser) -> None:
    """Add the arguments that say which sweep is meant."""
    command.add_argument(
        "sweep",
        nargs="?",
        metavar="SWEEP",
        help="its id, the beginning of it, or its name; default: the latest",
    )
    command.add_argument(
        "--baseline",
        metavar="VARIANT",
        help="set the others against this one, which was chosen beforehand; default: the best",
    )
    command.add_argument("--uri", help="MLflow's tracking URI; default: MLflow's own, mlflow.db in this directory")
    command.add_argument("--experiment", default="seedsweep", help="default: seedsweep")


def _table(chosen: argparse.Namespace) -> None:
    from seedsweep.reporting.tables import formats, terminal
    from seedsweep.sweeps.publish import build_table
    from seedsweep.tracking.run_queries import find_sweep
    from seedsweep.tracking.store import reading

    form = chosen.format or _format_of(chosen.output)
    with reading(chosen.uri, chosen.experiment) as store:
        table = build_table(store, find_sweep(store, chosen.sweep), chosen.baseline)
    if chosen.output is None and chosen.format is None and not chosen.full and sys.stdout.isatty():
        text = terminal.to_terminal(table, explain=chosen.explain)
    else:
        text = (formats.FULL_FORMATS if chosen.full else formats.FORMATS)[form](table)
    if chosen.output:
        _write(chosen.output, text)
    else:
        sys.stdout.write(text)
        sys.stdout.flush()
        # A reader that has left, such as `head`, has read what it wanted.
        error = getattr(sys.stdout, "error", None)
        if error and not isinstance(error, BrokenPipeError):
            sys.exit(f"error: cannot show the table: {reason(error)}")


def _format_of(output: Path | None) -> str:
    """Return the format that a file's ending names; Markdown without one.

    Raises:
        UserError: it names none that there is.
    """
    endings = {f".{name}": form for form in FORMATS for name in (EXTENSIONS.get(form, form), form)} | {".htm": "html"}
    if output is None or not output.suffix:
        return "md"
    ending = output.suffix.lower()
    if ending not in endings:
        what = f"no format is called {ending.removeprefix('.')}; the formats are {', '.join(FORMATS)}"
        raise UserError(what, where="--output", fix=f"--output {output.with_suffix('.md')}, or --format md")
    return endings[ending]


def _report(chosen: argparse.Namespace) -> None:
    from seedsweep.reporting.tables.formats import FORMATS as WRITERS
    from seedsweep.sweeps.publish import build_table, draw_pictures
    from seedsweep.tracking.run_queries import find_sweep
    from seedsweep.tracking.store import reading

    with reading(chosen.uri, chosen.experiment) as store:
        sweep = find_sweep(store, chosen.sweep)
        table = build_table(store, sweep, chosen.baseline)
        try:
            chosen.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(error, chosen.output) from error
        for form, writer in WRITERS.items():
            _write(chosen.output / f"table.{EXTENSIONS.get(form, form)}", writer(table))
        try:
            draw_pictures(store, sweep, table, chosen.output)
        except OSError as error:
            raise _unwritable(error, chosen.output) from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(error, path) from error


def _unwritable(error: OSError, path: Path) -> UserError:
    return UserError(f"cannot write {path}: {error.strerror}", where="-o", fix="-o with a place that you may write to")
