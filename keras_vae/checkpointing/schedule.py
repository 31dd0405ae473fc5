"""The position of a training, and the moments at which its checkpoints are written."""

import dataclasses
import time

from keras_vae.validation import arguments

# Writing takes at most this share of the time, however large the model.
LARGEST_COST = 0.02


@dataclasses.dataclass(frozen=True)
class Position:
    """The position that a training has reached.

    Example:
        >>> keras_vae.callbacks.Position(epoch=2, step=10)
        Position(epoch=2, step=10, ended=False)

    Attributes:
        epoch: Number of whole epochs, with validation and callbacks.
        step: Number of training steps of the next epoch.
        ended: Whether a callback has ended the training, as early stopping does.
    """

    epoch: int = 0
    step: int = 0
    ended: bool = False

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError unless both are counts and `ended` is a flag."""
        for name in ("epoch", "step"):
            object.__setattr__(self, name, arguments.integer(name, getattr(self, name), 0))
        object.__setattr__(self, "ended", arguments.flag("ended", self.ended))


class WriteSchedule:
    """The decision whether to write a checkpoint now.

    Args:
        minutes: Minutes between two checkpoints; None for no limit.
        steps: Training steps between two checkpoints; None for no limit.
    """

    def __init__(self, minutes: float | None, steps: int | None) -> None:
        self.minutes, self.steps = minutes, steps
        self._time = self._cost = 0.0
        self._last = Position()

    @property
    def has_written(self) -> bool:
        """True if a checkpoint was written or restored."""
        return bool(self._time)

    def is_due(self, epoch: int, step: int) -> bool:
        """Return whether it is time for a checkpoint, within the epoch `epoch`."""
        pause = None if self.minutes is None else max(60 * self.minutes, self._cost / LARGEST_COST)
        late = pause is not None and self._seconds() >= pause
        # Steps since the last checkpoint, or since the start of a later epoch.
        done = step - (self._last.step if self._last.epoch == epoch else 0)
        return late or (self.steps is not None and done >= self.steps)

    def affords_write(self) -> bool:
        """Return whether writing now keeps to the share of the time that it may take."""
        return self._seconds() >= self._cost / LARGEST_COST

    def record(self, position: Position, cost: float) -> None:
        """Record that a checkpoint of `position` was written in `cost` seconds."""
        self._time, self._cost, self._last = time.monotonic(), cost, position

    def _seconds(self) -> float:
        return time.monotonic() - self._time
