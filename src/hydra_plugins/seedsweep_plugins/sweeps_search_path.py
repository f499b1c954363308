"""Puts `sweeps/` on Hydra's search path, so that `sweeps=NAME` works from anywhere.

Only that one directory of the project: Hydra walks all that is on its search path, and a project has more
than configs (with a `.git` and a `.venv` in it, `--help` would take seconds).
"""

from pathlib import Path
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin

GROUP = "sweeps"


class SweepsConfigSource(ConfigSource):
    """A directory of which only the subdirectory `sweeps` can be seen, as a group of configs."""

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider, path)
        kinds: Any = Plugins.instance().discover(ConfigSource)
        of_files = next(kind for kind in kinds if kind.scheme() == "file")
        self._files: ConfigSource = of_files(provider, f"file://{self.path}")

    @staticmethod
    def scheme() -> str:
        """Return what its paths begin with."""
        return GROUP

    def load_config(self, config_path: str) -> ConfigResult:
        """Return a file of the group."""
        return self._files.load_config(config_path)

    def available(self) -> bool:
        """Whether the directory is there."""
        return self._files.is_group(GROUP)

    def is_group(self, config_path: str) -> bool:
        """Whether a path is the group itself; there are no groups below it."""
        return config_path in ("", GROUP)

    def is_config(self, config_path: str) -> bool:
        """Whether a path is a file of the group."""
        return config_path.startswith(f"{GROUP}/") and self._files.is_config(config_path)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """List the group, or its files."""
        if config_path == GROUP:
            return self._files.list(config_path, results_filter)
        return [GROUP] if config_path == "" and results_filter is not ObjectType.CONFIG else []


class SweepsSearchPath(SearchPathPlugin):
    """Adds the group where `sweeps/` lies beside the application's own config directory and a sweep.py."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the group; other applications' search paths stay as they are."""
        for element in search_path.get_path():
            config_directory = Path(element.path.removeprefix("file://"))
            if element.provider != "main" or not config_directory.is_absolute():
                continue
            root = config_directory.parent
            if (root / "sweep.py").is_file() and (root / GROUP).is_dir():
                search_path.append(provider="seedsweep", path=f"{SweepsConfigSource.scheme()}://{root}")
                return
