"""The launcher and the sweeper pass the test suites that Hydra ships for its plugins."""

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)

# Hydra warns of its own defaults, which its suites do not set.
pytestmark = pytest.mark.filterwarnings("ignore:Future Hydra versions:UserWarning")

# Two workers are enough to show what differs from one, and a third costs a process start.
POOL = ["hydra.launcher.gpus=[]", "hydra.launcher.workers=2"]
# Whole applications are about names and directories, which one worker shows as well.
ALONE = ["hydra.launcher.gpus=[]", "hydra.launcher.workers=1"]


def test_hydra_discovers_the_launcher_and_the_sweeper():
    """Hydra finds both plugins by itself."""
    found = [plugin.__name__ for kind in (Launcher, Sweeper) for plugin in Plugins.instance().discover(kind)]
    assert {"PoolLauncher", "RayLauncher", "GridSweeper"} <= set(found)


@pytest.mark.parametrize(("launcher_name", "overrides"), [("pool", POOL)])
class TestPoolLauncher(LauncherTestSuite):
    """Hydra's suite for launchers, with Hydra's own sweeper."""


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=pool", "hydra/sweeper=grid", *ALONE])]
)
class TestPoolLauncherIntegration(IntegrationTestSuite):
    """Hydra's suite of whole applications, with our sweeper."""


@pytest.mark.full
@pytest.mark.parametrize(("launcher_name", "overrides"), [("ray", ["hydra.launcher.workers=2"])])
class TestRayLauncher(LauncherTestSuite):
    """Hydra's suite for launchers; all of it joins the one cluster that the first test starts."""


@pytest.mark.full
@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [({}, ["-m", "hydra/launcher=ray", "hydra/sweeper=grid", "hydra.launcher.workers=1"])],
)
class TestRayLauncherIntegration(IntegrationTestSuite):
    """Hydra's suite of whole applications, each of which starts a cluster of its own."""


@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("basic", ["hydra/sweeper=grid", "hydra.sweeper.max_batch_size=2"])]
)
class TestGridSweeper(BatchedSweeperTestSuite):
    """Hydra's suite for sweepers that launch in batches."""
