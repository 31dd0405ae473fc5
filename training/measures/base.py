"""What every measure needs: a row of the table, pixels, codes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.data import as_floats

# Likelihoods that are probabilities of the 256 levels of a byte, so that bits mean something.
OF_BYTES = ("discretized_logistic", "discretized_logistic_mixture", "categorical")
# Numbers that images or codes may take in memory as floats.
LARGEST_ARRAY = 200_000_000


@dataclass(frozen=True)
class Measure:
    """One row of the table.

    Attributes:
        value: The number.
        unit: Its unit.
        meaning: What it is, in a few words.
    """

    value: float
    unit: str
    meaning: str


def likelihood_name(model: Any) -> str:
    """The name of p(x | z), also where it was given as a class."""
    return model.likelihood if isinstance(model.likelihood, str) else model.likelihood.__name__


def pixels(images: np.ndarray, most: int | None = None) -> np.ndarray:
    """The first images, `most` or as many as fit in memory, as models take them."""
    room = max(LARGEST_ARRAY // math.prod(images.shape[1:]), 1)
    return as_floats(images[: min(most or room, room)])


def codes(model: Any, images: np.ndarray, batch_size: int) -> np.ndarray:
    """`model.encode` of all images, `(count, *latent_shape)`."""
    from keras_vae.estimators.compiled import Compiled, padded

    size = min(batch_size, len(images))
    encode = Compiled(model, model.encode)
    parts = [
        encode.predict_on_batch((padded(pixels(images[start : start + size]), size),))
        for start in range(0, len(images), size)
    ]
    return np.concatenate(parts)[: len(images)]


def bits_of(model: Any, images: np.ndarray) -> str | None:
    """What bits per dimension count, or None where a density or cross entropy has none.

    Args:
        model: The model.
        images: uint8 images, all of them.
    """
    name = likelihood_name(model)
    if images.dtype != np.uint8:
        return None
    if name in OF_BYTES:
        return f"a channel, {name}"
    if name == "bernoulli" and np.isin(images, (0, 255)).all():
        return "a pixel, binary"
    return None
