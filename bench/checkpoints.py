"""Measure what keeping a trial resumable costs: its checkpoint after each epoch, against the epoch itself.

    python bench/checkpoints.py

The network is conv2 with Adam on the 3,600 training images of mnist5k: 1.2 million weights, thrice that in a
checkpoint. Run it with nothing else running.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import hydra

from seedsweep.config.run_config import read_config, register_resolvers
from seedsweep.data.dataset import load
from seedsweep.training import backend, checkpoints
from seedsweep.training.checkpoints import CheckpointConfig

EPOCHS = 6
CONF = Path(__file__).parent.parent / "conf"


def main():
    """Train a few epochs and print what their checkpoints took."""
    register_resolvers()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        trial = read_config(hydra.compose("config", ["model=conv2", "opt=adam", f"epochs={EPOCHS}"])).trial
    backend.prepare(trial.backend, trial.threads)
    from seedsweep.training import trainer

    written = []
    real = checkpoints.write

    def timed(path, checkpoint):
        began = time.perf_counter()
        real(path, checkpoint)
        written.append(time.perf_counter() - began)

    checkpoints.write = timed
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / checkpoints.FILE_NAME
        trained = trainer.train(
            trial, load(trial.data), lambda _: None, CheckpointConfig("t", path, 1, lambda: False), None
        )
        size = path.stat().st_size
    epoch, median = trained.train_seconds / EPOCHS, statistics.median(written)
    print(f"checkpoint: {size / 2**20:.1f} MiB, written in {1000 * median:.0f} ms (median of {EPOCHS})")
    print(f"epoch: {epoch:.2f} s; a checkpoint is {100 * median / epoch:.1f} % of it")


if __name__ == "__main__":
    sys.exit(main())
