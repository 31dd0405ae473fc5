"""The base of all measures: a row of the table, pixels, codes."""

import math
from dataclasses import dataclass

import numpy as np

from keras_vae.training.data.loading import as_floats
from keras_vae.typing import LatentModel

# Likelihoods that are probabilities of the 256 levels of a byte, so that bits are meaningful.
OF_BYTES = ("discretized_logistic", "discretized_logistic_mixture", "categorical")
# The largest number of floats in an array of images or codes.
LARGEST_ARRAY = 200_000_000


@dataclass(frozen=True)
class Measure:
    """One row of the table.

    Attributes:
        value: The number.
        unit: Its unit.
        meaning: A short description.
    """

    value: float
    unit: str
    meaning: str


def likelihood_name(model: LatentModel) -> str:
    """Return the name of p(x | z), also if it was given as a class; for tables without columns."""
    kind = model.likelihood
    return kind if isinstance(kind, str) else kind.__name__.partition("_[")[0]


def pixels(images: np.ndarray, most: int | None = None) -> np.ndarray:
    """Return images as models take them: the first `most`, at most as many as fit in memory."""
    room = max(LARGEST_ARRAY // math.prod(images.shape[1:]), 1)
    return as_floats(images[: min(most or room, room)])


def codes(model: LatentModel, images: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the codes of all images, `(count, *latent_shape)`."""
    from keras_vae.acceleration.batching import CompiledFunction, map_batches

    encode = CompiledFunction(model, model.encode)
    size = min(batch_size, len(images))
    return map_batches(lambda part: encode.predict_on_batch((pixels(part),)), images, size)


def bits_of(model: LatentModel, images: np.ndarray) -> str | None:
    """Return a name for the unit of which bits per dimension are counted.

    It is None if the likelihood is a density or a cross entropy, which have no bits.

    Args:
        model: A `keras_vae.Autoencoder`.
        images: All images, uint8.
    """
    name = likelihood_name(model)
    if images.dtype != np.uint8:
        return None
    if name in OF_BYTES:
        return f"a channel, {name}"
    if name == "bernoulli" and np.isin(images, (0, 255)).all():
        return "a pixel, binary"
    return None
