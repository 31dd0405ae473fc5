"""Passing over batches that were trained on before, inside the `fit` of any backend."""

from collections.abc import Iterator
from typing import Any


class Replay:
    """Replaces the training step of a model by one that only draws, up to a position.

    Args:
        epoch: Epochs to pass over.
        step: Steps of the next one to pass over.
        draw: Whether the data have to be drawn: not if they start at the position.
    """

    def __init__(self, epoch: int, step: int, draw: bool) -> None:
        self.epoch, self.step, self.draw = epoch, step, draw
        self.passing = False
        self._before = False
        self._left = step
        self._model: Any = None

    def start(self, model: Any, means: dict[str, float]) -> None:
        """Take the place of the training step.

        Raises:
            ValueError: If the model takes so many steps in one go that it passes the position.
        """
        if self.step % model.steps_per_execution:
            raise ValueError(
                f"Expected steps_per_execution to divide the {self.step} steps of the checkpoint. "
                f"Received: {model.steps_per_execution}."
            )
        self._model, self._means, self.passing = model, means, True
        self._train_function = model.train_function
        model.train_function = self._train_step
        vars(model)["evaluate"] = lambda *args, **kwargs: {}

    def begin(self, epoch: int) -> bool:
        """Whether this epoch is passed over as a whole; at the last one there is step by step."""
        self._before = False  # The end of the data may have come in place of the end of a step.
        if self.passing and epoch >= self.epoch:
            vars(self._model).pop("evaluate", None)
            if epoch > self.epoch or not self._left:
                self.stop()
            return False
        return self.passing

    def passed(self) -> bool:
        """Whether the step that was just made was none."""
        before, self._before = self._before, False
        return before

    def end(self, epoch: int) -> bool:
        """Whether the epoch was passed over as a whole.

        Raises:
            ValueError: If the data ended before the position.
        """
        if self.passing and epoch >= self.epoch:
            left = self._left
            self.stop()
            raise ValueError(
                f"Expected an epoch of at least the {self.step} steps of the checkpoint. "
                f"Received: {self.step - left}. (Are these the data that were trained on?)"
            )
        return self.passing

    def stop(self) -> None:
        """Put the training step back; safe to call twice."""
        if self.passing:
            self.passing = False
            self._model.train_function = self._train_function
            vars(self._model).pop("evaluate", None)

    def _train_step(self, *arguments: Any) -> Any:
        """What Keras calls in place of a step; JAX's has the state as its first argument."""
        *states, batches = arguments
        self._before, logs = True, {}
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
        # PyTorch's `fit` has drawn already, and gives a list.
        if self.draw and isinstance(batches, Iterator):
            for _ in range(self._model.steps_per_execution):
                next(batches)
