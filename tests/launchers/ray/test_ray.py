"""The launcher `ray`: the same results as on one machine, from machines that share nothing, and nothing lost."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from support.nodes import Cluster, needs_own_disks
from support.servers import free_port, mlflow_server, postgresql
from support.stores import small_data, store_of

from seedsweep.tracking.run_queries import find_sweep

RAY = "hydra/launcher=ray"


def trials_of(directory, experiment="seedsweep"):
    sweep = find_sweep(store_of(directory, experiment=experiment), None)
    return sorted(sweep.trials, key=lambda trial: trial.settings["seed"])


@pytest.mark.train
def test_gives_what_the_pool_gives(tmp_path, shell):
    """Equal identities and equal weights; and what one has trained, the other need not."""
    small = [*small_data(tmp_path), "model=conv1", "model.conv_filters=[4]", "epochs=2", "seed=1,2", "pictures=false"]
    two = "hydra.launcher.workers=2"
    assert shell.sweep("-m", *small, two, "tracking.experiment=pool").code == 0
    ended = shell.sweep("-m", *small, two, RAY, "tracking.experiment=ray")
    assert ended.code == 0, ended.out + ended.err
    again = shell.sweep("-m", *small, "tracking.experiment=ray")

    pool, ray = trials_of(tmp_path, "pool"), trials_of(tmp_path, "ray")
    for key in ("trial_id", "weights_sha256", "dataset_sha256", "variant"):
        assert [trial.tags[key] for trial in ray] == [trial.tags[key] for trial in pool], key
    assert [trial.metrics["test_accuracy"] for trial in ray] == [trial.metrics["test_accuracy"] for trial in pool]
    assert "plan: 2 cached, 0 to resume, 0 new" in again.out


OWN = """
import keras

from helpers import block


def wide(input_shape, classes, *, width=4):
    layers = [keras.Input(input_shape), keras.layers.Flatten(), block(width), keras.layers.Dense(classes)]
    return keras.Sequential(layers)
"""
HELPERS = "import keras\n\n\ndef block(width):\n    return keras.layers.Dense(width, activation='relu')\n"


@pytest.mark.full
@needs_own_disks
def test_a_user_s_function_travels_to_nodes_that_have_no_file_of_it(tmp_path, shell, cluster):
    """And gives the same weights there as in the pool."""
    (tmp_path / "nets.py").write_text(OWN)
    (tmp_path / "helpers.py").write_text(HELPERS)
    small = [*small_data(tmp_path), "model._target_=nets.wide", "epochs=2", "seed=1,2", "pictures=false"]
    assert shell.sweep("-m", *small, "hydra.launcher.workers=2", "tracking.experiment=pool").code == 0
    there = [RAY, f"hydra.launcher.address='{cluster.address}'", "tracking.experiment=ray"]
    ended = shell.sweep("-m", *small, *there, **cluster.variables)
    assert ended.code == 0, ended.out + ended.err
    for key in ("trial_id", "code_sha256", "weights_sha256"):
        pool, ray = ([trial.tags[key] for trial in trials_of(tmp_path, name)] for name in ("pool", "ray"))
        assert pool == ray, key


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head and two nodes, to which all that the tests write to is another, empty directory."""
    running = Cluster(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("nodes"))
    try:
        for _ in range(2):
            running.add_node()
        yield running
    finally:
        running.stop()


@pytest.fixture
def ledger():
    """A ledger that the nodes can see, which is all that they share with the tests."""
    directory = Path(tempfile.mkdtemp(prefix="ledger-"))
    yield directory / "ledger"
    shutil.rmtree(directory)


@pytest.fixture
def ray_sweep(sweep, cluster, ledger):
    """A function that makes a `Sweep` of the stand-in on the cluster."""

    def make(seeds, *arguments, address=None, **settings):
        variables = f"LEDGER:{ledger},FAULTS:'{json.dumps(settings.pop('faults', {})).replace(' ', '')}'"
        brought = (
            f"hydra.launcher.runtime_env={{worker_process_setup_hook:stand_in.stand_in_here,env_vars:{{{variables}}}}}"
        )
        joined = [RAY, f"hydra.launcher.address='{address or cluster.address}'", "hydra.launcher.workers=2", brought]
        made = sweep(seeds, *joined, *arguments, **settings, **cluster.variables)
        ledger.touch()
        made.ledger = ledger
        return made

    return make


def actors():
    """The processes that train for a sweep, on whatever node."""
    found = [process for process in psutil.process_iter(["cmdline"]) if "ray::RayActor" in str(process.info["cmdline"])]
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.full
@needs_own_disks
def test_a_killed_worker_costs_an_epoch_at_most(ray_sweep, tally):
    """The trial goes on from its last whole epoch in a new process, though that process finds no file of it."""
    trying = ray_sweep(range(1, 5))
    with trying.started() as driver:
        trying.wait_for_epochs(3)
        actors()[0].kill()
        assert driver.wait(120) == 0, trying.output
    trying.check_whole()
    # The one that it was in, and one that was not told yet.
    assert trying.repeated() <= 2
    assert "WorkerDied: the worker process was lost" in trying.output
    tally("Ray: kill -9 a worker in mid-epoch", 1, 1)


@pytest.mark.full
@needs_own_disks
def test_a_lost_node_costs_an_epoch_at_most(ray_sweep, cluster, tally):
    """Its trial goes on elsewhere, from what the driver was told of it."""
    trying = ray_sweep(range(1, 5), "retries=2")
    with trying.started() as driver:
        trying.wait_for_epochs(3)
        cluster.lose(cluster.nodes[0])
        assert driver.wait(180) == 0, trying.output
    trying.check_whole()
    assert trying.repeated() <= 2
    cluster.add_node()
    tally("Ray: a node lost in mid-trial", 1, 1)


@pytest.mark.full
@needs_own_disks
def test_a_killed_driver_goes_on(ray_sweep, tally):
    """Its workers end, and the same command has what they had told."""
    trying = ray_sweep(range(1, 5))
    with trying.started() as driver:
        trying.wait_for_epochs(5)
        driver.kill()
        driver.wait()
        trying.wait_for(lambda: not actors(), 60)
    assert trying.run() == 0, trying.output
    trying.check_whole()
    assert trying.repeated() <= 4
    assert trying.trained_after_end() == set()
    tally("Ray: kill -9 the driver, the same command again", 1, 1)


@pytest.mark.full
@needs_own_disks
def test_trials_see_those_beside_them(ray_sweep):
    """The median rule compares with what ended on other machines."""
    rates = "opt.learning_rate=0.01,0.011,0.012,0.013,0.1"
    trying = ray_sweep([1], rates, "stop=median", "stop.warmup=1", "opt=sgd", epochs=6)
    assert trying.run() == 0, trying.output
    # Four are about as good; the last one begins when three have finished, and is the worst of all.
    ended = {trial.settings["opt.learning_rate"]: trial.status for trial in trials_of(trying.directory)}
    assert ended.pop("0.1") == "stopped"
    assert set(ended.values()) == {"finished"}


@pytest.mark.full
@needs_own_disks
def test_ctrl_c_keeps_what_is_whole(ray_sweep, tally):
    """Running trials stop, what they have is kept, and the same command goes on."""
    trying = ray_sweep(range(1, 5))
    with trying.started() as driver:
        trying.wait_for_epochs(5)
        driver.send_signal(signal.SIGINT)
        assert driver.wait(60) == 130, trying.output
    assert "running trials write their checkpoints" in trying.output
    assert trying.run() == 0, trying.output
    trying.check_whole()
    assert trying.repeated() <= 2
    tally("Ray: Ctrl-C, the same command again", 1, 1)


@pytest.mark.full
@needs_own_disks
def test_what_the_pool_has_begun_is_finished_here(ray_sweep, ledger):
    """On nodes that see nothing of its disk, from the checkpoints that it left."""
    trying = ray_sweep(range(1, 5))
    here = trying.arguments
    elsewhere = (RAY, "hydra.launcher.address=", "hydra.launcher.runtime_env=")
    trying.arguments = [word for word in here if not word.startswith(elsewhere)]
    trying.environment["LEDGER"] = str(ledger)
    with trying.started() as driver:
        trying.wait_for_epochs(6)
        driver.send_signal(signal.SIGINT)
        assert driver.wait(60) == 130, trying.output
    trying.arguments = here
    assert trying.run() == 0, trying.output
    assert "resuming sweep" in trying.output
    assert "after epoch" in trying.output
    trying.check_whole()
    assert trying.repeated() <= 2


@pytest.mark.full
@needs_own_disks
def test_this_package_travels(cluster):
    """Nodes run the code of the machine on which a sweep was typed, and not their own."""
    asked = """
import sys
from seedsweep.launchers.ray.cluster import ResourceRequest, find_slots, own_code
slots = find_slots(sys.argv[1], ResourceRequest(1, 0, None, {}), None, own_code(), {})
def question():
    import seedsweep, hydra_plugins.seedsweep_plugins
    return seedsweep.__file__, hydra_plugins.seedsweep_plugins.__file__
print(*slots[0].ask(question))
"""
    command = [sys.executable, "-c", asked, cluster.address]
    told = subprocess.run(command, env=cluster.environment, check=True, capture_output=True, text=True).stdout
    assert [("runtime_resources" in place) for place in told.split()[-2:]] == [True, True]


@pytest.mark.full
@needs_own_disks
@pytest.mark.parametrize("way", ["client", "auto"])
def test_every_way_to_join(ray_sweep, cluster, way):
    """From outside through Ray's client, and without naming what this machine knows."""
    if way == "client":
        address, told = f"ray://{cluster.address.rpartition(':')[0]}:{cluster.client_port}", {}
    else:
        address, told = "auto", {"RAY_ADDRESS": cluster.address}
    trying = ray_sweep([1, 2], address=address, epochs=2, **told)
    assert trying.run() == 0, trying.output
    # Ray's client does not run the hook by which workers stand in: these are real networks.
    assert [trial.status for trial in trials_of(trying.directory)] == ["finished"] * 2


@pytest.mark.full
@needs_own_disks
def test_a_hang_is_ended_by_its_timeout(ray_sweep, tally):
    """It is not begun again, and its place is taken by the next trial."""
    trying = ray_sweep(range(1, 5), "timeout=6", faults={"2": ["hang", 9]})
    began = time.monotonic()
    assert trying.run() == 1, trying.output
    assert time.monotonic() - began < 90
    assert "TimedOut: took longer than timeout=6 s" in trying.output
    _, trials = trying.runs()
    assert sorted((run.data.params["seed"], run.info.status) for run in trials) == [
        ("1", "FINISHED"),
        ("2", "FAILED"),
        ("3", "FINISHED"),
        ("4", "FINISHED"),
    ]
    tally("Ray: a hang, ended by its timeout", 1, 1)


@pytest.mark.full
@needs_own_disks
def test_a_server_with_postgresql_that_goes_away(ray_sweep, tmp_path, tally):
    """The nodes need no access to it; training does not wait, and everything is there when it is back."""
    place, port = tmp_path / "server", free_port()
    place.mkdir()
    with ExitStack() as stack:
        database = stack.enter_context(postgresql(install=True))
        server = stack.enter_context(ExitStack())
        uri = server.enter_context(mlflow_server(place, port, database))
        trying = ray_sweep(range(1, 13), f"tracking.uri={uri}")
        driver = stack.enter_context(trying.started())
        trying.wait_for_epochs(4)
        server.close()
        gone = time.monotonic()
        time.sleep(60)
        server.enter_context(mlflow_server(place, port, database))
        away = time.monotonic() - gone
        assert driver.wait(300) == 0, trying.output
        trying.check_whole(uri=uri)
        assert trying.repeated() == 0
        assert "the store does not answer" in trying.output
    tally("Ray: MLflow server on PostgreSQL away for 60 s", 1, 1, away)


@pytest.mark.full
@needs_own_disks
def test_two_trials_share_a_gpu(cluster):
    """With half a GPU each they are given the same one, whole ones are given apart, and TensorFlow leaves room."""
    asked = """
import os, sys
from seedsweep.launchers.ray.cluster import ResourceRequest, find_slots
import ray
slots = find_slots(sys.argv[1], ResourceRequest(0.1, float(sys.argv[2]), None, {}), None, {}, {})
question = lambda: (os.environ["CUDA_VISIBLE_DEVICES"], os.environ["TF_FORCE_GPU_ALLOW_GROWTH"])
print(len(slots), *slots[0].ask(question))
"""
    node = cluster.add_node("--num-gpus=2")
    try:
        for part, count in ((0.5, 4), (1, 2), (2, 1)):
            command = [sys.executable, "-c", asked, cluster.address, str(part)]
            told = subprocess.run(command, env=cluster.environment, check=True, capture_output=True, text=True).stdout
            number, devices, growth = told.split()[-3:]
            assert (int(number), len(devices.split(",")), growth) == (count, max(int(part), 1), "true")
    finally:
        cluster.lose(node)
