"""The scale of a likelihood, which starts from the data that a new model is first trained on.

A scale of 1 is far too wide for pixels in [0, 1], and an optimizer needs thousands of steps to
narrow it. So `fit` sets it to the spread of the data around the mean of each element.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.backend import mean_over_workers
from keras_vae.backend.keras_private import numbered_origin
from keras_vae.validation.examples import first_input

EXAMPLES = 1000  # Enough rows for one number.
SMALLEST = 1e-4  # Least standard deviation, relative to the largest value of the data.
# Layers and ops that keep each number in the same place of the last axis.
KEEP_CHANNELS = frozenset(
    ("reshape", "cropping1d", "cropping2d", "cropping3d", "cast", "identity", "dropout")
)


def start_scale(model: Any, x: Any, y: Any = None, sample_weight: Any = None) -> None:
    """Set the scale of p(x | z) of a model that was never trained to the spread of data.

    The scale is a shared parameter, such as that of "normal_learned_scale", or the bias of the
    outputs of the decoder that are scales, such as those of "normal_per_element". A bias is found
    if a functional decoder ends in a dense layer or a convolution. A scale that is frozen or not
    the initial 0 (a logarithm) was set by someone, and stays.

    Args:
        model: A built model.
        x: Arrays of x, as `fit` gets them, or the first batch of a source.
        y: The target, if it is not x.
        sample_weight: A number for each row, or None. Rows of weight 0 do not count.
    """
    places = [place for place in _scales(model) if _is_fresh(*place)] if model.family.scales else []
    if not places or int(ops.convert_to_numpy(model.steps)):
        return
    deviation = mean_over_workers(model, _spread(model, x, y, sample_weight))
    for variable, chosen in places if deviation > 0.0 else ():
        values = np.array(ops.convert_to_numpy(variable))
        values[chosen] = model.family.log_scale_of(deviation)
        variable.assign(values)


def _is_fresh(variable: Any, chosen: Any) -> bool:
    """Return whether a part of a variable is trained, and as it was made."""
    return variable.trainable and not np.any(ops.convert_to_numpy(variable)[chosen])


def _scales(model: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the variables that are logarithms of scales, each with the part of it that is."""
    for variable, name in zip(model.shared_parameters, model.family.shared, strict=True):
        if name in model.family.scales:
            yield variable, ...
    network = getattr(model.decoder, "head", model.decoder)  # That of a ladder.
    outputs = keras.tree.flatten(getattr(network, "outputs", None) or [])
    for name, output in zip(model.family.output_names(len(outputs)), outputs, strict=False):
        if name in model.family.scales:
            yield from _bias(output)


def _bias(output: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the bias that is added to a symbolic output, and the part of it that is, if known."""
    width, part, parts = output.shape[-1], 0, 1
    while True:
        operation, source, number = numbered_origin(output)
        kind = type(operation).__name__.lower()
        if kind == "split" and parts == 1 and source.shape[:-1] == output.shape[:-1]:
            part, parts = number, source.shape[-1] // width
        elif kind not in KEEP_CHANNELS:
            break
        output = source
    bias = getattr(getattr(operation, "layer", operation), "bias", None)
    if bias is not None and bias.shape[-1] % (width * parts) == 0:
        yield bias, np.arange(bias.shape[-1]) % (width * parts) // width == part


def _spread(model: Any, x: Any, y: Any, sample_weight: Any) -> float:
    """Return the standard deviation around the mean of each element; 0 if nothing varies."""
    values, counts = _rows(model, x, y, sample_weight)
    if not counts.any():
        return 0.0
    total = np.maximum(counts.sum(axis=0), 1)
    variance = np.square(values - (counts * values).sum(axis=0) / total)
    if len(values) < 2:  # One row varies only from element to element.
        variance = np.square(values - values[counts].mean())
    largest = np.abs(values).max(initial=0.0)
    return max(float(np.sqrt(variance[counts].mean())), SMALLEST * float(largest))


def _rows(model: Any, x: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of the target as the decoder sees them, and the places that count in the loss."""
    target = first_input(x) if y is None else first_input(y)
    if tuple(target.shape[1:]) != tuple(model.event_shape):  # Such as labels.
        target = first_input(x)
    chosen = np.linspace(0, len(target) - 1, min(len(target), EXAMPLES)).astype(int)
    raw = ops.convert_to_numpy(target)[chosen].astype("float32")
    counts = np.isfinite(raw)  # Gaps are filled by `preprocess`.
    values = ops.convert_to_numpy(model.preprocess.forward(raw)) if model.preprocess else raw
    values = values.astype("float64")
    if sample_weight is not None:
        weights = ops.convert_to_numpy(sample_weight).reshape(-1)[chosen]
        if np.any(weights):
            values, counts = values[weights > 0], counts[weights > 0]
            chosen = chosen[weights > 0]
    if getattr(model, "condition_name", None) == "mask" and model.conditional:
        mask = ops.convert_to_numpy(keras.tree.flatten(x)[1])[chosen].astype(bool)
        counts &= mask.reshape(*mask.shape, *(1,) * (values.ndim - mask.ndim))
    return np.where(counts, values, 0.0), counts
