"""A Hydra application whose jobs take part of a second: what the pool does, without TensorFlow.

Run as a script by the tests, with the pool launcher and Hydra's own sweeper.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

CONFIG = {
    "defaults": [{"override hydra/launcher": "pool"}, "_self_"],
    "do": "work",
    "n": 0,
    "seconds": 0.3,
    "hydra": {"sweep": {"dir": "jobs"}},
}
ConfigStore.instance().store(name="app", node=CONFIG)


log = logging.getLogger(__name__)


class Unreadable(Exception):
    """Can be pickled, and not be made again from its text alone."""

    def __init__(self, one, other):
        super().__init__(f"{one} {other}")


def end(how):
    if how == "raise":
        raise ValueError("on purpose")
    if how == "exit":
        sys.exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "leave":
        os._exit(0)
    if how == "unreadable":
        raise Unreadable("on", "purpose")
    if how == "log":
        log.warning("an epoch of its own", extra={"epoch": 3})
        return None
    if how == "unpicklable":
        return threading.Lock()
    return None


@hydra.main(version_base="1.3", config_name="app")
def main(config: DictConfig):
    began = time.time()
    time.sleep(config.seconds)
    noted = {
        "do": config.do,
        "n": config.n,
        "pid": os.getpid(),
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "began": began,
        "ended": time.time(),
    }
    Path(f"job-{config.do}-{config.n}.json").write_text(json.dumps(noted), encoding="utf-8")
    return end(config.do)


if __name__ == "__main__":
    main()
