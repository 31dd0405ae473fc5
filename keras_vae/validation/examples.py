"""The first examples of a data set, and its batches, from any source that Keras takes."""

import os
from collections.abc import Iterator, Mapping, Set
from typing import Any

import keras
import numpy as np

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import Tensor
from keras_vae.validation.containers import OF_A_TABLE, shown

WITHOUT_END = -1  # As tf.data.INFINITE_CARDINALITY.


def first_input(x: Any) -> Tensor:
    """Return the first array of x, the one that a model reconstructs."""
    return keras.tree.flatten(x)[0]


def as_arrays(data: Any) -> Any:
    """Return `data` with each pandas DataFrame or Series as an array of numbers.

    Columns of booleans become 0 and 1, as in Keras. An object that offers itself to NumPy
    (`__array__`) becomes an array too. Arrays get the byte order of this machine, the only one
    that backends take. Anything else is returned as it is.
    """
    return keras.tree.map_structure(_to_array, data)


def as_arrays_of(model: Any, data: Any) -> Any:
    """Return `as_arrays(data)`; a frame for a model with a `schema` by the names of its columns."""
    schema = getattr(model, "schema", None)
    if schema is not None and hasattr(data, "columns") and hasattr(data, "to_numpy"):
        return schema.to_array(data)
    return as_arrays(data)


def _to_array(data: Any) -> Any:
    if hasattr(data, "to_numpy"):
        return _frame_to_array(data)
    is_array_like = hasattr(data, "__array__") and not hasattr(data, "shape")
    return _in_native_order(np.asarray(data) if is_array_like else data)


def _in_native_order(array: Any) -> Any:
    """Return a NumPy array in the byte order of this machine, and anything else as it is."""
    foreign = isinstance(array, np.ndarray) and not array.dtype.isnative
    return array.astype(array.dtype.newbyteorder("=")) if foreign else array


def _frame_to_array(frame: Any) -> np.ndarray:
    if not hasattr(frame, "dtypes"):  # One array with names, as of xarray.
        return _in_native_order(frame.to_numpy())
    kinds = {getattr(dtype, "kind", "O") for dtype in np.ravel(frame.dtypes)}
    if kinds <= set("biuf"):
        frame = frame.astype("float64" if "f" in kinds else "int64")
    return frame.to_numpy()


def require_end(source: Any, steps: int | None = None) -> None:
    """Raise ValueError for a `tf.data.Dataset` that repeats without end, of which all is wanted.

    Args:
        source: Data of any kind.
        steps: Number of batches that are taken; None for all.
    """
    cardinality = None if isinstance(source, type) else getattr(source, "cardinality", None)
    if steps is None and callable(cardinality) and int(cardinality()) == WITHOUT_END:
        raise UsageError(
            f"Expected data that end. Received: a {type(source).__name__} that repeats without "
            "end. (Leave .repeat() out, or give data.take(number_of_batches).)"
        )


def batches_of(source: Any) -> Iterator[Any]:
    """Return an iterator over the batches of an iterable or a `PyDataset`, each once.

    A `PyDataset` may also be an endless iterator, as that of `ImageDataGenerator.flow` is. So it
    is asked for its batches by number.
    """
    check_source(source)
    if isinstance(source, keras.utils.PyDataset) and source.num_batches is not None:
        return (source[number] for number in range(source.num_batches))
    return iter(source)


def check_source(source: Any) -> None:
    """Raise TypeError unless `source` may give batches of arrays: a text or a class does not."""
    if isinstance(source, type):
        raise UsageTypeError(
            "Expected arrays or a source of batches. Received: the class "
            f"{source.__name__}. (Give an object of it.)"
        )
    if hasattr(source, "collect"):
        raise UsageTypeError(
            f"Expected arrays or a source of batches. Received: {type(source).__name__}, a query. "
            "(Give x.collect().)"
        )
    if isinstance(source, str | bytes | os.PathLike):
        raise UsageTypeError(
            f"Expected arrays or a source of batches. Received: {shown(source)}. (Read the file "
            "first, such as by numpy.load or keras_vae.load_images.)"
        )
    if isinstance(source, Mapping | Set | range):
        advice = f" ({OF_A_TABLE.format('x')})" if isinstance(source, Mapping) else ""
        raise UsageTypeError(
            "Expected arrays or a source of batches, such as a tf.data.Dataset or a generator. "
            f"Received: {type(source).__name__}.{advice}"
        )
    if not hasattr(source, "__iter__") and not hasattr(source, "__getitem__"):
        named = getattr(source, "__name__", type(source).__name__)
        advice = f" (Call it: {named}().)" if callable(source) else ""
        raise UsageTypeError(
            "Expected arrays or a source of batches, such as a tf.data.Dataset or a generator. "
            f"Received: {type(source).__name__}.{advice}"
        )


def input_batches(source: Any) -> Iterator[Any]:
    """Yield x of each batch of a source, without the target and the sample weights.

    Args:
        source: An iterable of batches or a `PyDataset`. A batch is x, `(x, y)` or
            `(x, y, sample_weight)`, as a tuple or a list. x is an array, a tensor, or a
            dictionary or tuple of these.

    Yields:
        x as NumPy arrays, in the structure that it had.
    """
    for batch in batches_of(source):
        x = keras.utils.unpack_x_y_sample_weight(batch)[0]
        yield keras.tree.map_structure(np.asarray, x)


def sample_examples(data: Any, count: int, seed: int | None = None) -> Any:
    """Return at most `count` different examples of a data set.

    Args:
        data: An array, of which rows are chosen at random, or a source of shuffled batches (see
            `input_batches`), of which the first rows are taken.
        count: Number of examples.
        seed: Seed of the random choice.

    Returns:
        NumPy arrays with the rows in axis 0, in the structure of x. There are fewer rows if
        `data` have fewer. A source without batches gives an array of shape `(0,)`.
    """
    if hasattr(data, "shape"):
        rows = np.asarray(data)
        if len(rows) < count:
            return rows
        return rows[np.random.default_rng(seed).choice(len(rows), count, replace=False)]
    taken: list[Any] = []
    for x in input_batches(data):
        taken.append(x)
        if sum(len(keras.tree.flatten(part)[0]) for part in taken) >= count:
            break
    if not taken:
        return np.zeros((0,))
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts)[:count], *taken)
