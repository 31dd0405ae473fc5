"""Batches of arrays as a `tf.data.Dataset` without autotuning, in Keras's order.

The autotuner of tf.data blocks at the end of each epoch, for up to the time of an epoch: see
the page Benchmarks. Keras's own pipeline for arrays has it on, without an option to turn it off.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

PARALLEL_BATCHES = 2
BATCHES_AHEAD = 2
# tf.data passes buffers to Eigen, which aborts the process if one is aligned to fewer bytes.
ALIGNMENT = 64
DEFAULT_BATCH_SIZE = 32  # Keras's.


def with_tf_data_for_fit(given: dict[str, Any], model: Any = None) -> dict[str, Any]:
    """Return the arguments of `fit` with each array replaced by a `tf.data.Dataset`.

    The batches and their order are those that Keras would make.

    Args:
        given: The arguments by name; not changed.
        model: The model to fit. If it has several replicas, Keras makes its batches.
    """
    if not _uses_tf_data(given, model):
        return given
    given = _split_validation(given)
    if given.get("validation_split") and given.get("validation_data") is None:
        return given  # Keras refuses it.
    size = given.get("batch_size")
    if given.get("validation_data") is not None:
        validation = keras.utils.unpack_x_y_sample_weight(given["validation_data"])
        size_then = given.get("validation_batch_size") or size
        batches = _as_tf_data(validation, size_then, given.get("validation_steps"), False)
        if batches is not None:
            given |= {"validation_data": batches, "validation_batch_size": None}
    data = tuple(given.get(name) for name in ("x", "y", "sample_weight"))
    batches = _as_tf_data(data, size, given.get("steps_per_epoch"), given.get("shuffle", True))
    return given if batches is None else given | _as_x(batches) | {"shuffle": False}


def with_tf_data_for_one_pass(given: dict[str, Any], model: Any = None) -> dict[str, Any]:
    """Return the arguments of `evaluate` or `predict` with arrays replaced by a `tf.data.Dataset`.

    Args:
        given: The arguments by name; not changed.
        model: The model. If it has several replicas, Keras makes its batches.
    """
    if not _uses_tf_data(given, model):
        return given
    data = tuple(given.get(name) for name in ("x", "y", "sample_weight"))
    batches = _as_tf_data(data, given.get("batch_size"), given.get("steps"), False)
    if batches is None:
        return given
    return {k: v for k, v in (given | _as_x(batches)).items() if k in given}


def _uses_tf_data(given: dict[str, Any], model: keras.Model) -> bool:
    """Return whether Keras would use tf.data, without class weights or several replicas."""
    if keras.backend.backend() != "tensorflow" or given.get("class_weight") is not None:
        return False
    import tensorflow as tf

    several = model is not None and model.distribute_strategy.num_replicas_in_sync > 1
    return not several and not tf.distribute.has_strategy()


def _as_x(batches: Any) -> dict[str, Any]:
    return {"x": batches, "y": None, "sample_weight": None, "batch_size": None}


def _split_validation(given: dict[str, Any]) -> dict[str, Any]:
    """Return `given` with `validation_data` split off as `validation_split` says, as in Keras."""
    part = given.get("validation_split")
    data = tuple(given.get(name) for name in ("x", "y", "sample_weight"))
    if not part or given.get("validation_data") is not None or not _are_numpy_or_tf_arrays(data):
        return dict(given)
    rows = _rows(data)
    at = math.floor(rows * (1.0 - part))
    if not 0 < at < rows:
        return dict(given)
    head, tail = (
        keras.tree.map_structure(lambda a, s=s: None if a is None else a[s], data)
        for s in (slice(0, at), slice(at, None))
    )
    x, y, sample_weight = head
    training = {"x": x, "y": y, "sample_weight": sample_weight}
    return given | training | {"validation_data": tail, "validation_split": 0.0}


def _as_tf_data(data: tuple, batch_size: int | None, steps: int | None, shuffle: Any) -> Any:
    """Return batches of `(x, y, sample_weight)` without autotuning; None leaves it to Keras."""
    import tensorflow as tf

    if _are_numpy_or_tf_arrays(data):
        rows = _rows(data)
        if any(leaf.shape[0] != rows for leaf in _leaves(data)):
            return None  # Keras refuses it.
        size = batch_size or (math.ceil(rows / steps) if steps else DEFAULT_BATCH_SIZE)
        return batches(keras.utils.pack_x_y_sample_weight(*data), size, shuffle)
    source, *others = data
    alone = isinstance(source, tf.data.Dataset) and all(part is None for part in others)
    if alone and source.options().autotune.enabled is None:
        return without_autotuning(source)
    return None


def batches(arrays: Any, batch_size: int, shuffle: Any = False) -> tf.data.Dataset:
    """Return a dataset of all rows of `arrays`; the last batch may be smaller.

    Args:
        arrays: A structure of arrays with equally many rows; None stays None.
        batch_size: Rows of a batch.
        shuffle: True to shuffle all rows for each iterator, "batch" to shuffle within each
            batch, False to keep the order. As with Keras, after `set_random_seed` every iterator
            has the same order.
    """
    import tensorflow as tf

    rows = _rows(arrays)
    copies: dict[Any, tf.Tensor] = {}  # A target that is x is copied and gathered once.

    def copy(array: Any) -> tf.Tensor:
        key = _memory(array)
        if key not in copies:
            copies[key] = aligned_tensor(array)
        return copies[key]

    tensors = keras.tree.map_structure(
        lambda a: None if a is None else copy(a), keras.tree.lists_to_tuples(arrays)
    )
    whole = rows // batch_size * batch_size

    def draw_order(_: tf.Tensor) -> tf.Tensor:
        indices = tf.range(rows, dtype=tf.int64)
        return tf.random.shuffle(indices) if shuffle and shuffle != "batch" else indices

    def slice_batches(indices: tf.Tensor) -> tf.data.Dataset:
        parts = tf.data.Dataset.from_tensor_slices(tf.reshape(indices[:whole], (-1, batch_size)))
        return parts.concatenate(tf.data.Dataset.from_tensors(indices[whole:]).take(rows - whole))

    def gather_rows(indices: tf.Tensor) -> Any:
        rows = {id(tensor): tf.gather(tensor, indices) for tensor in copies.values()}
        return keras.tree.map_structure(lambda t: None if t is None else rows[id(t)], tensors)

    indices = tf.data.Dataset.range(1).map(as_it_is(draw_order))
    indices = indices.flat_map(as_it_is(slice_batches))
    if shuffle == "batch":
        indices = indices.map(as_it_is(tf.random.shuffle))
    dataset = indices.map(
        as_it_is(gather_rows), num_parallel_calls=PARALLEL_BATCHES, deterministic=True
    )
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(-(-rows // batch_size)))
    return dataset.prefetch(BATCHES_AHEAD).with_options(pipeline_options())


def _memory(array: Any) -> Any:
    """Return a key that two views of the same numbers share."""
    if not isinstance(array, np.ndarray):
        return id(array)
    return array.ctypes.data, array.shape, array.strides, array.dtype


def aligned_tensor(array: Any) -> tf.Tensor:
    """Copy an array once, into an aligned tensor in host memory; floats become `floatx`.

    `tf.constant` would copy it twice and keep the first copy until some later conversion.

    Args:
        array: A NumPy array or anything that TensorFlow converts.

    Returns:
        A tensor of the same shape.
    """
    import tensorflow as tf

    kind = array.dtype.kind if isinstance(array, np.ndarray) else ""
    if kind not in ("f", "i", "u"):
        tensor = tf.convert_to_tensor(array)
        return tf.cast(tensor, keras.config.floatx()) if tensor.dtype.is_floating else tensor
    dtype = np.dtype(keras.config.floatx()) if kind == "f" else array.dtype
    size = math.prod(array.shape) * dtype.itemsize
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    aligned = buffer[start : start + size].view(dtype).reshape(array.shape)
    aligned[...] = array
    return tf.experimental.dlpack.from_dlpack(aligned.__dlpack__())


def as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that tf.data traces without AutoGraph, which takes long to rewrite it.

    Args:
        function: A function whose Python control flow does not depend on values of tensors.
    """
    import tensorflow as tf

    return tf.autograph.experimental.do_not_convert(function)


def pipeline_options() -> tf.data.Options:
    """Return the options of every pipeline: no autotuning, no rewriting, a fixed order."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    options.deterministic = True
    return options


def without_autotuning(source: tf.data.Dataset) -> tf.data.Dataset:
    """Return a data set whose autotuner is off, unless its options say otherwise."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return source.with_options(options) if source.options().autotune.enabled is None else source


def cardinality(source: Any) -> int | None:
    """Return the number of batches of a `tf.data.Dataset`, or None if it is unknown."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    count = int(source.cardinality()) if isinstance(source, tf.data.Dataset) else -1
    return count if count > 0 else None


def _leaves(data: Any) -> list[Any]:
    return [leaf for leaf in keras.tree.flatten(data) if leaf is not None]


def _rows(data: Any) -> int:
    return int(_leaves(data)[0].shape[0])


def _are_numpy_or_tf_arrays(data: Any) -> bool:
    """Return whether all of `data` are NumPy arrays or TensorFlow tensors with values."""
    import tensorflow as tf

    leaves = _leaves(data)
    known = (np.ndarray, tf.Tensor, tf.Variable)
    return bool(leaves) and all(isinstance(x, known) and len(x.shape) > 0 for x in leaves)
