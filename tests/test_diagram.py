"""The diagram of a network: a picture where one can be drawn, text and the reason where not."""

import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from seedsweep.training.diagram import Diagram, draw_diagram
from seedsweep.training.network import build


@pytest.fixture
def network(compose):
    spec = compose("model=conv3").trial
    return build(spec.model, spec.reg, (28, 28, 1), 10)


def assert_text(found, directory, reason):
    assert found.path == directory / "diagram.txt"
    assert reason in found.missing
    assert "Conv2D" in found.path.read_text(encoding="utf-8")
    assert not (directory / "diagram.png").exists()


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_a_network_is_drawn(network, tmp_path):
    """As a picture with something in it, higher than wide, as layers stand below each other."""
    found = draw_diagram(network, tmp_path)
    assert found == Diagram(tmp_path / "diagram.png", None)
    picture = np.asarray(Image.open(found.path).convert("L"))
    assert picture.shape[0] > picture.shape[1]
    assert picture.std() > 10


def test_without_pydot_there_is_text(network, tmp_path, monkeypatch, capfd):
    """And the reason; nothing is printed."""
    monkeypatch.setitem(sys.modules, "pydot", None)
    assert_text(draw_diagram(network, tmp_path), tmp_path, "pip install pydot")
    assert capfd.readouterr() == ("", "")


def test_without_graphviz_there_is_text(network, tmp_path, monkeypatch, capfd):
    """And the reason; nothing is printed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_text(draw_diagram(network, tmp_path), tmp_path, "Graphviz is not installed")
    assert capfd.readouterr() == ("", "")


def test_a_graphviz_that_fails_costs_the_picture_and_nothing_else(network, tmp_path, monkeypatch):
    """A trial is not lost to its diagram."""
    broken = tmp_path / "bin" / "dot"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(broken.parent))
    assert_text(draw_diagram(network, tmp_path), tmp_path, "Graphviz failed")
