"""Measure what a suggestion costs, and how good the Bayesian ones are.

    python bench/suggest.py             both, about half an hour: KerasTuner's own maximiser takes nearly all of it
    python bench/suggest.py cost        only one part: cost or quality

Cost is measured from outside, with the 100th to the 200th result told. Quality is the best that a search has found
of a function whose minimum is known, for the searches of this project and for KerasTuner's Bayesian oracle as it is.
"""

import math
import os
import statistics
import sys
import time
import warnings

import numpy as np
import psutil

from seedsweep.search.oracle_client import KerasTunerProcess
from seedsweep.search.protocol import Dimension, Proposal, Result, SearchRequest
from seedsweep.search.search_space import Axis
from seedsweep.search.searcher import ALGORITHMS, Search
from seedsweep.training.backend import cpu_model

SEEDS = range(5)
TRIALS = (30, 60)
UNIT = Dimension(0.0, 1.0, whole=False)
RATE = Dimension(1e-5, 1.0, whole=False, log=True)
LAYERS, WIDTH, KIND = Dimension(1, 8, whole=True), Dimension(8, 512, whole=True, log=True), Dimension(0, 2, whole=True)
SPACES = {
    "3 axes, 1 of whole numbers": (RATE, UNIT, LAYERS),
    "6 axes, 3 of whole numbers": (RATE, UNIT, UNIT, LAYERS, WIDTH, KIND),
    "6 axes, none of whole numbers": (RATE, *[UNIT] * 5),
}


def branin(x, y, _):
    """Branin's function, as in Picheny, Wagner and Ginsbourger 2013; three equal minima."""
    return (
        (y - 5.1 * x**2 / (4 * math.pi**2) + 5 * x / math.pi - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10
    )


def hartmann6(*place):
    """Hartmann's function with six axes, as in Picheny, Wagner and Ginsbourger 2013."""
    scales = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8]])
    scales = np.vstack([scales, [17, 8, 0.05, 10, 0.1, 14]])
    centres = 1e-4 * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    )
    apart = ((np.array(place[:6]) - centres) ** 2 * scales).sum(axis=1)
    return float(-np.array([1, 1.2, 3, 3.2]) @ np.exp(-apart))


def accuracy(rate, dropout, layers, width, random):
    """One less an accuracy: best at a rate that falls with the layers, and as noisy as 1,000 test images make it."""
    wrong = 0.02 + 0.05 * abs(math.log10(rate) + 2 + 0.15 * layers) ** 1.5 + 0.1 * (dropout - 0.3) ** 2
    wrong = min(wrong + 0.004 * (layers - 4) ** 2 + 0.01 * abs(math.log2(width / 96)), 0.9)
    return wrong + (0 if random is None else random.normal(0, math.sqrt(wrong * (1 - wrong) / 1000)))


FUNCTIONS = {
    "Branin": (branin, (Dimension(-5.0, 10.0, whole=False), Dimension(0.0, 15.0, whole=False)), 0.397887),
    "Hartmann 6": (hartmann6, (UNIT,) * 6, -3.32237),
    "error rate": (accuracy, (RATE, UNIT, LAYERS, WIDTH), 0.02),
}


def cost():
    """Print what an ask takes by the clock, the way to the other process and back included, and of a core.

    The second is a mean, as the system counts it in hundredths of a second, and holds what telling takes as well.
    """
    print("| suggestion | median | 95th percentile | of a core |\n| --- | --- | --- | --- |")
    with KerasTunerProcess() as process:
        for name, dimensions in SPACES.items():
            axes = [Axis(str(place), dimension) for place, dimension in enumerate(dimensions)]
            for algorithm in ALGORITHMS:
                # Hyperband with few epochs at the end and many trials at the start.
                budget = {"epochs": 81, "factor": 3} if algorithm == "hyperband" else {"max_trials": 201}
                search = Search(process, axes, algorithm, seed=1, maximize=False, **budget)
                walls, core = asks(search, psutil.Process(process.pid), np.random.default_rng(1))
                median, p95 = statistics.median(walls), statistics.quantiles(walls, n=20)[-1]
                print(f"| {algorithm}, {name} | {median:.1f} ms | {p95:.1f} ms | {core:.1f} ms |", flush=True)


def asks(search, process, random):
    """Return the milliseconds that each ask took once 100 results are told, and what they took of a core."""
    walls, before = [], 0.0
    for number in range(200):
        if number == 100:
            before = sum(process.cpu_times()[:2])
        began = time.perf_counter()
        suggestion = search.ask()
        if number >= 100:
            walls.append(1000 * (time.perf_counter() - began))
        numbers = [float(value) for value in suggestion.values.values()]
        search.tell(number, abs(math.log10(numbers[0]) + 2) + sum(numbers[1:3]) + 0.05 * random.normal())
    return walls, 1000 * (sum(process.cpu_times()[:2]) - before) / len(walls)


def quality():
    """Print how far above the minimum the best trial lies, as the median over the seeds."""
    from keras_tuner.oracles import BayesianOptimizationOracle

    from seedsweep.search import oracles
    from seedsweep.search.oracle_adapter import OracleAdapter

    class Theirs(oracles._InMemory, BayesianOptimizationOracle):  # noqa: SLF001
        """KerasTuner's own, but for its files."""

        known = None

    warnings.simplefilter("ignore")
    ours = oracles._Bayesian  # noqa: SLF001
    searches = {"random": ("random", ours), "bayesian": ("bayesian", ours), "KerasTuner's": ("bayesian", Theirs)}
    print("| function | trials | " + " | ".join(searches) + " |\n| --- | ---" + " | ---" * len(searches) + " |")
    for name, (function, dimensions, least) in FUNCTIONS.items():
        found = {}
        for key, (algorithm, oracle) in searches.items():
            oracles._Bayesian = oracle  # noqa: SLF001
            runs = []
            for seed in SEEDS:
                order = SearchRequest(algorithm, dimensions, seed, max(TRIALS), maximize=False, epochs=None, factor=3)
                runs.append(walk(OracleAdapter(order), function, seed))
            found[key] = runs
        for trials in TRIALS:
            cells = (f"{statistics.median(run[trials - 1] for run in runs) - least:.4f}" for runs in found.values())
            print(f"| {name} | {trials} | " + " | ".join(cells) + " |", flush=True)


def walk(asked, function, seed):
    """Return, after each trial, the function without its noise at the trial with the best score."""
    random = np.random.default_rng(seed)
    best, path = (math.inf, math.inf), []
    for _ in range(max(TRIALS)):
        proposal = asked.ask()
        assert isinstance(proposal, Proposal)
        score = function(*proposal.numbers, random)
        asked.tell(Result(proposal.number, score))
        best = min(best, (score, function(*proposal.numbers, None)))
        path.append(best[1])
    return path


def main():
    """Run the parts that the command line names, or both."""
    os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    print(f"{time.strftime('%Y-%m-%d')}, {cpu_model()}, {os.cpu_count()} cores")
    parts = {"cost": cost, "quality": quality}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
