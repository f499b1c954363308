"""Measure what one trial's journal takes to deliver: to a database in a file, and to an MLflow server.

    python bench/delivery.py                              a database in a file
    python bench/delivery.py http://127.0.0.1:5000        that server too, in turn with the file

The trial has 12 epochs and the files of a small network. What a server takes depends on what it keeps its runs in,
on the way there and on what else it does.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import requests

from seedsweep.metrics import EPOCH_METRICS, EpochMetrics
from seedsweep.tracking.journal import Journal
from seedsweep.tracking.journal_uploader import deliver
from seedsweep.tracking.store import open_store
from seedsweep.tracking.trial_logger import TrialWriter

TRIALS, EPOCHS, PARAMS = 15, 12, 40
FILES = {
    "model.keras": 2_900_000,
    "model.txt": 2_000,
    "config.yaml": 1_500,
    "curves.png": 40_000,
    "predictions.npz": 900,
}


def written(directory, number):
    """Write a trial's journal, as its worker does, and close it."""
    journal = Journal(directory)
    settings = {f"setting{index}": str(index) for index in range(PARAMS)}
    tags = {f"tag{index}": "t" * 60 for index in range(15)} | {"trial_id": f"{number:032x}", "job": str(number)}
    writer = TrialWriter(journal, f"trial {number}", parent_run_id=None, settings=settings, tags=tags)
    for epoch in range(1, EPOCHS + 1):
        writer.epoch(EpochMetrics(epoch, dict.fromkeys(EPOCH_METRICS, 1 / (epoch + 1))))
    journal.files.mkdir()
    for name, size in FILES.items():
        (journal.files / name).write_bytes(bytes(size))
    writer.finish(
        {"test_loss": 0.1, "test_accuracy": 0.9, "train_seconds": 48.0}, {"weights_sha256": "0" * 64}, step=12
    )
    journal.close()
    return journal


def main():
    """Deliver to each store in turn, and print medians."""
    calls = []
    real = requests.Session.send

    def counted(self, request, **options):
        calls.append(request.method)
        return real(self, request, **options)

    requests.Session.send = counted
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        uris = [f"sqlite:///{place}/mlflow.db", *sys.argv[1:]]
        stores = [open_store(uri, "delivery") for uri in uris]
        seconds, counts = [[] for _ in stores], [[] for _ in stores]
        for number in range(TRIALS + 1):
            for index, store in enumerate(stores):
                journal = written(place / f"{index}-{number}", number)
                calls.clear()
                began = time.perf_counter()
                deliver(journal, store)
                if number:  # the first one pays for imports and connections
                    seconds[index].append(time.perf_counter() - began)
                    counts[index].append(len(calls))
    first = statistics.median(seconds[0])
    for uri, took, made in zip(["a database in a file", *sys.argv[1:]], seconds, counts, strict=True):
        median, requested = statistics.median(took), statistics.median(made)
        rate = f", {requested:.0f} requests, {requested / median:.0f} a second" if requested else ""
        print(f"{uri}: {1000 * median:.0f} ms a trial (median of {TRIALS}), {median / first:.1f} ×{rate}")


if __name__ == "__main__":
    sys.exit(main())
