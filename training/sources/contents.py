"""An image from the bytes that a record or a row of a table holds."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from training.sources.folder import decoded


def image_of(content: bytes, shape: tuple[int, ...], where: str) -> np.ndarray:
    """The image, uint8 of shape `(height, width, channels)`.

    Args:
        content: The pixels, or a PNG or JPEG file.
        shape: Height, width and channels of pixels; empty for a file.
        where: What messages call it.

    Raises:
        ValueError: If it is no such image.
    """
    return _pixels(content, shape, where) if shape else _decoded(content, where)


def _pixels(content: bytes, shape: tuple[int, ...], where: str) -> np.ndarray:
    if len(shape) != 3 or min(shape) < 1 or len(content) != np.prod(shape):
        raise ValueError(
            f"Expected as many bytes as the shape (height, width, channels) says. Received: "
            f"{len(content):,} bytes and {shape} in {where}."
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _decoded(content: bytes, where: str) -> np.ndarray:
    image: Any = decoded(io.BytesIO(content), Path(where))
    return image
