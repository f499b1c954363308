"""A diagram of a network, layer by layer with shapes, where one can be drawn."""

from __future__ import annotations

import importlib.util
import shutil
from typing import TYPE_CHECKING

import keras

from seedsweep.errors import reason

if TYPE_CHECKING:
    from pathlib import Path

# Of a screen: Keras' own 200 makes the picture of a dozen layers three thousand pixels high.
_DPI = 80


def draw_diagram(model: keras.Model, path: Path) -> str | None:
    """Write the diagram as a picture.

    Args:
        model: a network that is built.
        path: a .png file in a directory that exists.

    Returns:
        None, or why nothing could be drawn; no trial fails of that.
    """
    if importlib.util.find_spec("pydot") is None:
        return "pydot is not installed: pip install pydot"
    # Asked for here, because Keras would print it.
    if shutil.which("dot") is None:
        return "Graphviz is not installed: its command `dot` is not found"
    try:
        keras.utils.plot_model(model, to_file=path, show_shapes=True, show_layer_activations=True, dpi=_DPI)
    except Exception as error:  # noqa: BLE001 - whatever Graphviz or pydot raise
        path.unlink(missing_ok=True)
        return f"Graphviz failed: {reason(error)}"
    return None
