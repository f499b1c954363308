"""What the pages say is what the program has."""

import re
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from support.commands import ROOT

from seedsweep.cli.sweep_command import CONFIG_NAME
from seedsweep.cli.table_command import FORMATS
from seedsweep.config.function_overrides import complete_overrides
from seedsweep.config.run_config import all_setting_names
from seedsweep.reporting.tables import formats

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_setting_is_documented():
    """docs/configuring.md has a row, or a place in one, for each."""
    text = (ROOT / "docs" / "configuring.md").read_text(encoding="utf-8")
    assert [name for name in all_setting_names() if f"`{name}`" not in text] == []


def test_the_command_line_knows_every_format():
    """The names stand twice, so that asking for help does not import pandas."""
    assert tuple(formats.FORMATS) == FORMATS


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every relative link of every page."""
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_on_the_pages_compose(page, compose, rows_of):
    """Every `python sweep.py` command in a block is one that the program takes, as far as its overrides go."""
    assert CONFIG_NAME == "config"
    blocks = re.findall(r"^ *```(\w*)\n(.*?)^ *```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for block in (text for language, text in blocks if not language):
        for line in block.splitlines():
            if "python sweep.py" not in line:
                continue
            words = shlex.split(line.split("python sweep.py", 1)[1], comments=True)
            overrides = [word for word in words if "=" in word and not word.startswith(("hydra", "sweeps"))]
            # One value of each is enough to know that the key and the choices are there.
            parsed = OverridesParser.create().parse_overrides(complete_overrides(overrides))
            compose(*row_of(words, rows_of), *map(first_of, parsed))


def row_of(words, rows_of):
    """The overrides of the first of the rows that a command picks: what it sets besides may need them."""
    told = dict(word.split("=", 1) for word in words if "=" in word)
    if "hydra.sweeper.only" not in told:
        return ()
    return rows_of(told["sweeps"])[told["hydra.sweeper.only"].strip("[]").split(",")[0]].overrides


def first_of(override):
    """An override with the first of its values."""
    if not override.is_sweep_override():
        return override.input_line
    value = next(override.sweep_string_iterator()) if override.is_discrete_sweep() else override.value().start
    return f"{override.get_key_element()}={value}"
