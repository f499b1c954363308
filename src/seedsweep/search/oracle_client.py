"""The process of KerasTuner, seen from outside. Not here: what happens in it, see `oracle_server`."""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, Self

from seedsweep.errors import SearchFailed
from seedsweep.search.oracle_server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess


class KerasTunerProcess:
    """A process that KerasTuner runs in, for as long as the block lasts. One thread may use it.

    It imports TensorFlow at the first search, which takes seconds and about 700 MiB, and never holds a GPU. It ends
    with this process however that goes, and does not hear Ctrl-C.

    Args:
        timeout: seconds that any answer may take, the import included.
    """

    def __init__(self, timeout: float = 300.0) -> None:
        self._timeout = timeout
        self._connection: Connection | None = None
        self._process: SpawnProcess | None = None

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")  # never forked: TensorFlow's threads do not survive it
        self._connection, theirs = context.Pipe()
        # Daemonic: multiprocessing ends it when this process ends in the midst of the block.
        self._process = context.Process(target=serve, args=(theirs,), name="keras-tuner", daemon=True)
        with _deaf_to_interrupts():
            self._process.start()
        theirs.close()  # or its end would not be noticed here
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process' id; None outside of the block."""
        return self._process.pid if self._process else None

    def request(self, method: str, search: int, *arguments: Any) -> Any:
        """Return what a method of a search came to, see `oracle_server.serve`.

        Raises:
            SearchFailed: it raised something, took too long, or its process is gone. The last two end the process.
        """
        if self._connection is None:
            raise SearchFailed("the process of KerasTuner was ended")
        try:
            self._connection.send((method, search, arguments))
            answer = self._connection.recv() if self._connection.poll(self._timeout) else None
        except (EOFError, OSError) as error:
            raise SearchFailed(f"the process of KerasTuner {self._how_it_ended()}") from error
        except BaseException:
            self.close()  # a late answer would be taken for the next one's
            raise
        if answer is None:
            self.close()
            raise SearchFailed(f"KerasTuner did not answer within {self._timeout:g} s")
        well, came = answer
        if not well:
            raise SearchFailed(f"KerasTuner failed:\n{came}")
        return came

    def close(self) -> None:
        """End the process, whatever it does; it has nothing to save."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def _how_it_ended(self) -> str:
        assert self._process is not None
        self._process.join(timeout=5)
        code = self._process.exitcode
        self.close()
        if code is not None and code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let a process that is started in this block begin, and go on, without SIGINT."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started in the block, multiprocessing's own helper would let SIGINT in again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
