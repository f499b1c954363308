"""Stands in for NVML's binding on a machine without GPUs: as many as $SIMULATED_GPUS says."""

import os


class NVMLError(Exception):
    """What the real binding raises where there is no driver."""


def nvmlInit():
    if "SIMULATED_GPUS" not in os.environ:
        raise NVMLError


def nvmlShutdown():
    pass


def nvmlDeviceGetCount():
    return int(os.environ["SIMULATED_GPUS"])


def nvmlDeviceGetHandleByIndex(index):
    return index


def nvmlDeviceGetUUID(handle):
    return f"GPU-{handle:08d}-aaaa-bbbb-cccc-dddddddddddd"
