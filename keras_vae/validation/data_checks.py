"""Checks of data from users, made before anything is trained or changed."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import LatentModel

ANY_NUMBER = (-math.inf, math.inf)


def check_data(model: LatentModel, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Check all rows of arrays, or the first batch of another source.

    Args:
        model: The autoencoder that the data are for. It is built if it is not built yet.
        x: Data as `fit` takes them: arrays, a `tf.data.Dataset`, `PyDataset`, `DataLoader` or
            generator.
        y: The target, if `x` is an array.
        sample_weight: One number for each example, if `x` is an array.

    Returns:
        `x`. For a generator, an equal generator, because its first batch was taken.

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
        _check_first_batch(model, first)
    return _generator(itertools.chain([first], x)) if isinstance(x, Iterator) else x


def _check_first_batch(model: LatentModel, first: Any) -> None:
    batch = keras.utils.unpack_x_y_sample_weight(first)
    shape = tuple(keras.tree.flatten(batch[0])[0].shape)
    if model.built and shape == tuple(model.event_shape):
        raise UsageError(
            f"Expected data that come in batches, of shape {('batch', *shape)}. Received: single "
            f"examples of shape {shape}. (For a tf.data.Dataset: dataset.batch(128).)"
        )
    check_batch(model, *batch)


def check_validation_data(model: LatentModel, data: Any) -> Any:
    """Check the `validation_data` of `fit`, a source or `(x, y, ...)`; see `check_data`."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    checked = check_data(model, x, y, sample_weight)
    return data if checked is x else checked


def check_batch(model: LatentModel, x: Any, y: Any = None, sample_weight: Any = None) -> None:
    """Check the shapes and values of one batch of inputs and targets.

    Args:
        model: The autoencoder that the batch is for. It is built if it is not built yet.
        x: Arrays of one batch.
        y: The target; None if it is `x`.
        sample_weight: One number for each example, or None.

    Raises:
        ValueError: As for `check_data`.
        TypeError: If there are values that are not numbers.
    """
    event, *others = keras.tree.flatten(x)
    if len(event.shape) == 0 or event.shape[0] == 0:
        raise UsageError(
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


def check_examples(model: LatentModel, x: Any, count: int) -> np.ndarray:
    """Check examples of x from which a model takes its state, and return them in float32.

    Args:
        model: The autoencoder that the examples are for.
        x: Arrays with the examples in axis 0; see `keras_vae.validation.examples.sample_examples`.
        count: Smallest number of examples.

    Returns:
        The first array of x, float32 `(examples, *event_shape)`.

    Raises:
        ValueError: If there are fewer than `count` examples, or they do not fit the model.
    """
    first = keras.tree.flatten(x)[0]
    if len(first) < count:
        raise UsageError(f"Expected at least {count} examples. Received: {len(first)}.")
    check_batch(model, x)
    return first.astype("float32")


def check_count_of_parts(encoder: Any, x: Any) -> None:
    """Raise ValueError unless `x` has as many arrays as a functional encoder has inputs."""
    takes, parts = getattr(encoder, "inputs", None), keras.tree.flatten(x)
    if takes and len(parts) != len(takes):
        raise UsageError(
            f"Expected x of {len(takes)} array(s), as many as the encoder takes. Received: "
            f"{len(parts)}. (A target is y, as in fit(x, y); a mask needs a model of sequences "
            "with masked=True; a condition needs a ConditionalVAE.)"
        )


def check_shape(name: str, shape: Any, event_shape: tuple) -> None:
    """Raise ValueError unless `shape` is `(batch, *event_shape)`.

    Args:
        name: Name of the argument, for the message.
        shape: The shape that was received.
        event_shape: Sizes of the axes after the batch; None allows any size.
    """
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
    raise UsageError(
        f"Expected {name} of shape {('batch', *event_shape)}. Received: {tuple(shape)}.{hint}"
    )


def check_values(name: str, values: Any, support: tuple[float, float], what: str) -> None:
    """Raise unless all `values` are finite numbers within `support`.

    Args:
        name: Name of the argument, for the message.
        values: An array or a tensor.
        support: Smallest and largest value that is allowed.
        what: Owner of the support, for the message, such as "the 'bernoulli' likelihood".

    Raises:
        ValueError: If a value is NaN, infinite or outside the support.
        TypeError: If the values are not real numbers.
    """
    low, high = _extremes(name, values)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UsageError(
            f"Expected finite values in {name}. Received: NaN or infinity. "
            "(Remove or replace them; numpy.isfinite finds them.)"
        )
    if low < support[0] or high > support[1]:
        hint = ""
        if support == (0.0, 1.0) and low >= 0 and high <= 255:
            hint = f" (Divide 8-bit pixels by 255: {name} / 255.)"
        raise UsageError(
            f"Expected {name} in [{support[0]:g}, {support[1]:g}], the support of {what}. "
            f"Received: values from {low:g} to {high:g}.{hint}"
        )


def row_weights(sample_weight: Any) -> Any:
    """Return sample weights as float32 of shape `(batch,)`; None stays None.

    Raises:
        ValueError: If there is more than one number for each example.
    """
    if sample_weight is None:
        return None
    if len(sample_weight.shape) > 1 and tuple(sample_weight.shape[1:]) != (1,):
        raise UsageError(
            "Expected sample_weight of shape (batch,), one number for each example. "
            f"Received: {tuple(sample_weight.shape)}."
        )
    return ops.cast(ops.reshape(sample_weight, (-1,)), "float32")


def _check_count(name: str, values: Any, x: Any) -> None:
    """Raise ValueError unless `values` has as many rows as `x`."""
    if len(values.shape) == 0 or values.shape[0] != x.shape[0]:
        raise UsageError(
            f"Expected {name} with {x.shape[0]} rows, as many as x. Received: shape "
            f"{tuple(values.shape)}."
        )


def _extremes(name: str, values: Any) -> tuple[float, float]:
    """Return the smallest and the largest value; both are NaN if any value is NaN."""
    if not isinstance(values, np.ndarray):
        values = ops.convert_to_numpy(values)
    if values.dtype.kind in "OSUcMm":
        raise UsageTypeError(f"Expected real numbers in {name}. Received: {values.dtype}.")
    return float(values.min()), float(values.max())


def are_arrays(x: Any) -> bool:
    """Return whether `x` is an array, a tensor, or a structure of these.

    Anything else is a source of batches. An element without a `shape`, such as a number, makes
    `x` a source; None is skipped.
    """
    leaves = [leaf for leaf in keras.tree.flatten(x) if leaf is not None]
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def _first_batch(source: Any) -> Any:
    """Return the first batch of an iterable or a `PyDataset`, with its target and weights."""
    for batch in () if source is None else source:
        return batch
    raise UsageError(
        "Expected arrays or a source that gives at least one batch. Received: "
        f"{'nothing' if source is None else type(source).__name__ + ' without any batch'}."
    )


def _generator(items: Any) -> Iterator:
    """Wrap an iterable in a generator, the only kind of iterator that Keras takes."""
    yield from items


def check_images(layer: keras.layers.Layer, x: Any) -> None:
    """Raise ValueError unless `x`, an input of `layer`, has the four axes of images."""
    if len(x.shape) != 4:
        raise UsageError(
            f"Expected images (batch, height, width, channels) for {type(layer).__name__}. "
            f"Received: shape {tuple(x.shape)}."
        )
