"""Graceful SIGTERM: stop a training at its next step."""

import os
import signal
import threading
from types import FrameType
from typing import Any, NoReturn

# EX_TEMPFAIL of sysexits.h: a temporary failure, run the program again.
TERMINATED = 75
GRACE = 30.0  # Seconds; spot machines give 30 to 120.


class Termination:
    """A listener for SIGTERM. Outside the main thread, where Python has no signals, it is idle.

    Attributes:
        requested: Whether the process has received SIGTERM.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: Any = None
        self._timer: threading.Timer | None = None

    def listen(self) -> None:
        """Install the handler of SIGTERM."""
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._handle)

    def ignore(self) -> None:
        """Restore the previous handler of SIGTERM."""
        if self._timer is not None:
            self._timer.cancel()
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
            self._previous = None

    def leave(self) -> NoReturn:
        """Exit with status `TERMINATED`, after cleanup of open files and contexts.

        Raises:
            SystemExit: Always.
        """
        self.ignore()
        raise SystemExit(TERMINATED)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:  # A second signal: the training has failed, or its step is too long.
            self.ignore()
            os.kill(os.getpid(), signal.SIGTERM)
            return
        self.requested = True
        self._timer = threading.Timer(GRACE, os.kill, (os.getpid(), signal.SIGTERM))
        self._timer.daemon = True
        self._timer.start()
