"""How long the table of a large sweep takes: python bench/table.py [TRIALS], default 10,000.

Writes a sweep of made-up trials, three seeds a variant and answers to 1,000 test images each, into a new store in a
temporary directory, which takes some minutes; then reads it back as `python -m seedsweep table` does, three times, in
fresh processes. The figures stand in docs/benchmarks.md.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

IMAGES = 1000

READ = """
import time
from seedsweep.sweeps.publish import build_table
from seedsweep.tracking.run_queries import find_sweep
from seedsweep.tracking.store import existing_store
store = existing_store(None, "seedsweep")
began = time.perf_counter()
sweep = find_sweep(store, None)
read = time.perf_counter()
table = build_table(store, sweep)
folded = time.perf_counter()
text = table.markdown()
written = time.perf_counter()
print(f"{len(sweep.trials)} trials, {len(table.rows)} rows: MLflow's answer {read - began:.1f} s, "
      f"table {folded - read:.1f} s, Markdown {written - folded:.1f} s")
"""


def fill(trials):
    """Write that many trials through MLflow's client."""
    from mlflow.entities import Metric, Param, RunTag

    from seedsweep.tracking.run_writer import start_sweep
    from seedsweep.tracking.store import open_store

    store = open_store(None, "seedsweep")
    parent = start_sweep(store, "large", {"trials": str(trials)})
    random = np.random.default_rng(1)
    label = random.integers(0, 10, IMAGES).astype(np.uint8)
    for number in range(trials):
        variant, seed = divmod(number, 3)
        predicted = np.where(random.random(IMAGES) < 0.02, (label + 1) % 10, label)
        accuracy = float(np.mean(predicted == label))
        settings = {f"model.setting{place}": "1" for place in range(20)} | {
            "model.name": "conv3",
            "opt.name": "sgd",
            "reg.name": "none",
            "data.name": "mnist5k",
            "threads": "1",
            "data.validation": "holdout",
            "epochs": "12",
            "batch_size": "128",
            "precision": "float32",
            "seed": str(seed + 1),
            "opt.learning_rate": str((variant + 1) / 1e4),
        }
        tags = {f"tag{place}": "some words about a trial" for place in range(12)} | {
            "mlflow.parentRunId": parent.run_id,
            "job": str(number),
            "dataset_sha256": "ab" * 32,
            "parameters": "9",
            "dataset": "made up",
            "hardware": "none",
            "versions": "none",
            "variant": str(variant),
        }
        metrics = {"test_accuracy": accuracy, "val_accuracy": accuracy, "train_seconds": 1.0, "test_loss": 0.1}
        run = store.client.create_run(store.experiment_id)
        store.client.log_batch(
            run.info.run_id,
            [Metric(name, value, 0, 1) for name, value in metrics.items()],
            [Param(name, value) for name, value in settings.items()],
            [RunTag(name, value) for name, value in tags.items()],
        )
        store.client.set_terminated(run.info.run_id)
        place = Path(run.info.artifact_uri)
        place.mkdir(parents=True)
        np.savez_compressed(place / "predictions.npz", predicted=predicted, label=label)
    parent.close("FINISHED")


def main():
    """Fill a store and read it."""
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        fill(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
        for _ in range(3):
            subprocess.run([sys.executable, "-c", READ], check=True)
        os.chdir("/")


if __name__ == "__main__":
    main()
