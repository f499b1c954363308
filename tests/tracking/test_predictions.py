"""Answers that cannot be read cost a table what they would have told, and nothing else."""

import logging

import numpy as np
import pytest

from seedsweep.tracking.predictions import PredictionReader
from seedsweep.tracking.store import Store
from seedsweep.trials.records import TrialRecord


@pytest.fixture
def reader():
    return PredictionReader(Store("sqlite:///nowhere.db", "x"))


def trial(place, images="ab"):
    return TrialRecord("r1", "finished", {}, {}, {"dataset_sha256": images}, str(place))


def write(place, predicted, label):
    place.mkdir()
    np.savez_compressed(place / "predictions.npz", predicted=np.array(predicted), label=np.array(label))
    return place


@pytest.mark.parametrize("is_uri", [False, True])
def test_answers_are_read(reader, tmp_path, is_uri):
    """From a path or a URI, though there is a blank in it."""
    place = write(tmp_path / "with blanks", [1, 2, 3], [1, 2, 0])
    assert reader.read(trial(place.as_uri() if is_uri else place)).correct.tolist() == [True, True, False]


def damaged(place, content):
    place.mkdir()
    (place / "predictions.npz").write_bytes(content)
    return place


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + bytes(100)], ids=["empty", "cut off", "nonsense"])
def test_a_damaged_file_is_said_and_left_out(reader, tmp_path, content, caplog):
    """Whatever the damage."""
    assert reader.read(trial(damaged(tmp_path / "x", content))) is None
    assert "the answers of run r1 cannot be read" in caplog.text


def test_every_byte_of_a_file_can_be_damaged(reader, tmp_path):
    """None of it ends in an exception; what is read is whole, or it is nothing."""
    whole = (write(tmp_path / "whole", [1, 2, 3] * 20, [1, 2, 0] * 20) / "predictions.npz").read_bytes()
    logging.disable()
    try:
        for position in range(0, len(whole), 7):
            content = whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :]
            place = tmp_path / str(position)
            found = reader.read(trial(damaged(place, content), images=str(position)))
            assert found is None or found.predicted.tolist() == [1, 2, 3] * 20
    finally:
        logging.disable(logging.NOTSET)


def test_too_few_answers_are_none(reader, tmp_path):
    """An answer for each image, or no answers at all."""
    assert reader.read(trial(write(tmp_path / "x", [1, 2], [1, 2, 3]))) is None


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The files that were asked of a place elsewhere, at which those whose name begins with "gone" are not."""
    names = []

    def fetched(artifact_uri, **_):
        names.append(artifact_uri)
        if "gone" in artifact_uri:
            raise OSError(artifact_uri)
        return str(write(tmp_path / str(len(names)), [1], [1]) / "predictions.npz")

    monkeypatch.setattr("seedsweep.tracking.predictions._PAUSE", 0.0)
    monkeypatch.setattr("seedsweep.tracking.predictions.mlflow.artifacts.download_artifacts", fetched)
    return names


def test_a_place_that_does_not_answer_is_not_asked_for_ever(reader, asked):
    """A hundred trials there must not each wait."""
    assert all(reader.read(trial(f"s3://bucket/gone-{number}")) is None for number in range(100))
    assert len(set(asked)) == 3


@pytest.mark.usefixtures("asked")
def test_one_file_that_is_gone_costs_no_other(reader):
    """Its row alone lacks what it would have told."""
    names = ["gone", "a", "gone", "gone", "b", "gone", "gone", "c"]
    found = [reader.read(trial(f"s3://bucket/{name}")) for name in names]
    assert [answers is not None for answers in found] == [not name.startswith("gone") for name in names]


def test_a_trial_whose_files_are_gone_has_none(reader, tmp_path):
    """Somebody cleaned up."""
    assert reader.read(trial(tmp_path / "gone")) is None
    assert reader.read(trial("")) is None
