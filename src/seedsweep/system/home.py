"""A home directory for a user who has none, as in a container: MLflow and Keras do not start without."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def ensure_home() -> None:
    """Let `HOME` name a directory for temporary files where the system knows no home directory of this user."""
    try:
        Path.home()
    except RuntimeError:
        home = Path(tempfile.gettempdir()) / f"seedsweep-home-{os.getuid()}"
        home.mkdir(mode=0o700, exist_ok=True)
        os.environ["HOME"] = str(home)
