"""The rooms of the house: who may import whom, and what the parent process never imports."""

import ast
import os
import subprocess
import sys

import pytest
from conftest import CONF, ROOT

SOURCE = ROOT / "src" / "seedsweep"
ROOMS = ("trials", "training", "tracking", "launching", "reporting", "searching")
# Each heavy library belongs to one room. Hydra's own types are known to the launching room as well.
OWNERS = {
    "keras": "training",
    "keras_tuner": "searching",
    "tensorflow": "training",
    "mlflow": "tracking",
    "pebble": "launching",
    "pandas": "reporting",
    "matplotlib": "reporting",
    "PIL": "reporting",
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_another_room_but_trials(room):
    """Imports point one way: `app` joins the rooms."""
    for path in (SOURCE / room).rglob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "seedsweep" and len(parts) > 1:
                assert parts[1] in {room, "trials", "errors"}, f"{path.name} imports {name}"


@pytest.mark.parametrize(("library", "room"), OWNERS.items())
def test_each_heavy_library_is_imported_in_one_room(library, room):
    """And nowhere else, lazily or not."""
    for path in SOURCE.rglob("*.py"):
        if library in {name.split(".")[0] for name in imports(path)}:
            assert path.relative_to(SOURCE).parts[0] == room, f"{path} imports {library}"


def test_the_core_is_pure():
    """What a trial is needs the standard library only."""
    for path in (SOURCE / "trials").glob("*.py"):
        for name in imports(path):
            assert name.split(".")[0] in {*sys.stdlib_module_names, "seedsweep"}, f"{path.name} imports {name}"


PARENT = """
import sys
from pathlib import Path
from seedsweep.cli import main
if __name__ == "__main__":
    sys.argv = ["sweep.py", *{arguments!r}]
    try:
        main(Path({conf!r}))
    except SystemExit:
        pass
    print("imported:", *sorted({libraries!r} & set(sys.modules)))
"""


def imported_by(arguments, directory):
    script = directory / "parent.py"
    libraries = {"tensorflow", "keras", "keras_tuner", "mlflow", "pandas", "ray", "jax", "torch"}
    script.write_text(PARENT.format(arguments=arguments, conf=str(CONF), libraries=libraries), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(script)], cwd=directory, capture_output=True, text=True, check=False, timeout=120
    )
    return ended.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("arguments", [["--help"], ["epoch=3"], ["-m", "seed=0,1"], ["--cfg", "job"]])
def test_a_question_or_a_rejected_command_imports_nothing_heavy(tmp_path, arguments):
    """So that it answers at once."""
    assert imported_by(arguments, tmp_path) == []


@pytest.mark.parametrize("first", ["reuse", "tracking.store"])
def test_nothing_is_reported_to_mlflow_s_makers(first):
    """Whichever module comes to import MLflow first, it is told so before."""
    code = f"import seedsweep.{first}, mlflow.telemetry as t; print(t.get_telemetry_client())"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        # Nor does it report anything from within CI or a test, as far as it can see.
        env={name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.strip() == "None", ended.stderr
