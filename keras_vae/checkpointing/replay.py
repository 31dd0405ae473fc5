"""Skipping of batches that were trained on before, inside the `fit` of any backend."""

from collections.abc import Iterator
from typing import Any

from keras_vae.errors import UsageError


class Replay:
    """A stand-in for the training step of a model that only draws batches, up to a position.

    Args:
        epoch: Epochs to skip.
        step: Steps of the next epoch to skip.
        draw: Whether batches have to be drawn; False if the data start at the position.

    Attributes:
        skipping: Whether the next batch is skipped.
    """

    def __init__(self, epoch: int, step: int, draw: bool) -> None:
        self.epoch, self.step, self.draw = epoch, step, draw
        self.skipping = False
        self._skipped = False
        self._left = step
        self._model: Any = None

    def start(self, model: Any, means: dict[str, float]) -> None:
        """Replace the training step of `model`.

        Args:
            model: A compiled model.
            means: The running means at the position, which the last skipped step returns as logs.

        Raises:
            ValueError: If the executions of the model do not end at the position.
        """
        if self.step % model.steps_per_execution:
            raise UsageError(
                f"Expected steps_per_execution to divide the {self.step} steps of the checkpoint. "
                f"Received: {model.steps_per_execution}."
            )
        self._model, self._means, self.skipping = model, means, True
        self._train_function = model.train_function
        model.train_function = self._skip_step
        vars(model)["evaluate"] = lambda *args, **kwargs: {}

    def begin_epoch(self, epoch: int) -> bool:
        """Begin an epoch, and return whether all of it is skipped."""
        self._skipped = False  # The data may have ended before the step did.
        if self.skipping and epoch >= self.epoch:
            vars(self._model).pop("evaluate", None)
            if epoch > self.epoch or not self._left:
                self.stop()
            return False
        return self.skipping

    def consume_skipped(self) -> bool:
        """Return whether the last step was skipped, and clear this flag."""
        skipped, self._skipped = self._skipped, False
        return skipped

    def end_epoch(self, epoch: int) -> bool:
        """End an epoch, and return whether all of it was skipped.

        Raises:
            ValueError: If the data ended before the position.
        """
        if self.skipping and epoch >= self.epoch:
            left = self._left
            self.stop()
            raise UsageError(
                f"Expected an epoch of at least the {self.step} steps of the checkpoint. "
                f"Received: {self.step - left}. (Are these the data that were trained on?)"
            )
        return self.skipping

    def stop(self) -> None:
        """Put the training step back. A second call does nothing."""
        if self.skipping:
            self.skipping = False
            self._model.train_function = self._train_function
            vars(self._model).pop("evaluate", None)

    def _skip_step(self, *arguments: Any) -> Any:
        """Draw batches in place of a training step; JAX passes its state as first argument."""
        *states, batches = arguments
        self._skipped, logs = True, {}
        try:
            self._draw(batches)
        except StopIteration:
            raise
        except BaseException:
            self.stop()
            raise
        if "evaluate" not in vars(self._model):  # In the epoch of the position.
            self._left -= self._model.steps_per_execution
            if self._left <= 0:
                self.stop()
                logs = self._means
        return (logs, *states) if states else logs

    def _draw(self, batches: Any) -> None:
        # PyTorch's `fit` has drawn the batches already, and passes a list.
        if self.draw and isinstance(batches, Iterator):
            for _ in range(self._model.steps_per_execution):
                next(batches)
