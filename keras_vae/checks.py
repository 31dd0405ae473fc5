"""Checks of what a user passes, made before anything is trained or changed."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

ANY_NUMBER = (-math.inf, math.inf)


def check_data(model: Any, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Check arrays whole and other sources by their first batch.

    Args:
        model: The autoencoder that the data are for; it is built when it is not yet.
        x: What `fit` takes: arrays, a `tf.data.Dataset`, `PyDataset`, `DataLoader` or generator.
        y: The target, when `x` is an array.
        sample_weight: One number for each example, when `x` is an array.

    Returns:
        `x`, or for a generator an equal one, because its first batch had to be taken.

    Raises:
        ValueError: If there are no data, or they have the wrong shape, are not finite, or lie
            outside the support of the model's likelihood.
        TypeError: If they are not numbers.
    """
    if are_arrays(x):
        check_batch(model, x, y, sample_weight)
        return x
    first = _first_batch(x)
    if are_arrays(first):
        _check_first(model, first)
    return _generator(itertools.chain([first], x)) if isinstance(x, Iterator) else x


def _check_first(model: Any, first: Any) -> None:
    batch = keras.utils.unpack_x_y_sample_weight(first)
    shape = tuple(keras.tree.flatten(batch[0])[0].shape)
    if model.built and shape == tuple(model.event_shape):
        raise ValueError(
            f"Expected data that come in batches, of shape {('batch', *shape)}. Received: single "
            f"examples of shape {shape}. (For a tf.data.Dataset: dataset.batch(128).)"
        )
    check_batch(model, *batch)


def check_validation_data(model: Any, data: Any) -> Any:
    """`check_data` for what `fit` takes as `validation_data`: a source or `(x, y, ...)`."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    checked = check_data(model, x, y, sample_weight)
    return data if checked is x else checked


def check_batch(model: Any, x: Any, y: Any = None, sample_weight: Any = None) -> None:
    """Check the shapes and values of one batch of inputs and targets; see `check_data`."""
    event, *others = keras.tree.flatten(x)
    if len(event.shape) == 0 or event.shape[0] == 0:
        raise ValueError(
            f"Expected at least one example. Received: an array of shape {tuple(event.shape)}."
        )
    model.build_for(x)
    check_shape("x", event.shape, model.event_shape)
    for other in others:
        _check_count(f"the {getattr(model, 'condition_name', 'second part')} of x", other, event)
        check_values("x", other, ANY_NUMBER, "all inputs")
    model.check_parts(x)
    if y is None:
        model.check_event("x", event)
    else:
        target = keras.tree.flatten(y)[0]
        check_shape("y", target.shape, model.event_shape)
        _check_count("y", target, event)
        check_values("x", event, ANY_NUMBER, "all inputs")
        model.check_event("y", target)
    if sample_weight is not None:
        _check_count("sample_weight", sample_weight, event)
        check_values("sample_weight", sample_weight, (0.0, math.inf), "sample weights")


def check_count_of_parts(encoder: Any, x: Any) -> None:
    """Raise unless `x` is as many arrays as a functional encoder takes; others are not asked."""
    takes, parts = getattr(encoder, "inputs", None), keras.tree.flatten(x)
    if takes and len(parts) != len(takes):
        raise ValueError(
            f"Expected x of {len(takes)} array(s), as many as the encoder takes. Received: "
            f"{len(parts)}. (A target is y, as in fit(x, y); a mask needs a model of sequences "
            "with masked=True; a condition needs a ConditionalVAE.)"
        )


def check_shape(name: str, shape: Any, event_shape: tuple) -> None:
    """Raise unless `shape` is `(batch, *event_shape)`, where None in `event_shape` is any size."""
    event = tuple(shape)[1:]
    if len(shape) == len(event_shape) + 1 and all(
        want is None or have is None or want == have
        for want, have in zip(event_shape, event, strict=True)
    ):
        return
    hint = ""
    if (*event, 1) == tuple(event_shape):
        hint = f" (add the channel axis: {name}[..., None])"
    elif tuple(shape) == tuple(event_shape):
        hint = f" (add the batch axis: {name}[None])"
    elif name == "y" and len(shape) <= 2:
        hint = " (y is what the reconstruction is compared with: leave labels out.)"
    raise ValueError(
        f"Expected {name} of shape {('batch', *event_shape)}. Received: {tuple(shape)}.{hint}"
    )


def check_values(name: str, values: Any, support: tuple[float, float], what: str) -> None:
    """Raise unless all `values` are finite numbers within `support`."""
    low, high = _extremes(name, values)
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


def row_weights(sample_weight: Any) -> Any:
    """Sample weights as float32 of shape `(batch,)`; None stays None.

    Raises:
        ValueError: If there is more than one number for each example.
    """
    if sample_weight is None:
        return None
    if len(sample_weight.shape) > 1 and tuple(sample_weight.shape[1:]) != (1,):
        raise ValueError(
            "Expected sample_weight of shape (batch,), one number for each example. "
            f"Received: {tuple(sample_weight.shape)}."
        )
    return ops.cast(ops.reshape(sample_weight, (-1,)), "float32")


def _check_count(name: str, values: Any, x: Any) -> None:
    """Raise unless there are as many rows in `values` as in `x`."""
    if len(values.shape) == 0 or values.shape[0] != x.shape[0]:
        raise ValueError(
            f"Expected {name} with {x.shape[0]} rows, as many as x. Received: shape "
            f"{tuple(values.shape)}."
        )


def _extremes(name: str, values: Any) -> tuple[float, float]:
    """The least and the greatest value; NaN if there is one."""
    if not isinstance(values, np.ndarray):
        values = ops.convert_to_numpy(values)
    if values.dtype.kind in "OSUcMm":
        raise TypeError(f"Expected real numbers in {name}. Received: {values.dtype}.")
    return float(values.min()), float(values.max())


def are_arrays(x: Any) -> bool:
    """Whether `x` is an array, a tensor or a structure of them, rather than a source of them."""
    leaves = [leaf for leaf in keras.tree.flatten(x) if leaf is not None]
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def _first_batch(source: Any) -> Any:
    """The first batch of a source that can be iterated, or of a `PyDataset`."""
    if isinstance(source, keras.utils.PyDataset):
        if source.num_batches != 0:
            return source[0]
    elif source is not None:
        for batch in source:
            return batch
    raise ValueError(
        "Expected arrays or a source that gives at least one batch. Received: "
        f"{'nothing' if source is None else type(source).__name__ + ' without any batch'}."
    )


def _generator(items: Any) -> Iterator:
    """A real generator, the only kind of iterator that Keras takes."""
    yield from items


def check_images(layer: keras.layers.Layer, x: Any) -> None:
    """Raise ValueError unless `x`, given to `layer`, has the rank of images."""
    if len(x.shape) != 4:
        raise ValueError(
            f"Expected images (batch, height, width, channels) for {type(layer).__name__}. "
            f"Received: shape {tuple(x.shape)}."
        )
