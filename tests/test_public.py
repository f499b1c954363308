"""What `import seedsweep` gives."""

import subprocess
import sys

import pytest
from support.stores import store_of

import seedsweep
from seedsweep.tracking.run_queries import find_sweep


def test_every_public_name_is_there():
    assert all(getattr(seedsweep, name) is not None for name in seedsweep.__all__)
    assert seedsweep.__version__[0].isdigit()
    with pytest.raises(AttributeError, match="nothing"):
        _ = seedsweep.nothing


def test_importing_the_package_imports_no_library():
    """A script that only catches an error starts at once."""
    code = (
        "import sys, seedsweep; print(sorted({'hydra', 'mlflow', 'tensorflow', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_a_sweep_is_read_as_a_table(sweep, monkeypatch):
    run = sweep([1, 2], EPOCH_SECONDS=0)
    assert run.run() == 0, run.output
    monkeypatch.chdir(run.directory)
    record = find_sweep(store_of(run.directory), None)
    table = seedsweep.load_table(record.name)
    assert [row.seeds for row in table.rows] == [(1, 2)]
    with pytest.raises(seedsweep.UserError, match="no sweep 'other'"):
        seedsweep.load_table("other")
