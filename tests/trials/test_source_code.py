"""Which code a function depends on: all that can change its result, and nothing else of the user's."""

import importlib
import sys

import pytest

from seedsweep.trials.source_code import code_of

NETS = """
import os
from helpers import block, other

SIZE = 3

def wide(input_shape, classes, *, width=64):
    return [block(width) for _ in range(SIZE)]

def deep(input_shape, classes):
    return other(classes)
"""
HELPERS = """
from deeper import units

def block(width):
    return units(width)

def other(width):
    return width + 1

class Unused:
    pass
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A function that writes files into a directory that Python searches."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**files):
        for name, text in files.items():
            place = tmp_path / f"{name.replace('parts__', 'parts/')}.py"
            place.parent.mkdir(exist_ok=True)
            place.write_text(text)
            # A file system's clock may be too coarse for two writes in a row.
            sys.modules["os"].utime(place, ns=(write.clock, write.clock))
            write.clock += 1_000_000
        importlib.invalidate_caches()
        return code_of("nets.wide")

    write.clock = 10**18
    return write


@pytest.fixture
def written(project):
    project(nets=NETS, helpers=HELPERS, deeper="def units(n):\n    return n\n")
    return project


def test_all_files_that_a_function_reaches_are_counted(written):
    code = written()
    assert set(code.files) == set(code.parts) == {"nets", "helpers", "deeper"}
    assert "nets" not in sys.modules
    assert len(code.sha256) == 16


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("nets", "range(SIZE)", "range(SIZE + 1)"),
        ("nets", "SIZE = 3", "SIZE = 4"),
        ("nets", "width=64", "width=65"),
        ("helpers", "return units(width)", "return units(2 * width)"),
        ("deeper", "return n\n", "return n + 1\n"),
        ("helpers", "class Unused", "print(5)\nclass Unused"),
        ("helpers", "class Unused:\n    pass", "class Unused:\n    print(5)"),
        ("helpers", "class Unused:\n    pass", "def unused(x=print(5)):\n    pass"),
        ("helpers", "class Unused:\n    pass", "class Unused(print(5)):\n    pass"),
        ("deeper", "def units", "@print\ndef units"),
        ("nets", "import os", "import os\nos.environ['KERAS_X'] = '1'"),
    ],
)
def test_what_can_change_the_result_counts(written, name, before, after):
    """A constant, a default, a helper of a helper, what a module does when it is imported."""
    texts = {"nets": NETS, "helpers": HELPERS, "deeper": "def units(n):\n    return n\n"}
    first = written()
    assert before in texts[name]
    changed = written(**{name: texts[name].replace(before, after)})
    assert changed.sha256 != first.sha256
    assert {part for part in first.parts if first.parts[part] != changed.parts[part]} == {name}


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("nets", "return [block", "# a comment\n    return [block"),
        ("nets", "width=64):\n", 'width=64):\n    """A docstring."""\n'),
        ("nets", "return other(classes)", "return other(2 * classes)"),
        ("helpers", "return width + 1", "return width + 2"),
        ("helpers", "pass", "size = 3"),
        ("helpers", "pass", "def method(self):\n        print(5)"),
        ("nets", "import os", 'import os\nif __name__ == "__main__":\n    print(1)'),
    ],
)
def test_what_cannot_does_not(written, name, before, after):
    """Comments, docstrings, functions of other models, what only `python nets.py` does."""
    texts = {"nets": NETS, "helpers": HELPERS}
    first = written()
    assert before in texts[name]
    assert written(**{name: texts[name].replace(before, after)}).sha256 == first.sha256


@pytest.mark.parametrize(
    "statement",
    [
        "import parts.blocks",
        "import parts.blocks as b",
        "from parts import blocks",
        "from parts.blocks import make",
        "from parts import *",
        "def f():\n    from parts.blocks import make",
    ],
)
def test_packages_are_followed(project, statement):
    """However they are imported, with what their `__init__.py` does."""
    files = {"parts__blocks": "from .inner import size\ndef make():\n    return size\n", "parts__inner": "size = 3\n"}
    used = {"import parts.blocks": "parts", "import parts.blocks as b": "b", "from parts import blocks": "blocks"}
    used |= {"from parts.blocks import make": "make", "from parts import *": "make"}
    text = f"{statement}\ndef wide(input_shape, classes):\n    return {used.get(statement, 'f')}\n"
    start = "from parts.blocks import make\n"
    first = project(nets=text, parts____init__=start, **files)
    assert {"parts", "parts.blocks", "parts.inner"} <= set(first.files)
    assert project(parts__inner="size = 4\n").sha256 != first.sha256
    assert project(parts__inner="size = 3\n").sha256 == first.sha256
    assert project(parts____init__=f"{start}print(1)\n").sha256 != first.sha256


@pytest.mark.parametrize(
    "call", ["globals()['inner']()", "eval('inner()')", "getattr(sys.modules[__name__], 'inner')()"]
)
def test_where_names_are_made_at_run_time_all_of_the_module_counts(project, call):
    text = "import sys\ndef inner():\n    return 1\ndef wide(input_shape, classes):\n    return "
    first = project(nets=f"{text}{call}\n")
    assert project(nets=f"{text}{call}\n".replace("return 1", "return 2")).sha256 != first.sha256


def test_the_version_of_an_installed_package_counts(project):
    """Keras and what computes are part of each trial's identity already."""
    code = project(nets="import keras, numpy, yaml, json\ndef wide(input_shape, classes):\n    return yaml\n")
    assert list(code.parts) == ["nets", "yaml"]
    assert code.parts["yaml"].startswith("PyYAML 6")


def test_a_function_that_is_not_there_is_a_lookup_error():
    with pytest.raises(LookupError, match="absent"):
        code_of("absent.wide")


def test_modules_that_import_each_other_come_to_an_end(project):
    code = project(nets="import helpers\ndef wide(a, b):\n    return helpers\n", helpers="import nets\nx = nets\n")
    assert set(code.files) == {"nets", "helpers"}
