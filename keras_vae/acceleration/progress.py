"""The progress bar of loops that may take long."""

import time
from typing import Any

import keras

from keras_vae.validation import arguments

# Seconds of a loop after which "auto" shows a bar, so that short calls print nothing.
PATIENCE = 3.0


class Progress:
    """A progress bar, which with "auto" begins after some seconds.

    Example:
        >>> progress = Progress(200, verbose=0)
        >>> progress.show(100)

    Args:
        count: Number of all steps.
        verbose: 0 for none, 1 for a bar, 2 for a line at the end, and "auto" for a bar of a loop
            that takes longer than `PATIENCE`.
        unit: What a step is, for the speed.

    Raises:
        ValueError: If `verbose` is something else.
    """

    def __init__(self, count: int, verbose: Any = "auto", unit: str = "row") -> None:
        verbose = arguments.verbose(verbose)
        self._count = count
        self._waits = verbose == "auto"
        self._start = time.monotonic()
        level = 1 if self._waits else verbose
        self._bar = keras.utils.Progbar(count, verbose=level, unit_name=unit)

    def show(self, done: int, **values: int) -> None:
        """Draw the bar after `done` steps, at most all, with other numbers by name."""
        is_short = time.monotonic() - self._start < PATIENCE or done >= self._count
        if self._waits and is_short:
            return
        self._waits = False
        self._bar.stateful_metrics |= set(values)
        self._bar.update(min(done, self._count), list(values.items()))
