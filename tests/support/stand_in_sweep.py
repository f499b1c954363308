"""Sweeps of the stand-in as processes, and what they leave behind."""

import hashlib
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from support.commands import CONF, ENVIRONMENT
from support.stores import small_data, store_of

SCRIPT = Path(__file__).parent / "stand_in.py"
EPOCHS = 4


def expected_weights(seed, epochs):
    """What a trial of the stand-in that was never disturbed ends with."""
    total = float(sum(seed * epoch for epoch in range(1, epochs + 1)))
    return hashlib.sha256(f"{seed} {total}".encode()).hexdigest()


class Sweep:
    """One sweep command of the stand-in, in a directory of its own, started as often as a test wants."""

    script = SCRIPT

    def __init__(self, directory, seeds, *arguments, starter, epochs=EPOCHS, **environment):
        self.directory, self.seeds, self.epochs, self.starter = directory, list(seeds), epochs, starter
        data = small_data(directory)
        listed = ",".join(map(str, self.seeds))
        self.arguments = ["-m", *data, "model=mlp", f"epochs={epochs}", f"seed={listed}", "pictures=false", *arguments]
        self.ledger = directory / "ledger"
        self.ledger.touch()
        (directory / "output").touch()
        self.environment = {**ENVIRONMENT, "LEDGER": str(self.ledger), **environment}

    @contextmanager
    def started(self):
        """The command as a terminal's foreground job; killed with all that it started when the block ends."""
        where = {"directory": self.directory, "environment": self.environment}
        with (
            (self.directory / "output").open("ab") as output,
            self.starter.started(self.script, self.arguments, **where, out=output, err=output) as process,
        ):
            yield process

    def run(self, timeout=300):
        """Run it to its end; returns its exit code."""
        with self.started() as process:
            return process.wait(timeout)

    @property
    def output(self):
        return (self.directory / "output").read_text(encoding="utf-8", errors="replace")

    def lines(self, word):
        """The ledger's lines that begin with a word, without it."""
        return [line.split()[1:] for line in self.ledger.read_text().splitlines() if line.startswith(f"{word} ")]

    def wait_for(self, condition, seconds=60):
        """Wait until something is true."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def wait_for_epochs(self, count=1):
        """Wait until that many epochs were begun since now."""
        before = len(self.lines("epoch"))
        self.wait_for(lambda: len(self.lines("epoch")) >= before + count)

    def runs(self, uri=None):
        """Every run in the store, deleted ones apart: the sweep's own, and its trials."""
        store = store_of(self.directory, uri)
        every = store.client.search_runs([store.experiment_id], max_results=5000)
        return [run for run in every if not run.data.params], [run for run in every if run.data.params]

    def check_whole(self, uri=None):
        """Every trial is there once, with every epoch once, and the weights of an undisturbed one."""
        store = store_of(self.directory, uri)
        (sweep,), trials = self.runs(uri)
        assert sweep.info.status == "FINISHED"
        assert sorted(int(run.data.params["seed"]) for run in trials) == self.seeds
        for run in trials:
            assert run.info.status == "FINISHED"
            seed = int(run.data.params["seed"])
            assert run.data.tags["weights_sha256"] == expected_weights(seed, self.epochs), seed
            steps = [point.step for point in store.client.get_metric_history(run.info.run_id, "loss")]
            assert steps == list(range(1, self.epochs + 1)), (seed, steps)

    def repeated(self):
        """How many epochs were begun more than once, in all."""
        return sum(count - 1 for count in Counter(map(tuple, self.lines("epoch"))).values())

    def trained_after_end(self):
        """The seeds that were begun again after they had ended."""
        ended, again = set(), set()
        for line in self.ledger.read_text().splitlines():
            word, seed, *_ = line.split()
            if word == "end":
                ended.add(seed)
            elif seed in ended:
                again.add(seed)
        return again


def own_models(sweep, **dense_units):
    """Give a sweep networks of its own, each in a file; called again, the files are others."""
    directory = sweep.directory / "own" / "model"
    directory.mkdir(parents=True, exist_ok=True)
    like = (CONF / "model" / "mlp.yaml").read_text(encoding="utf-8")
    for name, units in dense_units.items():
        text = like.replace("name: mlp", f"name: {name}").replace("dense_units: [512, 512]", f"dense_units: {units}")
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    if (told := f"--config-dir={directory.parent}") not in sweep.arguments:
        sweep.arguments.insert(1, told)


def workers_of(process):
    """The processes that train for a sweep."""
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
        return [child for child in children if "spawn_main" in " ".join(_command(child))]
    return []


def _command(process):
    with suppress(psutil.Error):
        return process.cmdline()
    return []


def all_gone(processes, seconds):
    """Whether processes end within some seconds."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
