"""The diagram of a network: a picture where one can be drawn, the reason where not."""

import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from seedsweep.training.model_builder import build
from seedsweep.training.model_plot import draw_diagram


@pytest.fixture
def network(compose):
    return build(compose("model=conv3").trial, (28, 28, 1), 10)


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_a_network_is_drawn(network, tmp_path):
    """As a picture with something in it, higher than wide, as layers stand below each other."""
    assert draw_diagram(network, tmp_path / "diagram.png") is None
    picture = np.asarray(Image.open(tmp_path / "diagram.png").convert("L"))
    assert picture.shape[0] > picture.shape[1]
    assert picture.std() > 10


def test_without_pydot_there_is_a_reason(network, tmp_path, monkeypatch, capfd):
    """Nothing is printed, and nothing written."""
    monkeypatch.setitem(sys.modules, "pydot", None)
    assert "pip install pydot" in draw_diagram(network, tmp_path / "diagram.png")
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_without_graphviz_there_is_a_reason(network, tmp_path, monkeypatch, capfd):
    """Nothing is printed, and nothing written."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Graphviz is not installed" in draw_diagram(network, tmp_path / "diagram.png")
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_a_graphviz_that_fails_costs_the_picture_and_nothing_else(network, tmp_path, monkeypatch):
    """A trial is not lost to its diagram."""
    broken = tmp_path / "bin" / "dot"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(broken.parent))
    assert "Graphviz failed" in draw_diagram(network, tmp_path / "diagram.png")
    assert not (tmp_path / "diagram.png").exists()
