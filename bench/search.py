"""What the algorithms find and how busy they keep the slots: python bench/search.py DIRECTORY [SEEDS] [TRIALS].

Searches mnist5k with each algorithm and each order, by default over five search seeds with 24 trials each, in a
directory that it can be started again in: what is finished is not searched again. For each algorithm it prints the best
validation accuracy of each search, at its end and after as many epochs as the shortest of all searches had; for each
order, how much of the time the slots were busy from the first trial's start to the last one's. It takes hours on two
cores. The figures stand in docs/benchmarks.md.
"""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

SCRIPT = Path(__file__).parent.parent / "sweep.py"
SPACE = [
    "model=mlp,conv1,conv2",
    "opt.learning_rate=tag(log, interval(1e-4, 1))",
    "model.conv_dropout=range(0,0.6,0.1)",
    "opt=sgd,adam",
]
EPOCHS = 9
ALGORITHMS = ("random", "bayesian", "hyperband")
ORDERS = ("reproducible", "fastest")


def search(algorithm, order, seed, trials):
    """Search, unless that was done before."""
    name = f"{algorithm} {order} {seed}"
    if Path(f"{name}.done").exists():
        return name
    told = [
        f"hydra.sweeper.{key}={value}" for key, value in (("algorithm", algorithm), ("order", order), ("seed", seed))
    ]
    # Hyperband's own brackets are shorter in all than as many whole trials.
    told += [] if algorithm == "hyperband" else [f"hydra.sweeper.max_trials={trials}"]
    fixed = [
        "hydra/sweeper=tuner",
        "hydra.sweeper.confirm=0",
        f"epochs={EPOCHS}",
        "pictures=false",
        f"tracking.name='{name}'",
    ]
    subprocess.run([sys.executable, str(SCRIPT), "-m", *SPACE, *told, *fixed, "rerun=true"], check=True)
    Path(f"{name}.done").touch()
    return name


def results(name):
    """Return the trials of a search: epochs trained, score, start and end in seconds, by suggestion."""
    from seedsweep.tracking.run_queries import find_sweep
    from seedsweep.tracking.store import existing_store

    store = existing_store(None, "seedsweep")
    sweep = find_sweep(store, name)
    trials = {int(trial.tags["suggestion"]): trial for trial in sweep.trials if "suggestion" in trial.tags}
    found = []
    for _, trial in sorted(trials.items()):
        info = store.client.get_run(trial.run_id).info
        before = trials.get(int(trial.tags["continues"])) if "continues" in trial.tags else None
        epochs = int(trial.settings["epochs"]) - (int(before.settings["epochs"]) if before else 0)
        score = trial.metrics["val_accuracy"] if trial.status == "finished" else 0.0
        found.append((epochs, score, info.start_time / 1000, info.end_time / 1000))
    return found, sweep.search.slots


def best_within(found, budget):
    """Return the best score of the trials that fit into a number of epochs, in their order."""
    best = spent = 0
    for epochs, score, *_ in found:
        spent += epochs
        if spent > budget:
            break
        best = max(best, score)
    return best


def busy(found, slots):
    """Return the share of the slots' time in which a trial ran, until the last one began."""
    begin, end = min(start for *_, start, _ in found), max(start for *_, start, _ in found)
    worked = sum(max(0.0, min(ended, end) - start) for *_, start, ended in found)
    return worked / (slots * (end - begin))


def main(directory, seeds=5, trials=24):
    """Search, and print what came of it."""
    Path(directory).mkdir(parents=True, exist_ok=True)
    os.chdir(directory)
    ran = {}
    for seed in range(1, seeds + 1):
        for algorithm in ALGORITHMS:
            ran[algorithm, "reproducible", seed] = results(search(algorithm, "reproducible", seed, trials))
    for algorithm in ALGORITHMS:
        ran[algorithm, "fastest", 1] = results(search(algorithm, "fastest", 1, trials))
    budget = min(sum(epochs for epochs, *_ in found) for found, _ in ran.values())
    print("best validation accuracy, %, by search seed, and their median")
    for label, epochs in (("at the end", 10**9), (f"after {budget} epochs", budget)):
        for algorithm in ALGORITHMS:
            best = [100 * best_within(ran[algorithm, "reproducible", seed][0], epochs) for seed in range(1, seeds + 1)]
            listed = "  ".join(f"{value:6.2f}" for value in best)
            print(f"{label:18} {algorithm:10} {listed}   {median(best):6.2f}")
    print("slots busy, %, median over searches")
    for order in ORDERS:
        for algorithm in ALGORITHMS:
            shares = [100 * busy(*one) for (name, by, _), one in ran.items() if (name, by) == (algorithm, order)]
            print(f"{order:13} {algorithm:10} {median(shares):5.1f}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
