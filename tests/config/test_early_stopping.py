"""Trials that end before their last epoch: by their own patience, or because others were better."""

import numpy as np
import pytest
from support.stores import small_data, store_of

from seedsweep.config.early_stopping import EarlyStoppingConfig, best_epoch
from seedsweep.data.dataset import load
from seedsweep.errors import TrialStopped
from seedsweep.metrics import EpochMetrics, of_kept_weights, under_own_names
from seedsweep.tracking.run_queries import find_sweep
from seedsweep.training import checkpoints
from seedsweep.training.checkpoints import CheckpointConfig


def history(*values):
    return [EpochMetrics(epoch, {"val_accuracy": value}) for epoch, value in enumerate(values, start=1)]


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ((0.1, 0.2, 0.3, 0.4), False),
        ((0.4, 0.3), False),
        ((0.4, 0.3, 0.2), True),
        ((0.4, 0.3, 0.4), True),  # as good is no better
        ((0.4, 0.3, 0.5, 0.4), False),
    ],
)
def test_patience_counts_epochs_without_a_better_one(values, ends):
    """Two of them, whatever lies between."""
    assert EarlyStoppingConfig("patience", patience=2, warmup=0).is_out_of_patience(history(*values)) is ends
    assert not EarlyStoppingConfig("patience", patience=2, warmup=9).is_out_of_patience(history(*values))
    assert not EarlyStoppingConfig("none", patience=None, warmup=None).is_out_of_patience(history(*values))


def test_of_equal_epochs_the_first_is_the_best():
    """It was there with less training."""
    assert best_epoch(history(0.1, 0.5, 0.5, 0.4)) == 2


def test_the_median_is_taken_at_the_same_epoch():
    """Of at least three finished trials; whoever is as good goes on."""
    rule = EarlyStoppingConfig("median", patience=None, warmup=2)
    others = [history(0.1, 0.2, 0.9), history(0.1, 0.4, 0.9), history(0.1, 0.6, 0.9)]
    assert rule.is_below_median(history(0.9, 0.3), others)
    assert not rule.is_below_median(history(0.0, 0.4), others)
    assert not rule.is_below_median(history(0.0), others)  # still warming up
    assert not rule.is_below_median(history(0.9, 0.3), others[:2])
    assert not rule.is_below_median(history(0.1, 0.1, 0.1, 0.1), others)  # nobody came so far
    assert not EarlyStoppingConfig("none", patience=None, warmup=None).is_below_median(history(0.9, 0.3), others)


def test_a_run_tells_the_metrics_of_the_weights_that_it_kept():
    """Those of its last epoch stay where they are."""
    last = {"val_accuracy": 0.4, "val_loss": 2.0, "test_accuracy": 0.5}
    assert of_kept_weights(last) == last
    told = {**last, **under_own_names({"val_accuracy": 0.6, "val_loss": 1.0})}
    assert told["best_val_accuracy"] == 0.6
    assert of_kept_weights(told) == {"val_accuracy": 0.6, "val_loss": 1.0, "test_accuracy": 0.5}


def test_the_rule_is_part_of_the_identity_only_where_it_changes_the_weights(compose):
    """A trial that others might have stopped, and did not, is the same as one that nobody looked at."""
    from seedsweep.trials.fingerprint import fingerprint

    def identity(*overrides):
        return fingerprint(compose(*overrides).trial, dataset_sha256="d", versions={}, device="CPU")

    assert identity("stop=median") == identity("stop=none") == identity("stop=median", "stop.warmup=1")
    assert identity("stop=patience") != identity("stop=none")
    assert identity("stop=patience") != identity("stop=patience", "stop.patience=9")


@pytest.mark.train
def test_patience_keeps_the_best_weights_whatever_interrupts_it(tmp_path, compose):
    """The same as a trial that ends after the best epoch, bit by bit; and so after an interruption past it."""
    from seedsweep.training import trainer

    recipe = [*small_data(tmp_path), "model=conv1", "model.batch_norm=true", "opt=adam", "opt.learning_rate=0.03"]
    rule = ["stop=patience", "stop.patience=2", "stop.warmup=0"]
    patient = compose(*recipe, *rule, "epochs=12").trial
    dataset = load(patient.data)

    def keeping(name, stop=lambda: False):
        (tmp_path / name).mkdir(exist_ok=True)
        return CheckpointConfig("t", tmp_path / name / checkpoints.FILE_NAME, 1, stop)

    epochs = []
    kept = trainer.train(patient, dataset, epochs.append, keeping("a"), None)
    assert kept.epochs == len(epochs) == kept.best_epoch + 2 < 12
    assert kept.best_epoch == best_epoch(epochs)
    short = compose(*recipe, f"epochs={kept.best_epoch}").trial
    assert trainer.train(short, dataset, lambda _: None, keeping("b"), None).weights_sha256 == kept.weights_sha256
    batches = -(-len(dataset.train) // patient.batch_size)
    left = iter(range((kept.best_epoch + 1) * batches))
    with pytest.raises(TrialStopped):
        trainer.train(patient, dataset, lambda _: None, keeping("c", lambda: next(left, None) is None), None)
    start = checkpoints.read(tmp_path / "c" / checkpoints.FILE_NAME, "t", 12)
    assert start.epoch > kept.best_epoch
    resumed = trainer.train(patient, dataset, lambda _: None, keeping("c"), start)
    assert (resumed.weights_sha256, resumed.best_epoch) == (kept.weights_sha256, kept.best_epoch)
    np.testing.assert_array_equal(resumed.tested.predictions, kept.tested.predictions)


def test_who_may_be_outdone_stands_for_nobody_who_may_not(sweep):
    """The same training with and without the rule: it is done once, and to its end."""
    rates = ["opt.learning_rate=0.01,0.011,0.012,0.5", "stop=median,none"]
    trying = sweep([1], *rates, "hydra.launcher.workers=1", EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    trials = find_sweep(store_of(trying.directory), None).trials
    assert [trial.status for trial in trials] == ["finished"] * 8
    assert {trial.settings["stop.name"] for trial in trials if "reused_from" in trial.tags} == {"median"}
    assert len(trying.lines("epoch")) == 4 * 4


def test_whoever_is_outdone_ends_early_and_does_not_fail(sweep):
    """Shown as stopped at its epoch, and so is its twin; another sweep trains it whole."""
    rates = ["opt.learning_rate=0.01,0.011,0.012,0.5", "model.name=mlp,twin"]
    trying = sweep([1], *rates, "stop=median", "stop.warmup=2", "hydra.launcher.workers=1", EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    assert "failed" not in trying.output
    assert "stopped after epoch 2, where half of the finished trials were better" in trying.output
    sweep_record = find_sweep(store_of(trying.directory), None)
    told = {trial.settings["opt.learning_rate"]: trial for trial in sweep_record.trials}
    assert {rate: trial.status for rate, trial in told.items()} == {
        **dict.fromkeys(("0.01", "0.011", "0.012"), "finished"),
        "0.5": "stopped",
    }
    assert told["0.5"].tags["stopped_at_epoch"] == "2"
    assert "test_accuracy" not in told["0.5"].metrics
    assert len(trying.lines("epoch")) == 3 * 4 + 2
    # The same command again comes to the same table: who was stopped would be stopped again.
    assert trying.run() == 0, trying.output
    assert "plan: 8 cached, 0 to resume, 0 new" in trying.output
    again = find_sweep(store_of(trying.directory), None).trials
    assert [trial.status for trial in again].count("stopped") == 2
    assert len(trying.lines("epoch")) == 3 * 4 + 2
    trying.arguments[trying.arguments.index("stop=median")] = "stop=none"
    trying.arguments.remove("stop.warmup=2")
    assert trying.run() == 0, trying.output
    assert "plan: 7 cached, 1 to resume, 0 new" in trying.output
    assert len(trying.lines("epoch")) == 3 * 4 + 4  # it goes on from its checkpoint
