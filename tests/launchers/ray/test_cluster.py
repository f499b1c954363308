"""What a trial takes of a node, and which clusters are joined; without starting one."""

import sys
from pathlib import Path

import pytest

from seedsweep.errors import UserError
from seedsweep.launchers.ray import cluster
from seedsweep.launchers.ray.cluster import ResourceRequest

TWO_GPUS = {"CPU": 16.0, "GPU": 2.0, "memory": 64e9, "big_disk": 1.0}
NO_GPU = {"CPU": 4.0, "memory": 8e9}


@pytest.mark.parametrize(
    ("needs", "nodes", "count"),
    [
        (ResourceRequest(1, 0, None, {}), [NO_GPU], 4),
        (ResourceRequest(1, 1, None, {}), [TWO_GPUS, NO_GPU], 2),
        (ResourceRequest(1, 0.5, None, {}), [TWO_GPUS, TWO_GPUS], 8),
        (ResourceRequest(0.1, 0, None, {}), [{"CPU": 0.3}], 3),  # 0.3 / 0.1 is less than 3 in floating point
        (ResourceRequest(8, 1, None, {}), [TWO_GPUS], 2),
        (ResourceRequest(12, 1, None, {}), [TWO_GPUS], 1),  # two halves of two nodes make no place
        (ResourceRequest(3, 0, None, {}), [NO_GPU, NO_GPU], 2),
        (ResourceRequest(1, 0, int(5e9), {}), [NO_GPU, TWO_GPUS], 1 + 12),
        (ResourceRequest(1, 0, None, {"big_disk": 1}), [TWO_GPUS, NO_GPU], 1),
        (ResourceRequest(1, 0, None, {"other": 1}), [TWO_GPUS], 0),
        (ResourceRequest(1, 0, None, {}), [], 0),
        (
            ResourceRequest(0, 0, None, {}),
            [TWO_GPUS],
            0,
        ),  # a trial that takes nothing fits endlessly: workers must be said
    ],
)
def test_how_many_trials_nodes_carry(needs, nodes, count):
    """Each node as many as what it has least of allows."""
    assert needs.fitting(nodes) == count


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"num_cpus": -1}, "hydra.launcher.num_cpus must be a number ≥ 0, got -1"),
        ({"num_gpus": "two"}, "hydra.launcher.num_gpus must be a number ≥ 0, got two"),
        ({"num_gpus": 1.5}, "hydra.launcher.num_gpus above 1 must be whole, got 1.5"),
        ({"memory": True}, "hydra.launcher.memory must be a number ≥ 0, got True"),
        ({"resources": {"big_disk": None}}, "hydra.launcher.resources.big_disk must be a number ≥ 0, got None"),
    ],
)
def test_what_is_no_amount_is_refused(said, what):
    """With the setting's name and the value received."""
    with pytest.raises(UserError) as refused:
        ResourceRequest.checked(**{"num_cpus": 1, "num_gpus": None, "memory": None, "resources": {}, **said})

    assert refused.value.what == what


@pytest.mark.parametrize("address", ["10.0.0.5:6379", "ray://gpu.example.org:10001", "[fe80::1]:6379", "0.0.0.0:6379"])
def test_a_cluster_that_is_open_to_anybody_is_not_joined(monkeypatch, address):
    """Nothing is sent to it, and what to do is said."""
    for mode in (None, "disabled"):
        monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
        if mode:
            monkeypatch.setenv("RAY_AUTH_MODE", mode)
        with pytest.raises(UserError, match="no token is used") as refused:
            cluster.connect(address, {})
        assert "RAY_AUTH_MODE=token" in refused.value.fix


@pytest.mark.parametrize("address", ["127.0.0.1:6379", "localhost:6379", "ray://127.0.0.1:10001", "[::1]:6379"])
def test_a_cluster_of_this_machine_alone_needs_no_token(monkeypatch, address):
    """Who is on the machine is on it anyway."""
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)

    cluster.check_guarded(address)


def test_without_ray_it_is_said_how_to_get_it(monkeypatch):
    """It is an extra."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "")  # which the test's end takes back
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(UserError, match="not installed") as refused:
        cluster.connect(None, {})

    assert refused.value.fix == 'pip install -e ".[ray]"'


def test_a_wrong_setting_starts_nothing(shell):
    """It is refused before Ray is started, and before anything is written."""
    ended = shell.sweep("-m", "hydra/launcher=ray", "hydra.launcher.num_gpus=-1", "seed=1,2")

    assert ended.code == 2
    assert "hydra.launcher.num_gpus must be a number ≥ 0, got -1" in ended.err
    assert list(shell.directory.iterdir()) == []


def test_what_travels_to_the_nodes_is_this_package():
    """The package itself and its plugins, wherever they are installed."""
    travels = [Path(place) for place in cluster.own_code()["py_modules"]]
    assert [place.name for place in travels] == ["seedsweep", "hydra_plugins"]
    assert (travels[0] / "py.typed").is_file()
