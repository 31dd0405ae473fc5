"""A context manager that keeps the log lines of native libraries off the terminal."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard all that is written to file descriptor 2 inside the block.

    C++ code writes there directly, so replacing `sys.stderr` is not enough. An exception still
    carries its message.
    """
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
