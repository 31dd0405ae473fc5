"""Checks of the examples and labels that figures show."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.latents import as_numpy
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments, objects

# Beyond this, images of a model with preprocessing and no largest value are 8-bit levels.
MOST_OF_FRACTIONS = 2.0
# More classes than this get a color bar instead of a legend.
MOST_CLASSES = 20


def examples(name: str, x: Any, gaps: bool = False) -> np.ndarray:
    """Return examples `(batch, ...)` as float32; with `gaps`, NaN is a missing value.

    Raises:
        ValueError: If there are none, or a value is not finite.
        TypeError: If they are not numbers.
    """
    x = arguments.readings(name, x) if gaps else arguments.array(name, x)
    if x.ndim < 2 or not x.size:
        raise UsageError(f"Expected {name} of at least one example. Received: shape {x.shape}.")
    return x.astype("float32")


def as_pixels(model: LatentModel, images: np.ndarray) -> np.ndarray:
    """Return images in the unit of a model's data as pixels, 0 for black and 1 for white."""
    low, high = getattr(model, "data_range", (0.0, 1.0))
    if not (math.isfinite(low) and math.isfinite(high)):
        of_bytes = (
            bool(getattr(model, "preprocess", None)) and images.max(initial=0.0) > MOST_OF_FRACTIONS
        )
        low, high = 0.0, 255.0 if of_bytes else 1.0
    return (images - low) / (high - low)


def sample_images(
    model: LatentModel, count: int, seed: int, temperature: float, condition: Any
) -> np.ndarray:
    """Return pixels of `model.sample`, given the condition if the model takes one.

    Raises:
        ValueError: If there is a condition that the model does not take, or none that it takes.
    """
    takes = getattr(objects.model(model), "conditional", False) or getattr(
        getattr(model, "sampler", None), "classes", 0
    )
    given = {"condition": condition} if takes else {}
    if condition is not None and not given:
        raise UsageError(
            f"Expected no condition for a {type(model).__name__}, which takes none. Received: an "
            f"array of shape {np.shape(condition)}."
        )
    images = as_numpy(model.sample(count, seed=seed, temperature=temperature, **given))
    return as_pixels(model, images)


def check_labels(labels: Any, names: Sequence[str] | None, count: int) -> np.ndarray | None:
    """Return the labels of `count` examples, integers or text, as an array.

    Raises:
        ValueError: If there is no label for each, one is NaN, or a class has no name.
    """
    if labels is None:
        if names is not None:
            raise UsageError("Expected labels next to label_names. Received: label_names alone.")
        return None
    labels = objects.labels("labels", labels)
    text = labels.dtype.kind in "OSU"
    if labels.shape != (count,):
        raise UsageError(
            f"Expected labels of shape ({count},), one for each example. Received: {labels.shape}."
        )
    if text and len(np.unique(labels)) > MOST_CLASSES:
        raise UsageError(
            f"Expected labels of integers for more than {MOST_CLASSES} classes. Received: "
            f"{labels.dtype} of {len(np.unique(labels))} classes."
        )
    labels = labels if text else labels.astype("int64")
    if names is not None:
        _check_names(labels, names, text)
    return labels


def _check_names(labels: np.ndarray, names: Sequence[str], text: bool) -> None:
    names = arguments.names("label_names", names)
    classes = np.unique(labels)
    if text or classes[0] < 0 or classes[-1] >= len(names):
        raise UsageError(
            "Expected label_names, a name for each of the classes 0, 1, ... in labels. Received: "
            f"label_names={names!r} for classes from {classes[0]} to {classes[-1]}."
        )
