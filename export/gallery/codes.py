"""Codes as pictures: each number a square, each channel of a map a small map."""

import math
from typing import Any

import numpy as np

# Screen pixels of a side of every cell of a picture.
CELL = 84


def as_pictures(codes: np.ndarray, highest: float | None = None) -> np.ndarray:
    """Codes as squares of grey, black for the least number in them all and white for the greatest.

    Args:
        codes: `(batch, *latent_shape)`, vectors or maps; integers are one map each.
        highest: The greatest number that there can be, where codes are integers from 0.

    Returns:
        `(batch, CELL, CELL, 1)` in [0, 1].
    """
    low, high = (0.0, highest) if highest else (float(codes.min()), float(codes.max()))
    scaled = (codes.astype("float32") - low) / max(high - low, 1e-12)
    if codes.dtype.kind in "iu" and codes.ndim == 3:
        scaled = scaled[..., None]
    if scaled.ndim < 4:
        scaled = scaled.reshape(len(codes), 1, 1, -1)
    return resized(tiled(scaled))


def tiled(maps: np.ndarray) -> np.ndarray:
    """Maps `(batch, height, width, channels)` side by side in a square of maps, grey between.

    Returns:
        `(batch, height', width', 1)`.
    """
    count, height, width, channels = maps.shape
    side = math.ceil(math.sqrt(channels))
    blank = np.full((count, height, width, side * side - channels), 0.5, maps.dtype)
    whole = np.concatenate([maps, blank], axis=-1).reshape(count, height, width, side, side)
    return whole.transpose(0, 3, 1, 4, 2).reshape(count, side * height, side * width, 1)


def resized(images: np.ndarray) -> np.ndarray:
    """Images of any size at CELL by CELL, `(batch, CELL, CELL, channels)`, no pixel smoothed."""
    rows, columns = (np.arange(CELL) * size // CELL for size in images.shape[1:3])
    return images[:, rows][:, :, columns]


def highest_code(model: Any) -> float | None:
    """The greatest integer of codes, None where codes are real."""
    size = getattr(model, "codebook_size", None)
    return None if size is None else size - 1.0
