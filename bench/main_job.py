"""Measure the main job: how fast it answers, how long the quick start takes, how much memory MNIST needs.

    python bench/main_job.py            everything, about 8 minutes on 2 cores
    python bench/main_job.py answer     only one part: answer, quick_start or mnist

Run it with nothing else running. Each command runs in an empty directory; results go to the terminal.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from seedsweep.training.backend import cpu_model

SWEEP = Path(__file__).parent.parent / "sweep.py"
REPEATS = 9


def timed(arguments, directory):
    """Run sweep.py; returns exit code, wall seconds, and peak bytes of memory of it and its workers."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, str(SWEEP), *arguments],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.05)
    return process.returncode, time.perf_counter() - began, peak


def resident(pid):
    """Return the memory of a process and its children, shared pages counted once, in bytes."""
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
        return sum(member.memory_full_info().pss for member in family)
    except psutil.Error:
        return 0


def rows(directory):
    """Return the rows of the latest table in a directory."""
    command = [sys.executable, "-m", "seedsweep", "table", "--format", "json"]
    return json.loads(subprocess.check_output(command, cwd=directory))["rows"]


def answer():
    """How long a question and a rejected command take."""
    for name, arguments in (
        ("--help", ["--help"]),
        ("a rejected command", ["-m", "epoch=3,4", "model=conv3,conv4"]),
    ):
        with tempfile.TemporaryDirectory() as directory:
            seconds = [timed(arguments, directory)[1] for _ in range(REPEATS)]
        print(f"{name}: median {statistics.median(seconds):.2f} s of {REPEATS}, slowest {max(seconds):.2f} s")


def quick_start():
    """The README's command: four trials of 12 epochs."""
    sweep("quick start", ["model=conv3,conv4", "opt=sgd,adam"])


def mnist():
    """The full MNIST, three epochs, in the parent and one worker."""
    sweep("full MNIST, 3 epochs", ["data=mnist", "model=conv2", "opt=adam", "epochs=3"])


def sweep(name, overrides):
    """Run a sweep and print its time, its peak memory and its rows."""
    with tempfile.TemporaryDirectory() as directory:
        code, seconds, peak = timed(["-m", *overrides], directory)
        print(f"{name}: exit code {code}, {seconds:.0f} s, peak memory {peak / 2**30:.2f} GiB")
        for row in rows(directory):
            accuracy, trained = 100 * row["test"]["mean"], row["train_seconds"]
            print(f"  {row['variant']}: test {accuracy:.2f} %, {trained:.0f} s of training")


def main():
    """Run the parts that the command line names, or all of them."""
    print(f"{time.strftime('%Y-%m-%d')}, {cpu_model()}, {os.cpu_count()} cores")
    parts = {"answer": answer, "quick_start": quick_start, "mnist": mnist}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
