"""Functions of a model, compiled once for each shape on every backend, without backend code."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_vae.steps import quick

# Values held for one row of a batch and one layer, of which networks hold a few dozen at a time.
VALUES_PER_BATCH = 400_000
LARGEST_BATCH = 500


class Compiled(keras.Model):
    """Runs `function(*inputs)` as Keras runs `predict`: compiled, with variables as state.

    Args:
        model: The model whose variables the function uses.
        function: From tensors to tensors; the first axis of each is the batch.
    """

    def __init__(self, model: keras.Model, function: Callable[..., Any]) -> None:
        super().__init__(dtype="float32")
        self.inner = model
        self.function = function
        self.compile(jit_compile="auto")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The function itself; `predict_on_batch((a, b, ...))` runs the compiled one."""
        with quick(self):
            return self.function(*inputs)


class Applied(Compiled):
    """Runs `function(x)` over what `fit` takes as x: `predict` goes over arrays or batches."""

    def call(self, inputs: Any) -> Any:
        """The function itself; `predict(x)` runs the compiled one."""
        return self.function(inputs)


def default_batch_size(event_shape: tuple) -> int:
    """Examples at a time such that a batch of images fits caches, and of large ones memory."""
    size = max(int(np.prod(event_shape)), 1)
    return int(np.clip(VALUES_PER_BATCH // size, 1, LARGEST_BATCH))


def padded(x: Any, count: int) -> Any:
    """Arrays of `count` rows, the missing ones copies of the first, so that nothing is retraced."""

    def pad(array: np.ndarray) -> np.ndarray:
        rows = np.arange(count)
        return array[np.where(rows < len(array), rows, 0)]

    return keras.tree.map_structure(pad, x)
