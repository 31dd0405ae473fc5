"""Latent codes as images: a square for each element, a small map for each channel."""

import math

import numpy as np

from keras_vae.typing import LatentModel

# Side of every cell of an image, in pixels.
CELL = 84


def to_images(codes: np.ndarray, highest: float | None = None) -> np.ndarray:
    """Return codes as gray squares, black for their smallest value and white for their largest.

    Args:
        codes: `(batch, *latent_shape)`, vectors or maps; integers are one map each.
        highest: The largest possible value, if codes are integers from 0.

    Returns:
        `(batch, CELL, CELL, 1)` in [0, 1].
    """
    low, high = (0.0, highest) if highest else (float(codes.min()), float(codes.max()))
    scaled = (codes.astype("float32") - low) / max(high - low, 1e-12)
    if codes.dtype.kind in "iu" and codes.ndim == 3:
        scaled = scaled[..., None]
    if scaled.ndim < 4:
        scaled = scaled.reshape(len(codes), 1, 1, -1)
    return resize(tile(scaled))


def tile(maps: np.ndarray) -> np.ndarray:
    """Arrange the channels of maps `(batch, height, width, channels)` in a square, gray between.

    Returns:
        `(batch, height', width', 1)`.
    """
    count, height, width, channels = maps.shape
    side = math.ceil(math.sqrt(channels))
    blank = np.full((count, height, width, side * side - channels), 0.5, maps.dtype)
    whole = np.concatenate([maps, blank], axis=-1).reshape(count, height, width, side, side)
    return whole.transpose(0, 3, 1, 4, 2).reshape(count, side * height, side * width, 1)


def resize(images: np.ndarray) -> np.ndarray:
    """Return images of any size as `(batch, CELL, CELL, channels)`, without smoothing."""
    rows, columns = (np.arange(CELL) * size // CELL for size in images.shape[1:3])
    return images[:, rows][:, :, columns]


def highest_code(model: LatentModel) -> float | None:
    """Return the largest integer of codes, or None if codes are real."""
    size = getattr(model, "codebook_size", None)
    return None if size is None else size - 1.0
