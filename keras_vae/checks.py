"""Checks of what a user passes, made before anything is trained or changed."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops


def check_data(model: Any, x: Any, y: Any = None) -> Any:
    """Check arrays whole and other sources by their first batch.

    Args:
        model: The autoencoder that the data are for; it is built when it is not yet.
        x: What `fit` takes: arrays, a `tf.data.Dataset`, a `PyDataset`, a `DataLoader`, a generator.
        y: The target, when `x` is an array.

    Returns:
        `x`, or for a generator an equal one, because its first batch had to be taken.

    Raises:
        ValueError: If there are no data, or they have the wrong shape, are not finite, or lie
            outside the support of the model's likelihood.
    """
    if isinstance(x, Iterator):
        first = _first_batch(x)
        x = _generator(itertools.chain([first], x))
    elif _is_array(x):
        first = (x,) if y is None else (x, y)
    else:
        first = _first_batch(x)
    if not isinstance(first, dict) and all(map(_is_array, keras.tree.flatten(first))):
        x_batch, y_batch, _ = keras.utils.unpack_x_y_sample_weight(first)
        check_batch(model, x_batch, y_batch)
    return x


def check_batch(model: Any, x: Any, y: Any = None) -> None:
    """Check the shapes and values of one batch of inputs and targets; see `check_data`."""
    event = keras.tree.flatten(x)[0]
    if len(event.shape) == 0 or event.shape[0] == 0:
        raise ValueError(
            f"Expected at least one example. Received: an array of shape {tuple(event.shape)}."
        )
    if not model.built:
        model.build(keras.tree.map_structure(lambda t: (None, *t.shape[1:]), x))
    target = event if y is None else keras.tree.flatten(y)[0]
    check_shape("x", event.shape, model.event_shape)
    check_shape("y", target.shape, model.event_shape)
    check_values("x", event, (-math.inf, math.inf), type(model).__name__)
    check_values("y", target, model.family.support, f"the {model.likelihood!r} likelihood")


def check_shape(name: str, shape: Any, event_shape: tuple) -> None:
    """Raise unless `shape` is `(batch, *event_shape)`, where None in `event_shape` is any size."""
    event = tuple(shape)[1:]
    same = len(event) == len(event_shape) and all(
        want is None or have is None or want == have
        for want, have in zip(event_shape, event, strict=True)
    )
    if same:
        return
    hint = ""
    if (*event, 1) == tuple(event_shape):
        hint = f" (add the channel axis: {name}[..., None])"
    elif tuple(shape) == tuple(event_shape):
        hint = f" (add the batch axis: {name}[None])"
    raise ValueError(
        f"Expected {name} of shape {('batch', *event_shape)}, as the encoder takes. "
        f"Received: {tuple(shape)}.{hint}"
    )


def check_output_shape(shape: tuple, event_shape: tuple) -> None:
    """Raise unless a decoder's output of `shape` is a batch of events."""
    if tuple(shape[1:]) != tuple(event_shape):
        raise ValueError(
            f"Expected a decoder whose outputs have the encoder's input shape "
            f"{(None, *event_shape)}. Received: {tuple(shape)}."
        )


def check_values(name: str, values: Any, support: tuple[float, float], what: str) -> None:
    """Raise unless all `values` are finite and within `support`."""
    low, high = _extremes(values)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(
            f"Expected finite values in {name}. Received: NaN or infinity. "
            "(Remove or replace them; numpy.isfinite finds them.)"
        )
    if low < support[0] or high > support[1]:
        hint = ""
        if support == (0.0, 1.0) and low >= 0 and high <= 255:
            hint = f" (Divide 8-bit pixels by 255: {name} / 255.)"
        raise ValueError(
            f"Expected {name} in [{support[0]:g}, {support[1]:g}], the support of {what}. "
            f"Received: values from {low:g} to {high:g}.{hint}"
        )


def _extremes(values: Any) -> tuple[float, float]:
    """The least and the greatest value; NaN if there is one."""
    if not isinstance(values, np.ndarray):
        values = ops.convert_to_numpy(values)
    return float(values.min()), float(values.max())


def _is_array(x: Any) -> bool:
    """Whether `x` is an array or tensor rather than a source of them."""
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _first_batch(source: Any) -> Any:
    """The first batch of a source that can be iterated, or of a `PyDataset`."""
    if isinstance(source, keras.utils.PyDataset):
        if source.num_batches:
            return source[0]
    elif source is not None and not isinstance(source, (dict, list, tuple)):
        for batch in source:
            return batch
    elif source:
        return source
    raise ValueError(
        "Expected arrays or a source that gives at least one batch. Received: "
        f"{'nothing' if source is None else type(source).__name__ + ' without any batch'}."
    )


def _generator(items: Any) -> Iterator:
    """A real generator, the only kind of iterator that Keras takes."""
    yield from items
