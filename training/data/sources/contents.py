"""Images from the bytes in a record or in a row of a table."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.image_files import decode_image


def image_from_bytes(content: bytes, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Return the image, uint8 of shape `(height, width, channels)`.

    Args:
        content: The pixels, or a PNG or JPEG file.
        shape: Height, width and channels of pixels; empty for a file.
        where: The name of the image, for messages.

    Raises:
        ValueError: If it is not such an image.
    """
    return _pixels(content, shape, where) if shape else _decode(content, where)


def _pixels(content: bytes, shape: tuple[int, ...], where: str) -> np.ndarray:
    if len(shape) != 3 or min(shape) < 1 or len(content) != math.prod(shape):
        raise UsageError(
            f"Expected as many bytes as the shape (height, width, channels) states. Received: "
            f"{len(content):,} bytes and {shape} in {where}."
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _decode(content: bytes, where: str) -> np.ndarray:
    from PIL import UnidentifiedImageError

    try:
        image: Any = decode_image(io.BytesIO(content), Path(where))
    except UsageError as error:
        if not isinstance(error.__cause__, UnidentifiedImageError):
            raise
        raise UsageError(
            f"Expected a whole PNG or JPEG file. Received: {where}: cannot identify image file in "
            f"{len(content):,} bytes. (For raw pixels, add the column or feature shape: height, "
            "width and channels.)"
        ) from error
    return image
