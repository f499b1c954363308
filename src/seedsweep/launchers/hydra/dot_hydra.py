"""Writes `.hydra/`, the configs of a job in its directory: the files that Hydra writes, in a fifth of the time.

libyaml writes them, and the entries that a job shares with the one before are not written out again.
"""

from __future__ import annotations

import marshal
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import Container, Node
from omegaconf._utils import get_omega_conf_dumper

if TYPE_CHECKING:
    from pathlib import Path

    from omegaconf import DictConfig


def write(directory: Path, job: dict[Any, Any], hydra: DictConfig) -> None:
    """Write down what a job was composed of.

    Args:
        directory: made if it is not there.
        job: what the task sees, plain.
        hydra: Hydra's own config.
    """
    directory.mkdir(parents=True, exist_ok=True)
    own = plain(hydra)
    texts = {
        "config.yaml": _by_entry(job),
        "hydra.yaml": _by_entry(own, within="hydra"),
        "overrides.yaml": _yaml(own["overrides"]["task"]),
    }
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")


def _yaml(content: Any) -> str:
    """Return what `OmegaConf.save` writes."""
    text: str = yaml.dump(content, Dumper=_dumper(), default_flow_style=False, allow_unicode=True, sort_keys=False)
    return text


def _by_entry(mapping: dict[Any, Any], within: str | None = None) -> str:
    """Return the same, put together from entries, of which most were in the job before.

    Args:
        mapping: the whole.
        within: its key, where it is the only entry of another one.
    """
    try:
        entries = [marshal.dumps((within, key, value)) for key, value in mapping.items()]
    except ValueError:  # a value that is neither text nor number, such as a path
        entries = []
    if not entries:
        return _yaml(mapping if within is None else {within: mapping})
    return _head(within) + "".join(map(_entry, entries))


@lru_cache(maxsize=128)
def _entry(marshalled: bytes) -> str:
    within, key, value = marshal.loads(marshalled)  # noqa: S302 - by ourselves
    entry = {key: value}
    return _yaml(entry if within is None else {within: entry}).removeprefix(_head(within))


def _head(within: str | None) -> str:
    return "" if within is None else f"{within}:\n"


def plain(node: Any) -> Any:
    """Return what `OmegaConf.to_container` gives for a config whose interpolations stay as they are."""
    if not isinstance(node, Container):
        value = node._value()  # noqa: SLF001 - `to_container` takes four times as long, for questions not asked here
        return plain(value) if isinstance(value, Node) else _name(value)  # a union holds another node
    content = node._content  # noqa: SLF001
    if isinstance(content, dict):
        return {_name(key): plain(child) for key, child in content.items()}
    if isinstance(content, list):
        return [plain(child) for child in content]
    return content  # None, missing, or an interpolation of a whole group


def _name(value: Any) -> Any:
    return value.name if isinstance(value, Enum) else value


@lru_cache(maxsize=1)
def _dumper() -> Any:
    """Return OmegaConf's way of writing YAML on top of libyaml, where PyYAML was built with it."""
    omegaconfs: Any = get_omega_conf_dumper()
    if not yaml.__with_libyaml__:
        return omegaconfs
    return type("Dumper", (yaml.CDumper,), {"yaml_representers": omegaconfs.yaml_representers})
