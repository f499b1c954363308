"""A packed config opens in a process that was started from another program."""

import pickle
import subprocess
import sys
from dataclasses import dataclass

import pytest
from omegaconf import OmegaConf

from seedsweep.launchers.hydra.packing import packed

PROGRAM = """
import sys
from dataclasses import dataclass
from omegaconf import OmegaConf
from seedsweep.launchers.hydra.packing import packed

@dataclass
class Settings:
    n: int = 3

sys.stdout.buffer.write(packed(OmegaConf.structured(Settings)))
"""


def test_a_class_of_the_program_goes_along():
    """As Hydra's users write structured configs: in the script that they start."""
    written = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True).stdout
    opened = pickle.loads(written)
    assert opened == {"n": 3}
    assert OmegaConf.get_type(opened).__name__ == "Settings"
    with pytest.raises(AttributeError):  # which shows that the class is not found here by its name
        pickle.loads(b"c__main__\nSettings\n.")


def test_a_class_without_an_address_goes_along():
    @dataclass
    class Local:
        n: int = 4

    assert pickle.loads(packed(OmegaConf.structured(Local))) == {"n": 4}


def test_others_are_sent_by_their_name():
    """Which takes half the time."""
    config = OmegaConf.create({"a": [1, {"b": None}]})
    assert packed(config) == pickle.dumps(config, pickle.HIGHEST_PROTOCOL)
