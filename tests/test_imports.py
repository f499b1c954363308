"""What a command imports. Which room may import which, `lint-imports` checks by the contracts in pyproject.toml."""

import os
import subprocess
import sys

import pytest
from support.commands import CONF

PARENT = """
import sys
from pathlib import Path
from seedsweep.cli.sweep_command import main
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


@pytest.mark.parametrize("first", ["runner.reuse", "tracking.store"])
def test_nothing_is_reported_to_mlflow_s_makers(first):
    """Telemetry is switched off before any module imports MLflow."""
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
