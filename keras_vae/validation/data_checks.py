"""Checks of data from users, made before anything is trained or changed."""

import math
import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import LatentModel
from keras_vae.validation import objects
from keras_vae.validation.containers import OF_A_TABLE, refuse_batches, refuse_not_dense, shown
from keras_vae.validation.value_checks import ANY_NUMBER, check_values


def check_batch(model: LatentModel, x: Any, y: Any = None, sample_weight: Any = None) -> None:
    """Check the shapes and values of one batch of inputs and targets.

    Args:
        model: The autoencoder that the batch is for. It is built if it is not built yet.
        x: Arrays of one batch.
        y: The target; None if it is `x`.
        sample_weight: One number for each example, or None.

    Raises:
        ValueError: As for `keras_vae.validation.sources.check_data`.
        TypeError: If there are values that are not numbers.
    """
    if isinstance(model, type) or not hasattr(model, "build_for"):
        objects.model(model)
    require_arrays("x", x)
    event, *others = keras.tree.flatten(x)
    if len(event.shape) == 0 or event.shape[0] == 0:
        raise UsageError(
            f"Expected at least one example. Received: an array of shape {tuple(event.shape)}."
        )
    model.build_for(x)
    check_shape("x", event.shape, model.event_shape)
    check_rows(model, "x", x)
    for other in others:
        part = getattr(model, "condition_name", "second part")
        check_values(f"the {part} of x", other, ANY_NUMBER, "all inputs")
    model.check_parts(x)
    if y is None:
        model.check_event("x", event)
    else:
        require_arrays("y", y)
        check_values("x", event, ANY_NUMBER, "all inputs", model.preprocess.fills)
        for target in keras.tree.flatten(y):
            _check_count("y", target, event)
        model.check_target(y)
    if sample_weight is not None:
        require_arrays("sample_weight", sample_weight)
        weights = single_array("sample_weight", sample_weight, "one number for each example")
        _check_count("sample_weight", weights, event)
        _check_weights_shape(weights)
        check_values("sample_weight", weights, (0.0, math.inf), "sample weights")


def check_if_arrays(model: LatentModel, x: Any) -> bool:
    """Check one batch as `check_batch` does, if it is of NumPy arrays, and return whether it is."""
    of_arrays = all(isinstance(part, np.ndarray) for part in keras.tree.flatten(x))
    if of_arrays:
        check_batch(model, x)
    else:
        refuse_not_dense("x", x)
    return of_arrays


def single_array(name: str, values: Any, meaning: str) -> Any:
    """Return the only array in `values`; raise ValueError if there are several.

    Args:
        name: Name of the argument, for the message.
        values: An array, or a structure of arrays.
        meaning: What the array holds, for the message.
    """
    parts = keras.tree.flatten(values)
    if len(parts) != 1:
        raise UsageError(
            f"Expected {name} of one array, {meaning}. Received: {type(values).__name__} of "
            f"{len(parts)} parts."
        )
    return parts[0]


def check_reconstruction_target(model: LatentModel, y: Any) -> None:
    """Raise ValueError unless `y` is an array like x, with which reconstructions are compared."""
    meaning = (
        "with which the reconstruction is compared (for a loss on labels too, override loss_terms "
        "and check_target of the model)"
    )
    target = single_array("y", y, meaning)
    check_shape("y", target.shape, model.event_shape)
    model.check_event("y", target)


def check_label_rows(condition: Any) -> None:
    """Raise ValueError unless each row holds probabilities of classes, or zeros."""
    rows = keras.ops.convert_to_numpy(condition)
    sums = rows.sum(axis=1)
    bad = (rows < 0).any(axis=1) | ~(np.isclose(sums, 1.0, atol=1e-3) | (rows == 0).all(axis=1))
    if bad.any():
        raise UsageError(
            "Expected a condition of one-hot rows, or of zeros where the label is missing. "
            f"Received: {rows[bad][0].tolist()} in row {int(np.flatnonzero(bad)[0])}. (Of labels "
            "with -1 for missing ones: numpy.eye(classes)[labels] * (labels[:, None] >= 0).)"
        )


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
    check_batch(model, first if isinstance(x, Mapping) else x)
    return first.astype("float32")


def check_count_of_parts(encoder: Any, x: Any) -> None:
    """Raise an error unless `x` has as many arrays as a functional encoder has inputs."""
    require_arrays("x", x)
    if isinstance(x, Mapping):
        raise UsageTypeError(
            f"Expected x as an array, or a pair of arrays. Received: a dictionary of {sorted(x)}. "
            f"(Give its values: x[{min(x)!r}].)"
        )
    takes, parts = getattr(encoder, "inputs", None), keras.tree.flatten(x)
    if takes and len(parts) != len(takes):
        advice = (
            "A target is y, as in fit(x, y); a mask needs a model of sequences with masked=True; "
            "a condition needs a ConditionalVAE."
        )
        if len(parts) > 3 and len({tuple(part.shape) for part in parts}) == 1:
            advice = "For one array of all rows: numpy.stack(x)."
        raise UsageError(
            f"Expected x of {len(takes)} array(s), as many as the encoder takes. Received: "
            f"{len(parts)}. ({advice})"
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


def row_weights(sample_weight: Any) -> Any:
    """Return sample weights as float32 of shape `(batch,)`; None stays None.

    Raises:
        ValueError: If there is more than one number for each example.
    """
    if sample_weight is None:
        return None
    _check_weights_shape(sample_weight)
    return ops.cast(ops.reshape(sample_weight, (-1,)), "float32")


def _check_weights_shape(sample_weight: Any) -> None:
    if len(sample_weight.shape) > 1 and tuple(sample_weight.shape[1:]) != (1,):
        raise UsageError(
            "Expected sample_weight of shape (batch,), one number for each example. "
            f"Received: {tuple(sample_weight.shape)}."
        )


def check_rows(model: Any, name: str, x: Any) -> None:
    """Raise ValueError unless the parts of `x` have as many rows each, where graphs know them.

    Args:
        model: The model that `x` is for, whose `condition_name` the message has.
        name: Name of `x`, for the message.
        x: An array, or a structure of arrays.
    """
    first, *others = keras.tree.flatten(x)
    for other in others:
        part = getattr(model, "condition_name", "second part")
        _check_count(f"the {part} of {name}", other, first, name)


def refuse_condition(model: Any) -> None:
    """Raise TypeError for a model that takes a pair, where x or codes alone are walked or drawn."""
    if getattr(objects.model(model), "conditional", False):
        raise UsageTypeError(
            f"Expected a model that takes x alone. Received: a {type(model).__name__}, which takes "
            f"a pair (x, {model.condition_name}). (Use model.encode((x, {model.condition_name})), "
            f"keras_vae.latents.slerp, and model.decode((z, {model.condition_name})).)"
        )


def _check_count(name: str, values: Any, x: Any, like: str = "x") -> None:
    """Raise ValueError unless `values` has as many rows as `x`; sizes of graphs are passed over."""
    if len(values.shape) == 0 or _differ(values.shape[0], x.shape[0]):
        raise UsageError(
            f"Expected {name} with {x.shape[0]} rows, as many as {like}. Received: shape "
            f"{tuple(values.shape)}."
        )


def _differ(rows: Any, wanted: Any) -> bool:
    return isinstance(rows, int) and isinstance(wanted, int) and rows != wanted


def require_arrays(name: str, values: Any) -> None:
    """Raise TypeError unless `values` is an array, a tensor, or a structure of these."""
    if type(values) is np.ndarray and not values.dtype.names:
        return
    refuse_batches(name, values)
    if values is None or isinstance(values, str | bytes | os.PathLike):
        is_file = values is not None and name in ("x", "y")
        text = " (Read the file first, such as by numpy.load.)" if is_file else ""
        raise UsageTypeError(
            f"Expected {name} of arrays or tensors. Received: {shown(values)}.{text}"
        )
    if not are_arrays(values):
        advice = f'For a list of numbers: numpy.asarray({name}, "float32").'
        if isinstance(values, Mapping):
            advice = OF_A_TABLE.format(name)
        if hasattr(keras.tree.flatten([values, 0])[0], "getbands"):  # A picture of Pillow.
            advice = "Of 8-bit images: numpy.stack([numpy.asarray(one) for one in images]) / 255."
        raise UsageTypeError(
            f"Expected {name} of arrays or tensors. Received: {type(values).__name__} of other "
            f"objects. ({advice})"
        )
    refuse_not_dense(name, values)


def are_arrays(x: Any) -> bool:
    """Return whether `x` is an array, a tensor, or a structure of these.

    Anything else is a source of batches. An element without a `shape`, such as a number, makes
    `x` a source; None is skipped.
    """
    leaves = [leaf for leaf in keras.tree.flatten(x) if leaf is not None]
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def is_source(data: Any) -> bool:
    """Return whether `data`, x or validation data, is a source of batches; None is none."""
    return data is not None and not are_arrays(data)


def check_images(layer: keras.layers.Layer, x: Any) -> None:
    """Raise ValueError unless `x`, an input of `layer`, has the four axes of images."""
    if len(x.shape) != 4:
        raise UsageError(
            f"Expected images (batch, height, width, channels) for {type(layer).__name__}. "
            f"Received: shape {tuple(x.shape)}."
        )
