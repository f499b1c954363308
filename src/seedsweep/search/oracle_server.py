"""What happens in the process of KerasTuner. Not here: starting it and talking to it, see `oracle_client`.

The parent imports this module too, so KerasTuner is imported inside its functions only.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
import warnings
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

from seedsweep.errors import SearchFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from seedsweep.search.oracle_adapter import OracleAdapter

# One thread: the GPUs and the other cores belong to the trials, and sums in one order give the same search anywhere.
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def serve(connection: Connection) -> None:
    """Answer requests until the parent hangs up.

    A request is a method of `OracleAdapter`, the search that it is for, and its arguments. The method `begin` makes a
    new search and answers with its number and its rungs. An answer is a pair: whether it went well, and the
    result or the traceback's text.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group, and the parent decides
    os.environ.update(_ENVIRONMENT)
    Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    warnings.simplefilter("ignore")  # KerasTuner's and scikit-learn's speak to those who fit by hand
    searches: list[OracleAdapter] = []
    while True:
        try:
            method, search, arguments = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(_answer(searches, method, search, arguments))


def _answer(searches: list[OracleAdapter], method: str, search: int, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        if method == "begin":
            with _quiet():
                from seedsweep.search.oracle_adapter import OracleAdapter
            searches.append(OracleAdapter(*arguments))
            return True, (len(searches) - 1, searches[-1].rungs())
        return True, getattr(searches[search], method)(*arguments)
    except SearchFailed as error:
        return False, str(error)
    except Exception:  # noqa: BLE001 - whatever KerasTuner raises is the parent's to hear
        return False, traceback.format_exc()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what TensorFlow's C++ prints as it is imported, and show it if that fails."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _end_with_parent() -> None:
    """End this process as soon as its parent is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
