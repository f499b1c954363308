"""Which sweeper a file of sweeps/ gets."""

import shutil

import pytest
from support.commands import CONF, ROOT, Shell

TUNER = "# @package _global_\ndefaults:\n  - override /hydra/sweeper: tuner\nepochs: 2\n"
GRID = "# @package _global_\nepochs: 2\n"


@pytest.fixture
def own(tmp_path, starter):
    """A project with two sweep files of a user's own, and a shell in it."""
    for name in ("conf", "sweeps"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "sweep.py", tmp_path)
    (tmp_path / "sweeps" / "searched.yaml").write_text(TUNER, encoding="utf-8")
    (tmp_path / "sweeps" / "listed.yaml").write_text(GRID, encoding="utf-8")
    return Shell(tmp_path, tmp_path / "sweep.py", starter)


@pytest.mark.parametrize(
    ("arguments", "sweeper"),
    [
        ([], "grid_sweeper.GridSweeper"),
        (["sweeps=listed"], "grid_sweeper.GridSweeper"),
        (["sweeps=searched"], "tuner_sweeper.TunerSweeper"),
        (["sweeps=tune"], "tuner_sweeper.TunerSweeper"),
        (["sweeps=searched", "hydra/sweeper=grid"], "grid_sweeper.GridSweeper"),
    ],
)
def test_a_sweep_file_chooses_its_sweeper_by_one_line(own, arguments, sweeper):
    """`override /hydra/sweeper: tuner`; without that line it is the grid, and the command line has the last word."""
    ended = own.sweep("--cfg", "hydra", "--package", "hydra.sweeper", *arguments)
    assert ended.code == 0, ended.err
    assert f"_target_: hydra_plugins.seedsweep_plugins.{sweeper}" in ended.out


def test_each_sweeper_has_only_its_own_settings(own):
    """A grid has no number of trials, and a search no rows."""
    grid, tuner = (
        own.sweep("--cfg", "hydra", "--package", "hydra.sweeper", f"hydra/sweeper={name}").out
        for name in ("grid", "tuner")
    )
    assert ("max_trials" in grid, "rows" in grid) == (False, True)
    assert ("max_trials" in tuner, "rows" in tuner) == (True, False)


def test_the_primary_config_names_no_sweeper():
    """Or no other file could: Hydra lets the primary config's own choice stand."""
    assert "hydra/sweeper" not in (CONF / "config.yaml").read_text(encoding="utf-8")
