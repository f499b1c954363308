"""A row of the table: what one variant's trials came to.

Not here: which trials are of one variant, and what that is set against, see `table`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from seedsweep.reporting.statistics.summary import Summary, prediction_interval, summarize
from seedsweep.reporting.statistics.variance_components import crossed_accuracy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seedsweep.reporting.statistics.comparison import Comparison, Difference, Verdict
    from seedsweep.reporting.statistics.scores import Scores
    from seedsweep.reporting.statistics.summary import Estimate
    from seedsweep.trials.records import TrialRecord

# Reported percents have two decimals.
_ROUNDING = 0.5e-4


@dataclass(frozen=True)
class VariantTrials:
    """What a row is made from.

    Attributes:
        key: its own; two variants may share a name, where two data sets share a path.
        name: for people.
        levels: what it has of each setting in which the variants differ.
        trials: one a seed.
    """

    key: str
    name: str
    levels: Mapping[str, str]
    trials: Sequence[TrialRecord]

    @property
    def images(self) -> str:
        """The identity of its images, those for testing among them."""
        return self.trials[0].tags.get("dataset_sha256", "")

    @property
    def finished(self) -> list[TrialRecord]:
        """Its finished trials, in the order of their seeds."""
        done = [trial for trial in self.trials if trial.status == "finished"]
        return sorted(done, key=lambda trial: int(trial.settings["seed"]))

    @property
    def is_selected(self) -> bool:
        """Whether trials were stopped for being worse: those that finished are then no fair sample of its seeds."""
        return any(trial.status == "stopped" for trial in self.trials)

    @property
    def accuracy(self) -> float:
        """Of the test images, over seeds; below all others where no trial finished."""
        return fmean([trial.metrics["test_accuracy"] for trial in self.finished] or [-1.0])


@dataclass(frozen=True)
class Reported:
    """One published accuracy.

    Attributes:
        percent: as it was reported.
        inside: whether it lies, as far as it is rounded, where one further run of ours would fall in 95 of 100
            cases; None where the spread over seeds is not known.
    """

    percent: float
    inside: bool | None


@dataclass(frozen=True)
class Row:
    """One variant.

    Attributes:
        variant: its name.
        seeds: of the finished trials, ascending.
        accuracies: test accuracy of each of them, as fractions.
        test: the same folded; None when no trial finished.
        new_images: the mean with an interval for new seeds and new test images together; None where fewer than two
            seeds or their answers are known.
        validation: accuracy on the validation images after the last epoch; None when no trial finished.
        verdict: how it compares with the others, in words; None where it is not compared.
        against: its difference from the reference row; None for that row, and where it is not compared.
        reported: published accuracies of this system.
        parameters: number of weights; None when no trial finished.
        train_seconds: mean wall time of the epochs; None when no trial finished.
        note: what its named row says about it, and of which epochs the best weights were kept.
        unfinished: what happened to the trials that did not finish.
        hardware: that the finished trials were trained on.
        settings: what its trials share, by dotted path: all but the seed.
        trials: the runs of the finished ones.
        is_selected: whether others of its trials were stopped for being worse, which makes its mean too good.
        has_failed: whether others of its trials failed.
    """

    variant: str
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    test: Summary | None
    new_images: Estimate | None
    validation: Summary | None
    verdict: Verdict | None
    against: Difference | None
    reported: tuple[Reported, ...]
    parameters: int | None
    train_seconds: float | None
    note: str
    unfinished: str
    hardware: str
    settings: Mapping[str, str]
    trials: tuple[str, ...]
    is_selected: bool
    has_failed: bool


def row_of(variant: VariantTrials, scores: Scores, compared: Comparison) -> Row:
    """Fold a variant's trials.

    Args:
        variant: with its trials.
        scores: of its finished ones.
        compared: all variants against the reference.
    """
    finished = variant.finished
    accuracies = tuple(trial.metrics["test_accuracy"] for trial in finished)
    validated = [trial.metrics["val_accuracy"] for trial in finished]
    tags = variant.trials[0].tags
    is_known = len(scores.correct) == len(finished) > 1
    against = compared.rows.get(variant.key)
    verdict: Verdict | None = against.verdict if against else None
    if variant.key == compared.reference:
        verdict = "best" if compared.is_best else "baseline"
    elif len(finished) == 1 and compared.reference is None:
        verdict = "one seed"
    fold = _without_interval if variant.is_selected else _fold
    return Row(
        variant=variant.name,
        seeds=tuple(int(trial.settings["seed"]) for trial in finished),
        accuracies=accuracies,
        test=fold(accuracies) if finished else None,
        new_images=crossed_accuracy(np.stack(list(scores.correct.values()))) if is_known else None,
        validation=fold(validated) if finished else None,
        verdict=verdict,
        against=against,
        reported=_reported(tags.get("reported", ""), () if variant.is_selected else accuracies),
        parameters=int(finished[0].tags["parameters"]) if finished else None,
        train_seconds=fmean(trial.metrics["train_seconds"] for trial in finished) if finished else None,
        note="; ".join(filter(None, (tags.get("row_note", ""), _ended_early(finished)))),
        unfinished=_unfinished(variant.trials),
        hardware="; ".join(dict.fromkeys(trial.tags["hardware"] for trial in finished if "hardware" in trial.tags)),
        settings={name: value for name, value in variant.trials[0].settings.items() if name != "seed"},
        trials=tuple(trial.run_id for trial in finished),
        is_selected=variant.is_selected and bool(finished),
        has_failed=bool(finished) and any(trial.status == "failed" for trial in variant.trials),
    )


def _fold(accuracies: Sequence[float]) -> Summary:
    return summarize(accuracies, proportions=True)


def _without_interval(accuracies: Sequence[float]) -> Summary:
    return replace(_fold(accuracies), low=None, high=None)


def _reported(text: str, accuracies: Sequence[float]) -> tuple[Reported, ...]:
    percents = [float(part) for part in text.split(",") if part.strip()]
    return tuple(Reported(percent, _is_inside(percent / 100, accuracies)) for percent in percents)


def _is_inside(reported: float, accuracies: Sequence[float]) -> bool | None:
    interval = prediction_interval(accuracies) if len(accuracies) > 1 else None
    if interval is None:
        return None
    low, high = interval
    if low - _ROUNDING <= reported <= high + _ROUNDING:
        return True
    # Few seeds can agree by chance, and then nothing is known of how far a further one may lie.
    return None if high - low < _ROUNDING else False


def _ended_early(finished: Sequence[TrialRecord]) -> str:
    """Say where the weights of the best epoch were kept, and which those were."""
    kept = sorted(int(trial.tags["best_epoch"]) for trial in finished if "best_epoch" in trial.tags)
    if not kept:
        return ""
    epochs = f"{kept[0]}" if kept[0] == kept[-1] else f"{kept[0]} to {kept[-1]}"
    return f"best weights kept, of epoch {epochs}"


def _unfinished(trials: Sequence[TrialRecord]) -> str:
    counts = Counter((trial.status, trial.tags.get("failure", "")) for trial in trials if trial.status != "finished")
    parts = []
    for (status, failure), count in counts.items():
        times = f"{count} {status}" if len(trials) > 1 else status
        parts.append(f"{times}: {failure}" if failure else times)
    return "; ".join(parts)
