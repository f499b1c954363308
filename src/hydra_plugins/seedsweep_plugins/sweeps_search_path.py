"""Puts `sweeps/` on Hydra's search path, so that `sweeps=NAME` works from anywhere.

Only that one directory of the project: Hydra walks all that is on its search path, and a project has more
than configs (with a `.git` and a `.venv` in it, `--help` would take seconds).
"""

from pathlib import Path

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.search_path_plugin import SearchPathPlugin

GROUP = "sweeps"


class SweepsConfigSource(FileConfigSource):
    """A directory of which only the subdirectory `sweeps` can be seen, as a group of configs."""

    @staticmethod
    def scheme() -> str:
        """Return what its paths begin with."""
        return GROUP

    def is_group(self, config_path: str) -> bool:
        """Tell whether a path is the group itself; there are no groups below it."""
        return config_path in ("", GROUP)

    def is_config(self, config_path: str) -> bool:
        """Tell whether a path is a file of the group."""
        return config_path.startswith(f"{GROUP}/") and super().is_config(config_path)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """List the group, or its files."""
        if config_path == GROUP:
            return super().list(config_path, results_filter)
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
