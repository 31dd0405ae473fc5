"""Checks of the batches of a `tf.data.Dataset`, in its own graph as far as ranges decide."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from keras_vae.backend.tensorflow_data import as_it_is, without_autotuning

if TYPE_CHECKING:
    import tensorflow as tf


def take_while(source: Any, accepts: Callable[[Any], bool], ranges_of: Callable[[Any], Any]) -> Any:
    """Return the batches of a `tf.data.Dataset` up to the first that `accepts` refuses.

    Python costs half a millisecond a batch. So batches within known ranges do without.

    Args:
        source: The data set. If it is distributed already, or has other parts than dense tensors,
            it is returned as it is.
        accepts: Called with batches in order, as NumPy arrays.
        ranges_of: From a batch of symbolic tensors to a list with the smallest value, the largest
            one, and whether NaN is a gap, for each array that is good within them. None if
            `accepts` has to see each batch.
    """
    import tensorflow as tf

    kinds = tf.TensorSpec, tf.OptionalSpec, type(tf.type_spec_from_value(None))
    is_plain = isinstance(source, tf.data.Dataset)
    if not is_plain or not all(isinstance(s, kinds) for s in tf.nest.flatten(source.element_spec)):
        return source

    def is_accepted(*batch: Any) -> tf.Tensor:
        parts = tf.nest.flatten(batch)
        places = [n for n, part in enumerate(parts) if isinstance(part, tf.Tensor)]
        tensors = [parts[n] for n in places]

        def accept(*arrays: Any) -> bool:
            found = [None] * len(parts)
            for place, array in zip(places, arrays, strict=True):
                found[place] = array
            return accepts(tf.nest.pack_sequence_as(batch, found))

        def ask() -> tf.Tensor:
            return tf.ensure_shape(tf.numpy_function(accept, tensors, tf.bool), ())

        ranges = ranges_of(batch)
        if ranges is None or not all(part.shape[1:].is_fully_defined() for part in tensors):
            return ask()
        return tf.cond(_are_within(tensors, ranges), lambda: tf.constant(True), ask)

    return without_autotuning(source.take_while(as_it_is(is_accepted)))


def _are_within(tensors: Any, ranges: Any) -> tf.Tensor:
    """Return whether arrays have as many rows, at least one, and values in their ranges."""
    import tensorflow as tf

    rows = [tf.shape(tensor)[0] for tensor in tensors]
    good = [rows[0] > 0, *(count == rows[0] for count in rows[1:])]
    for tensor, (low, high, gaps) in zip(tensors, ranges, strict=True):
        if tensor.dtype.is_floating or math.isfinite(low) or math.isfinite(high):
            values = tf.cast(tensor, tf.float32)
            if gaps:
                missing = tf.math.is_nan(values)
                known = tf.reduce_any(~missing, axis=list(range(1, len(tensor.shape))))
                good.append(tf.reduce_all(known))
                values = tf.where(missing, tf.constant(min(max(low, 0.0), high)), values)
            limits = tf.float32.min, tf.float32.max  # NaN and infinity are not within them.
            good.append(tf.reduce_min(values) >= max(low, limits[0]))
            good.append(tf.reduce_max(values) <= min(high, limits[1]))
    return tf.reduce_all(tf.stack(good))
