"""Configs composed from a kept one are those that Hydra composes."""

import itertools

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from support.commands import CONF

from seedsweep.config.run_config import register_resolvers
from seedsweep.launchers.hydra.composing import Compositions

INTERNAL_OVERRIDES = [
    "tracking.uri='sqlite:////a b/${x}'",
    "tracking.parent_run_id='0123'",
    "tracking.variant='conv3 · \\'sgd\\''",
    "tracking.job=3",
    "tracking.row=null",
    "tracking.search={suggestion:3,rung:1}",
    "hydra.sweep.dir='/tmp/x'",
    "hydra.sweep.subdir='3'",
]


@pytest.fixture
def loader():
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


def alike(one, other):
    """Tell whether two configs agree in values, types, flags and what their resolvers have answered."""
    if isinstance(one, DictConfig) and OmegaConf.get_cache(one) != OmegaConf.get_cache(other):
        return False
    if type(one) is not type(other):
        return False
    if isinstance(one, DictConfig | ListConfig):
        flags = [vars(node._metadata).get("flags") or {} for node in (one, other)]
        types = [(OmegaConf.get_type(node), node._metadata.ref_type) for node in (one, other)]
        if flags[0] != flags[1] or types[0] != types[1] or one._is_none() != other._is_none():
            return False
        if one._is_none() or one._is_missing() or one._is_interpolation():
            return one._value() == other._value()
        keys = list(one) if isinstance(one, DictConfig) else range(len(one))
        same = keys == (list(other) if isinstance(other, DictConfig) else range(len(other)))
        return same and all(alike(one._get_node(key), other._get_node(key)) for key in keys)
    return (one._value(), one._metadata) == (other._value(), other._metadata)


CASES = [
    [],
    INTERNAL_OVERRIDES,
    ["model=conv4", "opt=sgd", "seed=3", *INTERNAL_OVERRIDES],
    ["seed=3", "model=conv4", "model.conv_dropout=0.25", "opt=sgd", "opt.momentum=0.9"],
    ["model=mlp", "model.dense_units=[784,100]", "reg=l1", "reg.strength=1e-4"],
    ["+model.conv_filters=[8]"],
    ["++seed=7", "model=conv1"],
    ["~seed"],
    ["+opt@other=sgd"],
    ["~stop"],
    ["hydra/job_logging=default", "hydra.verbose=true"],
    ["hydra.job.env_copy=[PATH]", "hydra.job.config.override_dirname.item_sep=';'"],
    ["data=npz", "data.path='a=b.npz'"],
    ["sweeps=wiki", "seed=2"],
    ["hydra.searchpath=[pkg://hydra.conf]", "seed=2"],
]


@pytest.mark.parametrize(
    "sweep",
    [
        pytest.param([], id="bare", marks=pytest.mark.full),
        pytest.param(["seed=5", "hydra.sweep.dir=there", "hydra/launcher=basic"], id="with overrides"),
    ],
)
def test_is_what_hydra_composes(loader, sweep):
    """Every config, each asked for twice and after others, is the one that Hydra composes."""
    config = loader.load_configuration("config", sweep, run_mode=RunMode.MULTIRUN)
    _ = config.hydra.sweep.dir  # its answer is the same in all jobs
    compositions = Compositions(loader, config)

    for overrides in [*CASES, *CASES[1:4]]:
        composed, expected = compositions.compose(overrides), loader.load_sweep_config(config, overrides)

        assert OmegaConf.to_yaml(composed) == OmegaConf.to_yaml(expected), overrides
        assert alike(composed, expected), overrides
        assert OmegaConf.get_cache(composed) == OmegaConf.get_cache(expected)


def test_jobs_do_not_share_what_they_change(loader):
    """A job that writes to its config leaves the others' as they are."""
    config = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)
    compositions = Compositions(loader, config)
    first = compositions.compose(["model.dense_units=[10]"])
    first.model.dense_units.append(20)
    first.model.conv_filters[0] = 1

    second = compositions.compose(["model.dense_units=[10]"])

    assert alike(second, loader.load_sweep_config(config, ["model.dense_units=[10]"]))


@pytest.mark.parametrize("wrong", ["modle=conv3", "model=conv9", "seed.x=3", "+seed=1", "seed=[", "model=3"])
def test_says_what_hydra_says(loader, wrong):
    """What cannot be composed is refused in Hydra's own words."""
    config = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)
    said = []
    for compose in (Compositions(loader, config).compose, lambda given: loader.load_sweep_config(config, given)):
        with pytest.raises((HydraException, ValueError)) as caught:
            compose(["opt=sgd", wrong])
        said.append((type(caught.value), str(caught.value), str(caught.value.__cause__)))

    assert said[0] == said[1]


def test_hydra_composes_each_choice_once(loader, monkeypatch):
    """Of many jobs, Hydra reads the files for those that choose other groups."""
    config = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)
    composed_by_hydra = []
    hydras = loader.load_sweep_config
    monkeypatch.setattr(loader, "load_sweep_config", lambda *given: composed_by_hydra.append(0) or hydras(*given))
    compositions = Compositions(loader, config)
    for model, opt, seed in itertools.product(["conv1", "conv2"], ["sgd", "adam"], range(1, 6)):
        composed = compositions.compose([f"model={model}", f"opt={opt}", f"seed={seed}"])
        assert (composed.model.name, composed.opt.name, composed.seed) == (model, opt, seed)

    assert len(composed_by_hydra) == 4
