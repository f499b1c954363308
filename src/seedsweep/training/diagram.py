"""A diagram of a network, layer by layer with shapes: a picture where that can be drawn, else text."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras

from seedsweep.errors import reason

if TYPE_CHECKING:
    from pathlib import Path

# Of a screen: Keras' own 200 makes the picture of a dozen layers three thousand pixels high.
_DPI = 80


@dataclass(frozen=True)
class Diagram:
    """What was written.

    Attributes:
        path: the file.
        missing: why it is no picture; None where it is one.
    """

    path: Path
    missing: str | None


def draw_diagram(model: keras.Model, directory: Path) -> Diagram:
    """Write diagram.png, or diagram.txt with the summary where no picture can be drawn.

    Args:
        model: a network that is built.
        directory: one that exists.

    Raises:
        OSError: there is no room.
    """
    missing = _missing()
    if missing is None:
        path = directory / "diagram.png"
        try:
            keras.utils.plot_model(model, to_file=path, show_shapes=True, show_layer_activations=True, dpi=_DPI)
        except Exception as error:  # noqa: BLE001 - whatever Graphviz or pydot raise, a trial does not fail of it
            missing = f"Graphviz failed: {reason(error)}"
            path.unlink(missing_ok=True)
        else:
            return Diagram(path, None)
    path = directory / "diagram.txt"
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    path.write_text("\n".join(lines), encoding="utf-8")
    return Diagram(path, missing)


def _missing() -> str | None:
    """Return what a picture lacks. Asked for here, because Keras would print it."""
    if importlib.util.find_spec("pydot") is None:
        return "pydot is not installed: pip install pydot"
    if shutil.which("dot") is None:
        return "Graphviz is not installed: its command `dot` is not found"
    return None
