"""Puts the directory of `sweeps/` on Hydra's search path, so that `sweeps=NAME` works from anywhere."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

_FILE = "file://"


class SweepsSearchPath(SearchPathPlugin):
    """Adds the parent of the application's own config directory, where that parent has a `sweeps/`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the directory; other applications' search paths stay as they are."""
        for element in search_path.get_path():
            config_directory = Path(element.path.removeprefix(_FILE))
            if element.provider != "main" or not config_directory.is_absolute():
                continue
            root = config_directory.parent
            if (root / "sweep.py").is_file() and (root / "sweeps").is_dir():
                search_path.append(provider="seedsweep", path=f"{_FILE}{root}")
                return
