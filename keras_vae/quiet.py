"""A context manager that keeps the log lines of native libraries off the terminal."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any


class OneForAllThreads(AbstractContextManager[None]):
    """A change of the whole process: the first thread in makes it, the last one out takes it back.

    If each thread saved and restored the state itself, one of them would restore that of another.

    Args:
        change: Returns a context manager that makes the change.
    """

    def __init__(self, change: Callable[[], AbstractContextManager[None]]) -> None:
        self._change, self._lock, self._inside = change, threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._made = self._change()
                self._made.__enter__()
            self._inside += 1

    def __exit__(self, *_: Any) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._made.__exit__(None, None, None)


def silence_stderr() -> AbstractContextManager[None]:
    """Discard all that is written to file descriptor 2 inside the block.

    C++ code writes there directly, so replacing `sys.stderr` is not enough. An exception still
    carries its message. Any number of threads may do this at a time.
    """
    return _SILENCE


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)


_SILENCE = OneForAllThreads(_silence)
