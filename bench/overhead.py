"""What a launcher costs: python bench/overhead.py [LAUNCHER …].

For each launcher (default: pool and ray), with a task that does nothing, on two slots: milliseconds a trial, over
1,000 trials after the first 100; and how much larger the driver's process is after 10,000 trials than after 100.
Each number of trials runs in a process of its own. `--memory` for the second figure, which takes minutes.

What the jobs write is removed when all have run: for half a minute after many files were removed, ext4 takes up to
five times as long to make one. So let half a minute pass before you run this again.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import psutil

WARM_UP, MEASURED, MANY = 100, 1_000, 10_000


def nothing(config):
    """Do nothing."""
    del config


def launch(launcher_name, trials, directory):
    """Launch trials, and print how long they took and how large this process is then."""
    from hydra import initialize_config_dir
    from hydra._internal.callbacks import Callbacks
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.plugins import Plugins
    from hydra.core.utils import JobStatus
    from hydra.types import HydraContext, RunMode

    os.chdir(directory)
    with open("config.yaml", "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write("n: 0\nhydra: {job_logging: {version: 1}}\n")
    with initialize_config_dir(directory, version_base="1.3", job_name="empty"):
        loader = GlobalHydra.instance().config_loader()
        choices = [f"hydra/launcher={launcher_name}", "hydra.launcher.workers=2"]
        config = loader.load_configuration("config", choices, run_mode=RunMode.MULTIRUN)
        context = HydraContext(config_loader=loader, callbacks=Callbacks(config))
        launcher = Plugins.instance().instantiate_launcher(hydra_context=context, task_function=nothing, config=config)
        done = [launcher.launch([["n=1"]] * 2, 0), time.perf_counter(), time.process_time()]
        results = launcher.launch([[f"n={number}"] for number in range(trials)], 2)
        seconds = time.perf_counter() - done[1]
        busy = time.process_time() - done[2]
    assert len(results) == trials
    assert all(result.status is JobStatus.COMPLETED for result in results)
    size = psutil.Process().memory_full_info().uss
    print(json.dumps({"seconds": seconds, "busy": busy, "bytes": size}))


def measured(launcher_name, trials, directory):
    """Launch in a process of its own."""
    own = tempfile.mkdtemp(dir=directory)
    command = [sys.executable, __file__, "--launch", launcher_name, str(trials), own]
    last = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
    return json.loads(last)


def main():
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("launchers", nargs="*", default=["pool", "ray"])
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--launch", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.launch:
        launch(chosen.launch[0], int(chosen.launch[1]), chosen.launch[2])
        return
    with tempfile.TemporaryDirectory() as directory:
        report(chosen, directory)


def report(chosen, directory):
    """Measure and print."""
    for name in chosen.launchers:
        few = measured(name, WARM_UP, directory)
        more = measured(name, WARM_UP + MEASURED, directory)
        each, own = ((more[key] - few[key]) / MEASURED * 1e3 for key in ("seconds", "busy"))
        print(f"{name}: {each:.1f} ms a trial, of which the driver computes {own:.1f} ms", flush=True)
        if chosen.memory:
            many = measured(name, MANY, directory)
            print(f"{name}: {(many['bytes'] - few['bytes']) / 2**20:.0f} MiB more after {MANY:,} trials", flush=True)


if __name__ == "__main__":
    main()
