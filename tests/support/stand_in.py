"""sweep.py with a stand-in for the network, so that faults can be tried by the hundred.

Everything else is real: Hydra, the workers, checkpoint, journals, MLflow. An epoch of the stand-in takes
$EPOCH_SECONDS and adds to a sum, which is its weights: a trial that lost or repeated an epoch in its state ends
with another sum. Each epoch that is begun stands as a line in $LEDGER, whoever is killed afterwards.

$FAULTS says which seeds fail, how, and how often: {"3": ["kill", 1]}. With a learning rate above $DIVERGES_ABOVE
a trial diverges, with one below $CRASHES_BELOW it crashes; in between, 0.01 is the best.
"""

import hashlib
import json
import math
import os
import resource
import signal
import sys
import time
import types
from pathlib import Path

import numpy as np
from hydra.experimental.callback import Callback

from seedsweep.cli.sweep_command import main
from seedsweep.errors import NonFiniteLoss, TrialStopped
from seedsweep.metrics import EpochMetrics
from seedsweep.training import backend, checkpoints
from seedsweep.training.checkpoints import Checkpoint

EPOCH_SECONDS = float(os.environ.get("EPOCH_SECONDS", "0.5"))
CONF = Path(__file__).parents[2] / "conf"


def note(*words):
    """Append a line to the ledger in one write, which no kill can tear."""
    descriptor = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
    os.close(descriptor)


def begun(seed):
    """How often a trial was begun, this time included."""
    lines = Path(os.environ["LEDGER"]).read_text().splitlines()
    return sum(line.split()[:2] == ["begin", str(seed)] for line in lines)


def fail(how):
    if how == "raise":
        raise ValueError("on purpose")
    if how == "exit":
        sys.exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "leave":
        os._exit(0)
    if how == "hang":
        time.sleep(600)
    if how == "hang hard":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    if how == "memory":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
        return bytearray(1 << 30)
    raise AssertionError(how)


class TrainingResult:
    """What `seedsweep.training.trainer.Trained` is to the rest of the house."""

    parameters = 1

    def __init__(self, trial, dataset, state, *, tests):
        total = float(state.arrays[0][0])
        predictions = np.zeros(len(dataset.test), dtype=np.int64)
        self.tested = types.SimpleNamespace(loss=1 - total / 1e6, accuracy=total / 1e6, predictions=predictions)
        if not tests:
            self.tested = None
        self.weights_sha256 = hashlib.sha256(f"{trial.seed} {total}".encode()).hexdigest()
        self.train_seconds, self.epochs, self.best_epoch = state.train_seconds, state.epoch, None

    def save(self, directory):
        (directory / "model.keras").write_bytes(bytes(int(os.environ.get("MODEL_BYTES", "1000"))))

    def draw(self, path):
        path.write_bytes(b"a stand-in")

    def summary(self):
        return "a stand-in"


def train(trial, dataset, on_epoch, keeping, start, *, tests=True):
    faults = json.loads(os.environ.get("FAULTS", "{}"))
    how, times = faults.get(str(trial.seed), ("", 0))
    note("begin", trial.seed, os.getpid(), time.time())
    note("imported", "only", *sorted({"mlflow", "tensorflow", "pandas"} & set(sys.modules)))
    faulty = begun(trial.seed) <= times
    padding = np.zeros(int(os.environ.get("CHECKPOINT_BYTES", "8")) // 8)
    state = start or Checkpoint(keeping.training_id, [], 0.0, [np.zeros(1), padding])
    if trial.opt.learning_rate > float(os.environ.get("DIVERGES_ABOVE", "inf")):
        raise NonFiniteLoss("loss", math.nan, 1)
    if trial.opt.learning_rate < float(os.environ.get("CRASHES_BELOW", "0")):
        fail("raise")
    for epoch in range(state.epoch + 1, trial.epochs + 1):
        note("epoch", trial.seed, epoch)
        fails = faulty and how and epoch == min(2, trial.epochs)
        ends = time.monotonic() + EPOCH_SECONDS
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, 0.02))
            if keeping.stop():
                raise TrialStopped("stopped on request")
            if fails and left < EPOCH_SECONDS / 2:
                break
        if fails:  # also when a busy machine has slept through the second half of the epoch
            if how in ("nan", "inf", "-inf"):
                raise NonFiniteLoss("loss", float(how), epoch)
            fail(how)
        total = state.arrays[0] + trial.seed * epoch
        good = 1 / (1 + abs(math.log10(trial.opt.learning_rate) + 2)) * (1 - 0.5**epoch)
        values = {"loss": 1 / epoch, "accuracy": good, "val_loss": 1 / epoch, "val_accuracy": good}
        history = [*state.history, EpochMetrics(epoch, values)]
        state = Checkpoint(keeping.training_id, history, state.train_seconds + EPOCH_SECONDS, [total, padding])
        if epoch % keeping.every == 0 or epoch == trial.epochs:
            checkpoints.write(keeping.path, state)
        on_epoch(history[-1])
    note("end", trial.seed)
    return TrainingResult(trial, dataset, state, tests=tests)


class StandIn(Callback):
    """Stands in where a launcher's processes do not import the parent's script: Hydra takes its callbacks along."""

    def on_job_start(self, config, **_):  # noqa: ARG002 - Hydra's signature
        sys.path.insert(0, str(Path(__file__).parent))
        import stand_in  # noqa: F401


# At import, so that the workers, which import the parent's script, stand in too.
stand_in = types.ModuleType("seedsweep.training.trainer")
stand_in.train = train
sys.modules["seedsweep.training.trainer"] = stand_in
backend.prepare = lambda name, threads: backend.Runtime(backend.cpu_model(), backend.versions(name))  # noqa: ARG005


def stand_in_here():
    """What a Ray worker is told to call when it starts; importing this module was all."""


if __name__ == "__main__":
    main(CONF)
