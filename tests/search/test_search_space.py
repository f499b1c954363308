"""A search space is what Hydra's overrides say, and every value goes back into an override that says the same."""

from types import SimpleNamespace

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from support.commands import CONF, ROOT

from seedsweep.config.run_config import register_resolvers
from seedsweep.errors import UserError
from seedsweep.launchers.hydra.composing import Compositions
from seedsweep.search.protocol import Dimension
from seedsweep.search.search_config import SearchConfig
from seedsweep.search.search_space import read_space
from seedsweep.sweeps.plan import TrialPlanner
from seedsweep.sweeps.search_validation import check_space

GROUPS = SimpleNamespace(get_group_options=lambda _group, results_filter: ["conv1", "conv2", "mlp"])  # noqa: ARG005


def parse(*texts):
    return OverridesParser.create(config_loader=GROUPS).parse_overrides(list(texts))


def only_axis(text):
    (axis,) = read_space(parse(text)).axes
    return axis


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("opt=sgd,adam", ("sgd", "adam")),
        ("opt=choice(sgd,adam)", ("sgd", "adam")),
        ("opt=choice(sgd)", ("sgd",)),
        ("opt=sgd,adam,sgd", ("sgd", "adam")),
        ("x=1,1.0,true,null", ("1", "1.0", "True", "null")),
        ("x='1',1", ("'1'", "1")),
        ("x=str(choice(1,2))", ("'1'", "'2'")),
        ("x=a b,c", ("a\\ b", "c")),
        ("x='it\\'s',\"a,b\"", ("'it\\'s'", '"a,b"')),
        ("x=[8],[8,4]", ("[8]", "[8,4]")),
        ("x=${seed},1", ("$\\{seed\\}", "1")),
        ("model=glob(conv*)", ("conv1", "conv2")),
        ("x=sort(3,1,2)", ("1", "2", "3")),
        ("x=range(1,10,3)", ("1", "4", "7")),
        ("x=range(3,0,-1)", ("3", "2", "1")),
        ("x=sort(range(3,0,-1))", ("1", "2", "3")),
        ("x=range(0,0.5,0.25)", ("0.0", "0.25")),
    ],
)
def test_a_list_or_a_range_is_its_values_in_order(text, texts):
    """As Hydra types them, each once, in quotes where they would be read as something else."""
    axis = only_axis(text)
    assert (axis.texts, axis.dimension) == (texts, Dimension(0, len(texts) - 1, whole=True))
    assert [axis.text(number) for number in range(len(texts))] == list(texts)


@pytest.mark.parametrize(
    ("text", "dimension", "cells"),
    [
        ("x=interval(0,1)", Dimension(0.0, 1.0, whole=False), None),
        ("x=interval(-1e-3,2)", Dimension(-0.001, 2.0, whole=False), None),
        ("x=tag(log,interval(1e-4,1))", Dimension(1e-4, 1.0, whole=False, log=True), None),
        ("x=int(interval(1,9))", Dimension(1, 9, whole=True), 9),
        ("x=tag(log,int(interval(8,512)))", Dimension(8, 512, whole=True, log=True), 505),
        ("x=int(tag(log,interval(8,512)))", Dimension(8, 512, whole=True, log=True), 505),
    ],
)
def test_an_interval_is_its_ends(text, dimension, cells):
    """Floats, or with int(…) whole numbers; equal ratios where it is tagged so."""
    axis = only_axis(text)
    assert (axis.texts, axis.dimension, axis.dimension.cells) == ((), dimension, cells)


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("x=interval(2,1)", "must end above its start, got interval(2.0, 1.0)", "x=interval(1.0, 2.0)"),
        ("x=interval(1,1)", "must end above its start", "x=1.0"),
        ("x=int(interval(3,3))", "must end above its start, got interval(3, 3)", "x=3"),
        ("x=interval(0,inf)", "must be finite, got interval(0.0, inf)", "x=interval(0, 1)"),
        ("x=interval(nan,1)", "must be finite", "x=interval(0, 1)"),
        ("x=tag(log,interval(0,1))", "must start above 0, got interval(0.0, 1.0)", "x=tag(log, interval(0.0001, 1.0))"),
        ("x=tag(log,int(interval(0,9)))", "must start above 0", "x=tag(log, interval(1, 9))"),
        ("x=tag(log,interval(-2,-1))", "must start above 0", "x=interval(-2.0, -1.0)"),
        ("x=interval(-1e308,1e308)", "too wide for floating-point numbers", "x=interval(0, 1)"),
        ("x=tag(log,interval(1e-300,1e300))", "too wide for floating-point numbers", "x=interval(0, 1)"),
        ("x=int(interval(0,1e17))", "must be within ±2^53", "x=interval(0, "),
        ("x=tag(lgo,interval(1,2))", "no tag 'lgo'; the tags are log", "x=tag(log, interval(…))"),
        ("x=tag(log,choice(1,2))", "log is for intervals: x=tag(log,choice(1,2))", "interval"),
        ("x=tag(log,range(1,9))", "log is for intervals", "interval"),
        ("x=shuffle(choice(1,2))", "and shuffle by none: x=shuffle(choice(1,2))", "leave shuffle out"),
        ("x=shuffle(range(1,9))", "and shuffle by none", "leave shuffle out"),
        ("x=range(5,5)", "nothing to choose from: x=range(5,5)", "name at least one: x="),
        ("model=glob(zzz*)", "nothing to choose from", "name at least one: model="),
        ("x=range(1,5,0)", "the step of a range must not be 0", "x=range(1, 5)"),
        ("x=range(0,inf)", "the numbers of a range must be finite", "x=range(1, 10)"),
        ("x=range(0,1000000)", "more than 100,000 values", "x=int(interval(…))"),
        ("x=3", "nothing to search", "interval"),
    ],
)
def test_what_cannot_be_searched_is_refused(text, what, fix):
    """The error says what was received, and what to type instead."""
    with pytest.raises(UserError) as refused:
        read_space(parse(text))
    assert what in refused.value.what
    assert fix in refused.value.fix
    assert refused.value.where in (text.split("=")[0], "command line")


def test_what_is_not_swept_stays_as_it_is():
    """Of one key's overrides the last counts, swept or not; a trial's overrides are all of them."""
    space = read_space(parse("a=1,2", "b=interval(0,1)", "c='x y'", "a=7", "d=1", "d=3,4", "+e@f=null"))
    assert space.fixed == ("a=7", "c='x y'", "+e@f=null")
    assert [axis.key for axis in space.axes] == ["b", "d"]
    assert space.overrides({"d": "4", "b": "0.5"}) == ["a=7", "c='x y'", "+e@f=null", "b=0.5", "d=4"]


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e-05)
@example(1e16)
@example(-0.0)
def test_a_float_comes_back_exactly(number):
    """From its text, both by the axis and by Hydra."""
    low, high = min(number, 0.0), max(number, 0.0)
    axis = only_axis("x=interval(0,1)")
    axis = type(axis)("x", Dimension(low, high, whole=False))
    (override,) = parse(f"x={axis.text(number)}")
    assert (override.value(), axis.number(axis.text(number))) == (number, number)
    assert type(override.value()) is float


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=8))
@example("1")
@example("null")
@example("")
@example("it's")
@example("\\'")
@example("a\\")
@example("naïve")
def test_a_text_comes_back_exactly(text):
    """Whatever stands in a group's names or comes from str(…): Hydra reads it as that text."""
    loader = SimpleNamespace(get_group_options=lambda _group, results_filter: [text])  # noqa: ARG005
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(["x=glob(*)"])
    (axis,) = read_space(overrides).axes
    (override,) = parse(f"x={axis.text(0)}")
    assert override.value() == text
    assert axis.number(axis.text(0)) == 0


@pytest.mark.parametrize(
    ("text", "number"), [("x=interval(0,1)", "2"), ("x=int(interval(1,9))", "0.5"), ("x=a,b", "c"), ("x=a,b", "0")]
)
def test_a_text_of_another_space_is_none_of_this(text, number):
    """Outside of the bounds, of another kind, or not in the list."""
    with pytest.raises(ValueError, match=r".*"):
        only_axis(text).number(number)


def searches():
    """The named sweeps that are searches."""
    files = {path.stem: OmegaConf.load(path).hydra.sweeper for path in sorted((ROOT / "sweeps").glob("*.yaml"))}
    return {name: sweeper for name, sweeper in files.items() if "algorithm" in sweeper}


@pytest.mark.parametrize("name", searches())
@pytest.mark.usefixtures("hydra_restore_singletons")
def test_every_named_search_spans_what_can_be_trained(name):
    """Each value of each axis, on the images that are always there."""
    register_resolvers()
    sweeper = searches()[name]
    with initialize_config_dir(str(CONF), version_base="1.3", job_name="sweep"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", [f"sweeps={name}"], run_mode=RunMode.MULTIRUN)
        told = [*(f"{key}={value}" for key, value in sweeper.params.items()), "data=mnist5k"]
        space = read_space(OverridesParser.create(config_loader=loader).parse_overrides(told))
        wanted = SearchConfig.from_config(config.hydra.sweeper)
        plans = check_space(TrialPlanner(config, Compositions(loader, config), list), space, wanted)

    assert {axis.key for axis in space.axes} < set(sweeper.params) | {"data"}
    assert wanted.algorithm == sweeper.algorithm
    assert len(plans) > len(space.axes)
