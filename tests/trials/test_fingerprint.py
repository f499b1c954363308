"""A trial's identity changes with everything that can change its result, and with nothing else."""

import shutil

import pytest
from support.commands import ROOT

from seedsweep.training import backend
from seedsweep.training.backend import versions
from seedsweep.trials.fingerprint import config_hash, fingerprint

FACTS = {"dataset_sha256": "ab" * 32, "versions": {"keras": "3.15.1"}, "device": "a processor"}


@pytest.mark.parametrize(
    "override",
    [
        "seed=2",
        "epochs=13",
        "batch_size=64",
        "precision=mixed_bfloat16",
        "from_logits=false",
        "threads=2",
        "model=conv4",
        "model.conv_dropout=0.1",
        "model.batch_norm=true",
        "opt=sgd",
        "opt.learning_rate=0.002",
        "reg=l2",
        "data.scale=raw",
        "opt.schedule=cosine",
        "opt.warmup=1",
        "label_smoothing=0.1",
        "data.augment.shift=2",
        "data.augment.rotate=10",
        "data.augment.zoom=0.1",
        "data.validation=test",
    ],
)
def test_what_changes_the_result_changes_the_identity(compose, override):
    """Model, optimizer, penalty, data, training and seed all count."""
    assert fingerprint(compose().trial, **FACTS) != fingerprint(compose(override).trial, **FACTS)


@pytest.mark.parametrize(
    "override", ["model.name=mine", "tracking.experiment=other", "tracking.name=x", "objective=loss"]
)
def test_what_people_call_it_and_where_it_goes_does_not(compose, override):
    """A label or a store changes no weight."""
    assert fingerprint(compose().trial, **FACTS) == fingerprint(compose(override).trial, **FACTS)


def test_a_list_of_equal_values_is_the_value(compose):
    """Two ways to type one network."""
    assert compose("model.kernel_size=[3,3,3]", "model.dense_dropout=[0.5]").trial == compose().trial


@pytest.mark.parametrize(
    "fact",
    [{"dataset_sha256": "cd" * 32}, {"versions": {"keras": "3.15.2"}}, {"device": "another processor"}],
)
def test_data_versions_and_device_count(compose, fact):
    """Equal settings on other images, releases or hardware are another trial."""
    trial = compose().trial
    assert fingerprint(trial, **FACTS) != fingerprint(trial, **{**FACTS, **fact})


def test_a_shell_s_switch_that_changes_sums_counts_as_a_version(monkeypatch):
    """OneDNN off gives other bits under the same settings, so it is another trial."""
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    plain = versions("tensorflow")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert versions("tensorflow") == plain | {"TF_ENABLE_ONEDNN_OPTS": "0"}


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", True),  # undocumented, and a network trained with it is another one
        ("TF_CPP_MIN_LOG_LEVEL", False),
        ("TF_FORCE_GPU_ALLOW_GROWTH", False),
        ("TF_USE_LEGACY_KERAS", False),
        ("TF_VAR_password", False),  # Terraform's
        ("CUDNN_LOGLEVEL_DBG", False),
        ("HOME", False),
    ],
)
def test_every_switch_counts_that_is_not_known_to_be_harmless(monkeypatch, name, counts):
    """A trial trained once more costs less than a wrong one that is reused."""
    monkeypatch.setenv(name, "3")
    assert (name in versions("tensorflow")) == counts


def test_the_releases_of_a_gpu_s_libraries_count_on_a_gpu_only(monkeypatch, tmp_path):
    """Another cuDNN adds in another order; on a processor it only lies about."""
    (tmp_path / "nvidia_cudnn_cu12-9.1.2.dist-info").mkdir()
    (tmp_path / "nvidia_cudnn_cu12-9.1.2.dist-info" / "METADATA").write_text(
        "Name: nvidia-cudnn-cu12\nVersion: 9.1.2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(backend, "device_in", lambda *_: "a GPU")  # none is here to be asked
    on_cpu = backend.expected_in({"CUDA_VISIBLE_DEVICES": "-1"}, "tensorflow", 1).versions
    on_gpu = backend.expected_in({"CUDA_VISIBLE_DEVICES": "0"}, "tensorflow", 1).versions
    assert on_gpu == on_cpu | {"nvidia-cudnn-cu12": "9.1.2"}


def test_the_same_images_under_another_path_are_the_same_trial(compose):
    """A data set is its content, not its file."""
    here, there = (compose("data=npz", f"data.path={path}").trial for path in ("a.npz", "b.npz"))
    assert fingerprint(here, **FACTS) == fingerprint(there, **FACTS)


def test_the_identity_of_settings_is_stable(compose):
    """The hash of the defaults is pinned: a change here orphans every result that users have."""
    assert config_hash(compose().trial) == "bde82c1c7514c408"


def test_code_that_trains_is_part_of_the_identity(sweep, tmp_path):
    """An edited activation is another network; a comment, a docstring and a blank line are none."""
    project = tmp_path / "project"
    shutil.copytree(ROOT / "src", project)
    network = project / "seedsweep" / "models" / "convnet.py"
    text = network.read_text(encoding="utf-8")
    trying = sweep([1], "hydra.launcher.workers=1", PYTHONPATH=project, EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    network.write_text(text.replace('"""', '"""Really: ', 1) + "\n\n# more to come\n", encoding="utf-8")
    assert trying.run() == 0, trying.output
    assert "plan: 1 cached, 0 to resume, 0 new" in trying.output
    assert text.count('"relu"') >= 1
    network.write_text(text.replace('"relu"', '"tanh"'), encoding="utf-8")
    assert trying.run() == 0, trying.output
    assert "not cached (1 trial): trained with other training code of seedsweep" in trying.output
    assert trying.output.count("plan: 0 cached, 0 to resume, 1 new") == 2
