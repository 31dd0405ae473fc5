"""A callback that calls others, so that it can keep events from them."""

from collections.abc import Sequence
from typing import Any

import keras


class CallbackGroup(keras.callbacks.Callback):
    """A callback with others inside, to which a subclass forwards the events that they shall see.

    Args:
        callbacks: The other callbacks.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        super().__init__()
        self.others = list(callbacks)

    @property
    def fit_callbacks(self) -> list[keras.callbacks.Callback]:
        """The callbacks to pass to `fit`: this one, which calls all others."""
        return [self]

    def set_model(self, model: keras.Model) -> None:
        """Set the model of all callbacks."""
        super().set_model(model)
        for other in self.others:
            other.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Set the parameters of `fit` of all callbacks."""
        super().set_params(params)
        for other in self.others:
            other.set_params(params)

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Call the other callbacks."""
        self.forward("on_test_batch_begin", batch, logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Call the other callbacks."""
        self.forward("on_test_end", logs)

    def forward(self, event: str, *arguments: Any) -> None:
        """Call the method `event` of the other callbacks."""
        for other in self.others:
            getattr(other, event)(*arguments)

    def class_names(self) -> list[str]:
        """Return the class names of the other callbacks."""
        return [type(other).__name__ for other in self.others]
