"""The library that computes: chosen, limited and made deterministic before it is imported.

What is set here holds for the whole process, so a process trains with one backend and one thread count.
"""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from seedsweep.errors import SeedsweepError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger(__name__)

# The distributions whose release can change a result, for each backend.
_COMPUTING = {"tensorflow": ("tensorflow",), "jax": ("jax", "jaxlib"), "torch": ("torch",)}

# How the names of the distributions begin that hold NVIDIA's kernels.
_GPU_LIBRARIES = ("nvidia-cublas", "nvidia-cudnn")

# Instruction sets by which oneDNN and Eigen choose their kernels, and with them the order of additions.
_INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "asimd", "sve")

# How the names of variables begin with which a user's shell may change how the libraries compute. Each that is set
# counts as a version: a trial that is trained once more costs less than a wrong one that is reused. Of TensorFlow's,
# few of which are documented, all kinds count that its libraries read for that; not the whole of `TF_`, which is
# Terraform's too, secrets among it.
_NUMERIC_VARIABLES = (
    *("ATEN_", "CUBLAS_", "CUDNN_", "DNNL_", "JAX_", "KERAS_NNX_", "KERAS_TORCH_DEVICE", "MKL_"),
    *("NVIDIA_TF32_OVERRIDE", "ONEDNN_", "TORCH_ALLOW_", "TORCH_CUDNN_", "XLA_FLAGS"),
    *("TF_AUTOTUNE_", "TF_AUTO_MIXED_PRECISION_", "TF_CONV", "TF_CUBLAS_", "TF_CUDNN_", "TF_CUFFT_"),
    *("TF_DEBUG_CUDNN_RNN", "TF_DETERMINISTIC_", "TF_DISABLE_", "TF_ENABLE_", "TF_FP16_", "TF_JIT", "TF_MATMUL_"),
    *("TF_MKL_", "TF_ONEDNN_", "TF_OVERRIDE_GLOBAL_THREADPOOL", "TF_SET_ONEDNN_", "TF_USE_", "TF_XLA_"),
)
_OTHER_VARIABLES = (
    *("CUDNN_LOG", "DNNL_VERBOSE", "MKL_NUM_THREADS", "MKL_VERBOSE", "ONEDNN_VERBOSE", "TF_DISABLE_PLUGIN_TLS"),
    *("TF_DISABLE_PROFILING", "TF_ENABLE_GPU_GARBAGE_COLLECTION", "TF_JIT_CACHE_DIR", "TF_USE_LEGACY_KERAS"),
)

# What Keras imports for wrappers and galleries that no trial uses, where it is installed: a third of the seconds
# that a worker takes to start.
_OFFERED_ONLY = ("matplotlib", "sklearn")

_prepared: tuple[tuple[str, int], Runtime] | None = None


@dataclass(frozen=True)
class Runtime:
    """What a process computes with.

    Attributes:
        device: the kind of GPU, or of processor with its widest instruction sets.
        versions: name → version of the libraries whose release can change a result.
    """

    device: str
    versions: Mapping[str, str]


def prepare(backend: str, threads: int) -> Runtime:
    """Import a backend with a thread count and deterministic operations.

    Raises:
        SeedsweepError: the process already computes with another backend or thread count.
    """
    global _prepared  # noqa: PLW0603 - the backend itself is global to the process
    wanted = (backend, threads)
    if _prepared is None:
        releases = versions(backend)
        _before_import(backend, threads)
        with _without(*_OFFERED_ONLY):
            gpu = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend](threads)
            import keras  # noqa: F401 - here, where it cannot bring along what it only offers
        if gpu is None and _gpu_was_given():
            log.warning(
                "%s sees no GPU although this process was given one; it trains on the CPU. "
                "pip install -e '.[gpu]' brings TensorFlow's CUDA libraries; "
                "hydra.launcher.gpus=[] uses every core instead.",
                backend,
            )
        _prepared = (wanted, Runtime(gpu, releases | _gpu_releases()) if gpu else Runtime(cpu_model(), releases))
    (before, threads_before), runtime = _prepared
    if (before, threads_before) != wanted:
        raise SeedsweepError(
            f"this process already computes with backend={before} threads={threads_before} "
            f"and cannot change to backend={backend} threads={threads}"
        )
    return runtime


def versions(backend: str) -> dict[str, str]:
    """Return the versions that belong to a trial's identity, without importing anything.

    Variables of the shell that change how a library computes count as versions of it.
    """
    names = (*_COMPUTING[backend], "keras", "numpy")
    return {name: metadata.version(name) for name in names} | numeric_environment()


def _gpu_releases() -> dict[str, str]:
    """Return the versions of the installed GPU libraries; those outside of Python packages are unknown."""
    names = ((found.name.lower(), found.version) for found in metadata.distributions() if found.name)
    return {name: version for name, version in sorted(names) if name.startswith(_GPU_LIBRARIES)}


def numeric_environment() -> dict[str, str]:
    """Return the variables of the shell that change how a library computes."""
    return {name: value for name, value in os.environ.items() if is_numeric(name)}


def is_numeric(name: str) -> bool:
    """Tell whether a variable of this name may change how a library computes."""
    return name.startswith(_NUMERIC_VARIABLES) and not name.startswith(_OTHER_VARIABLES)


def expected_in(environment: Mapping[str, str], backend: str, threads: int) -> Runtime:
    """Return what a process of this machine with this environment will compute with.

    The process that asks imports no backend itself: it would hold the GPUs.

    Raises:
        SeedsweepError: the backend does not start.
    """
    if {**os.environ, **environment}.get("CUDA_VISIBLE_DEVICES", "-1") in ("", "-1"):
        return Runtime(cpu_model(), versions(backend))
    device = device_in(environment, backend, threads)
    own = {} if device == cpu_model() else _gpu_releases()
    return Runtime(device, versions(backend) | own)


def device_in(environment: Mapping[str, str], backend: str, threads: int) -> str:
    """Return the kind of device that a process with this environment computes on, by asking one.

    Raises:
        SeedsweepError: it could not say.
    """
    code = f"from {__name__} import prepare; print(prepare({backend!r}, {threads}).device)"
    asked = subprocess.run(  # noqa: S603 - Python itself, and words that were checked
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise SeedsweepError(f"{backend} does not start:\n{asked.stderr}")
    return asked.stdout.strip().splitlines()[-1]


def seed_generators(seed: int, epoch: int) -> None:
    """Fix the random numbers of an epoch that come from no variable of the network.

    On PyTorch, Keras' dropout draws from the library's own generator, whose state no checkpoint has, and which
    Keras uses up at each first call too.
    """
    if os.environ.get("KERAS_BACKEND") == "torch":
        import numpy as np
        import torch

        torch.manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0]))


@cache
def is_installed(backend: str) -> bool:
    """Tell whether a backend can be imported, without importing it."""
    try:
        metadata.version(_COMPUTING[backend][0])
    except metadata.PackageNotFoundError:
        return False
    return True


def _before_import(backend: str, threads: int) -> None:
    if "keras" in sys.modules and os.environ.get("KERAS_BACKEND") != backend:
        raise SeedsweepError("Keras was imported before its backend was chosen")
    os.environ["KERAS_BACKEND"] = backend
    if backend == "jax":
        flags = f"--xla_gpu_deterministic_ops=true --xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    if backend == "torch":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with one


@contextmanager
def _without(*libraries: str) -> Iterator[None]:
    """Let libraries that are not imported yet look as if they were not installed, for as long as the block lasts."""
    hidden = [name for name in libraries if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # what says "not there" to an import
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _tensorflow(threads: int) -> str | None:
    with _quiet_stderr():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    # A process that trains one network after another traces each anew, which TensorFlow takes for a mistake.
    tf.get_logger().addFilter(lambda record: "triggered tf.function retracing" not in record.getMessage())
    # oneDNN's sums depend on the thread count: it belongs to the trial, not to the machine.
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if not gpus:
        return None
    tf.config.experimental.enable_op_determinism()
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what C++ prints, and show it if the block fails.

    TensorFlow 2.21 prints six lines about oneDNN and missing drivers at each import, whatever
    TF_CPP_MIN_LOG_LEVEL says.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(terminal, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _jax(threads: int) -> str | None:  # noqa: ARG001 - JAX reads it from XLA_FLAGS
    import jax

    device = jax.devices()[0]
    return None if device.platform == "cpu" else str(device.device_kind)


def _torch(threads: int) -> str | None:
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)
    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else None


def _gpu_was_given() -> bool:
    return os.environ.get("CUDA_VISIBLE_DEVICES", "-1") not in ("", "-1")


def cpu_model() -> str:
    """Return the processor's name with the instruction sets that decide how it computes."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(reversed([(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in lines)]))
    name = facts.get("model name") or platform.machine()
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return " ".join([name, *(flag for flag in _INSTRUCTION_SETS if flag in flags)])
