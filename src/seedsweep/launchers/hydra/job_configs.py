"""The two parts into which Hydra divides a job's config: what its task sees, and Hydra's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf, read_write

from seedsweep.launchers.hydra.packing import packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from omegaconf import DictConfig


def enter(config: DictConfig, directory: Path) -> None:
    """Say in a job's config where it works, after which nothing of Hydra's changes in it."""
    hydra: Any = config.hydra
    with read_write(hydra.runtime):
        hydra.runtime.output_dir = str(directory)
    OmegaConf.set_readonly(hydra, value=True)


def entered(load: Callable[[], DictConfig], directory: Path, resolved: Mapping[str, Any]) -> DictConfig:
    """Return a job's config as it was when its task began.

    Args:
        load: gives it anew, composed and numbered.
        directory: the job's own.
        resolved: what resolvers had answered by then, such as the time, and answer again.
    """
    config = load()
    OmegaConf.set_cache(config, dict(resolved))
    enter(config, directory)
    return config


def task_part(config: DictConfig) -> DictConfig:
    """Copy what the task sees of a job's config: all but Hydra's own."""
    state = vars(config)
    whole = state["_content"]
    # Lent out without that part, which is most of it: OmegaConf would copy it all and delete that part then.
    state["_content"] = {key: node for key, node in whole.items() if key != "hydra"}
    try:
        part: DictConfig = unpacked(packed(config))
    finally:
        state["_content"] = whole
    return part


def hydra_part(config: DictConfig) -> DictConfig:
    """Return Hydra's own part, below its key, moved out of a config that is not used any more."""
    # Without the flag the node would be copied.
    part = OmegaConf.create({}, flags={"no_deepcopy_set_nodes": True})
    part.hydra = config.hydra
    part._set_flag("no_deepcopy_set_nodes", None)  # noqa: SLF001 - OmegaConf has no other way to lift it
    OmegaConf.copy_cache(from_config=config, to_config=part)
    return part
