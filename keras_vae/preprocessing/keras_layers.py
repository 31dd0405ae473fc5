"""Layers of Keras as steps of preprocessing, with their numbers as they are now."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.layers.gaps import FillGaps
from keras_vae.preprocessing.steps import Affine, Fill, array


def read_layer(layer: Any) -> Any:
    """Return the step of one layer.

    Raises:
        TypeError: If it is no layer that preprocessing takes.
        ValueError: If it is not adapted, or its numbers have no inverse.
    """
    for kind, read in READERS.items():
        if isinstance(layer, kind):
            return read(layer)
    raise UsageTypeError(
        "Expected preprocess to be a keras.layers.Normalization or Rescaling, a "
        f"keras_vae.layers.FillGaps, or a list of these. Received: {layer!r}. (Do other steps "
        "before the model.)"
    )


def _read_normalization(layer: Any) -> Affine:
    if layer.invert:
        raise UsageError(
            "Expected a Normalization that standardizes x. Received: invert=True. (The model "
            "inverts it for its answers.)"
        )
    mean, variance = (array(part) for part in _statistics(layer))
    if not np.isfinite(mean).all() or not np.isfinite(variance).all():
        raise UsageError(
            "Expected a Normalization with finite mean and variance. Received: NaN or infinity. "
            "(Adapt it to finite data; of data with gaps, "
            "keras_vae.preprocessing.standardize(x) makes it.)"
        )
    if (variance <= 0).any():
        raise UsageError(
            "Expected a Normalization with a variance above 0 everywhere. Received: "
            f"{int((variance <= 0).sum())} of {variance.size} without. (Leave constant channels "
            "out, or give them the variance 1: keras_vae.preprocessing.standardize(x) does.)"
        )
    return Affine(mean, np.sqrt(variance))


def _statistics(layer: Any) -> tuple[Any, Any]:
    """Return mean and variance, of shapes that broadcast to an event."""
    if layer.built:
        mean, variance = (keras.ops.convert_to_numpy(p) for p in (layer.mean, layer.variance))
        if layer.input_mean is None and not mean.any() and (variance == 1).all():
            raise UsageError(_NOT_ADAPTED)
        if mean.shape[:1] not in ((), (1,)):
            raise UsageError(
                f"Expected a Normalization of the axes of an event. Received: axis={layer.axis}, "
                "with that of the batch. (Leave axis 0 out.)"
            )
        return mean[0], variance[0]
    if layer.input_mean is None:
        raise UsageError(_NOT_ADAPTED)
    if layer.axis not in ((-1,), ()):
        raise UsageError(
            f"Expected a built Normalization for axis={layer.axis}. Received: one that has seen no "
            "data. (Call layer.build((None, *shape)) first.)"
        )
    return layer.input_mean, layer.input_variance


_NOT_ADAPTED = (
    "Expected an adapted Normalization. Received: one that has seen no data. (Call "
    "layer.adapt(x) with the training data before you make the model.)"
)


def _read_rescaling(layer: Any) -> Affine:
    factor, offset = (np.asarray(part, "float64") for part in (layer.scale, layer.offset))
    if not (np.isfinite(factor).all() and np.isfinite(offset).all() and factor.all()):
        raise UsageError(
            "Expected a Rescaling with finite numbers and a scale other than 0. Received: "
            f"scale={layer.scale!r}, offset={layer.offset!r}."
        )
    return Affine(array(-offset / factor), array(1.0 / factor))


def _read_fill(layer: Any) -> Fill:
    return Fill(array(layer.value))


READERS: dict[type, Callable[[Any], Any]] = {
    keras.layers.Normalization: _read_normalization,
    keras.layers.Rescaling: _read_rescaling,
    FillGaps: _read_fill,
}
