"""The progress bar of `fit`, `evaluate`, and `predict` with several steps in one execution."""

from typing import Any

import keras


def with_bar(given: dict[str, Any], model: keras.Model) -> dict[str, Any]:
    """Return the arguments of `fit`, `evaluate`, or `predict` with a bar that ends at the end.

    Keras counts whole executions. With 32 steps in each, the bar of 4 steps would show 32/4.

    Args:
        given: The arguments by name.
        model: The compiled model.
    """
    callbacks = given.get("callbacks")
    if isinstance(callbacks, keras.callbacks.CallbackList) or model.steps_per_execution == 1:
        return given
    if given.get("verbose", "auto") not in ("auto", 1):  # Others draw nothing within an epoch.
        return given
    listed = keras.tree.flatten(callbacks or [])
    if any(isinstance(one, keras.callbacks.ProgbarLogger) for one in listed):
        return given
    return {**given, "callbacks": [*listed, StepBar()]}


class StepBar(keras.callbacks.ProgbarLogger):
    """The progress bar of Keras, which takes the last execution for the steps that are left."""

    async_safe = True  # As that of Keras, which runs where the callbacks of a list run.

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw the steps until `batch`, at most all of the epoch."""
        super().on_train_batch_end(self._at_most_all(batch), logs)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw the steps until `batch`, at most all of the data."""
        super().on_test_batch_end(self._at_most_all(batch), logs)

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw the steps until `batch`, at most all of the data."""
        super().on_predict_batch_end(self._at_most_all(batch), logs)

    def _at_most_all(self, batch: int) -> int:
        return batch if self.target is None else min(batch, self.target - 1)
