"""SIGTERM as a wish that a training grants at its next step."""

import os
import signal
import threading
from types import FrameType
from typing import Any, NoReturn

# EX_TEMPFAIL of sysexits.h: nothing is wrong, run it again.
TERMINATED = 75
GRACE = 30.0  # Seconds; spot machines give 30 to 120.


class Termination:
    """Listens for SIGTERM. Outside the main thread, where Python has no signals, it hears nothing.

    Attributes:
        asked: Whether the process is to end.
    """

    def __init__(self) -> None:
        self.asked = False
        self._previous: Any = None
        self._timer: threading.Timer | None = None

    def listen(self) -> None:
        """Take SIGTERM over."""
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._ask)

    def ignore(self) -> None:
        """Give SIGTERM back to whom it had before."""
        if self._timer is not None:
            self._timer.cancel()
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
            self._previous = None

    def leave(self) -> NoReturn:
        """End the process with the exit code `TERMINATED`; what is open is closed.

        Raises:
            SystemExit: Always.
        """
        self.ignore()
        raise SystemExit(TERMINATED)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:  # Nobody grants it: the training has failed, or a step takes too long.
            self.ignore()
            os.kill(os.getpid(), signal.SIGTERM)
            return
        self.asked = True
        self._timer = threading.Timer(GRACE, os.kill, (os.getpid(), signal.SIGTERM))
        self._timer.daemon = True
        self._timer.start()
