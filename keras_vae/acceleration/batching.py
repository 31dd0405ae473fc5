"""Functions of a model over many examples, compiled once and called in batches of one size."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.acceleration.progress import Progress
from keras_vae.backend import compiles_networks, fast_kernels, release
from keras_vae.errors import UsageError
from keras_vae.typing import LatentModel
from keras_vae.validation import data_checks, sources
from keras_vae.validation.finite_rows import nan_unless_finite

# Values held for one row of a batch and one layer, of which networks hold a few dozen at a time.
VALUES_PER_BATCH = 400_000
LARGEST_BATCH = 500


class CompiledFunction(keras.Model):
    """A function of a model, compiled as Keras compiles `predict`, with variables as state.

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
        release.release_with(self)

    def call(self, inputs: Any) -> Any:
        """Call the plain function; `predict_on_batch((a, b, ...))` calls the compiled one."""
        with fast_kernels(self):
            return self.function(*inputs)


class CompiledMap(CompiledFunction):
    """A compiled function of x or of codes, applied to all that `fit` accepts as x.

    `predict(x)` goes through arrays or through a source of batches. Floats of examples that are not
    finite are NaN.
    """

    def call(self, inputs: Any) -> Any:
        """Call the plain function; `predict(x)` calls the compiled one."""
        checked = self.inner.preprocess.without_gaps(inputs)
        return nan_unless_finite(checked, self.function(inputs))


def verb_of_batches(model: keras.Model, verb: Callable[..., Any]) -> Callable[[Any], np.ndarray]:
    """Return a function of tuples of arrays that calls a verb of a model, and returns an array.

    It is compiled anew, except where the networks of the model are compiled already.

    Args:
        model: The model.
        verb: From tensors to one tensor; the first axis of each is the batch.
    """
    if not compiles_networks:
        return CompiledFunction(model, verb).predict_on_batch
    return lambda batch: ops.convert_to_numpy(verb(*batch))


def predict_checked(compiled: keras.Model, model: LatentModel, x: Any) -> Any:
    """Return `compiled.predict(x)`, after a check of all rows of arrays and of each batch.

    Args:
        compiled: A model whose `call` is compiled.
        model: The autoencoder that the data are for. It is built if it is not built yet.
        x: Arrays, or a source of batches.

    Raises:
        ValueError: As for `keras_vae.validation.sources.check_data`.
    """
    x = sources.check_data(model, x)
    if data_checks.are_arrays(x):
        return compiled.predict(x, verbose=0)
    return predict_batches(compiled.predict_on_batch, sources.checked_batches(model, x))


def predict_batches(predict: Callable[[Any], Any], batches: Iterable[Any]) -> Any:
    """Return the answers of `predict` to all batches of x, joined."""
    parts = [predict(batch) for batch in batches]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


def default_batch_size(event_shape: tuple) -> int:
    """Return a batch size for which images fit caches and large images fit memory."""
    size = max(int(np.prod(event_shape)), 1)
    return int(np.clip(VALUES_PER_BATCH // size, 1, LARGEST_BATCH))


def pad_rows(x: Any, count: int) -> Any:
    """Return arrays of `count` rows, filled up with copies of the first row.

    Batches of one size are compiled once.

    Args:
        x: Arrays of at least one and at most `count` rows, in any structure.
        count: Number of rows to return.
    """

    def pad(array: np.ndarray) -> np.ndarray:
        if len(array) == count:
            return array
        rows = np.arange(count)
        return array[np.where(rows < len(array), rows, 0)]

    return keras.tree.map_structure(pad, x)


def padded_batches(x: Any, size: int) -> Iterator[tuple[Any, range]]:
    """Yield batches of exactly `size` rows, and the range of rows of `x` that each holds.

    Args:
        x: Arrays of equally many rows, in any structure.
        size: Rows of a batch; the last batch is filled up by `pad_rows`.
    """
    count = len(keras.tree.flatten(x)[0])
    for start in range(0, count, size):
        rows = range(start, min(start + size, count))
        part = keras.tree.map_structure(lambda array, rows=rows: array[rows.start : rows.stop], x)
        yield pad_rows(part, size), rows


def map_batches(function: Callable[[Any], Any], x: Any, size: int, verbose: Any = 0) -> Any:
    """Apply a function to all rows of `x`, in batches of exactly `size` rows.

    Args:
        function: From a batch, of the structure of `x`, to tensors or arrays in any structure.
            The first axis of each is the batch, and no row may depend on the others.
        x: Arrays of equally many rows, at least one, in any structure.
        size: Rows of a batch.
        verbose: Of `keras_vae.acceleration.progress.Progress`, over the rows.

    Returns:
        NumPy arrays of as many rows as `x`, in the structure that the function returns.

    Raises:
        ValueError: If `x` has no rows.
    """
    parts, progress = [], Progress(len(keras.tree.flatten(x)[0]), verbose)
    for batch, rows in padded_batches(x, size):
        parts.append(_real_rows(function(batch), len(rows)))
        progress.show(rows.stop)
    if not parts:
        raise UsageError("Expected at least one example. Received: none.")
    if len(parts) == 1:
        return parts[0]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


def _real_rows(answer: Any, count: int) -> Any:
    return keras.tree.map_structure(
        lambda part: np.asarray(ops.convert_to_numpy(part))[:count], answer
    )
