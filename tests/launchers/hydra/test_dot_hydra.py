"""A job's config that is put together from entries reads as if it had been written as a whole.

That this is what Hydra writes, see `test_hydra_job`.
"""

from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from seedsweep.launchers.hydra import dot_hydra

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="$\\"), max_size=12) | st.sampled_from(
    ["", " ", "1", "true", "null", "~", "a: b", "# c", "two\nlines\n", "x" * 200, "- y", "é · 中", "'", '"', "?", "1e3"]
)
NUMBERS = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none() | st.binary(max_size=4)
KEYS = TEXTS | st.integers(0, 9) | st.booleans()
VALUES = st.recursive(
    TEXTS | NUMBERS | st.just(Path("a/b")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(job=st.dictionaries(KEYS, VALUES, max_size=4), own=st.dictionaries(KEYS, VALUES, max_size=4))
def test_entries_make_the_whole(tmp_path_factory, job, own):
    """Any values, under any keys; those of the jobs before are remembered meanwhile."""
    directory = tmp_path_factory.mktemp("job")
    config = OmegaConf.create(job)
    whole = OmegaConf.create({"hydra": {**own, "overrides": {"task": ["a=1", "b='x y'"]}}})

    dot_hydra.write(directory, dot_hydra.plain(config), whole.hydra)

    expected = {"config.yaml": config, "hydra.yaml": whole, "overrides.yaml": whole.hydra.overrides.task}
    for name, content in expected.items():
        whole_text = dot_hydra._yaml(OmegaConf.to_container(content))
        assert (directory / name).read_text(encoding="utf-8") == whole_text


@dataclass
class Either:
    """What OmegaConf keeps in a node within a node."""

    n: int | str = 1
    many: list[int | str] = field(default_factory=lambda: [1, "two"])


def test_a_value_of_several_types():
    assert dot_hydra.plain(OmegaConf.structured(Either)) == {"n": 1, "many": [1, "two"]}
