"""The values of arrays: rows and series of numbers, images and volumes as bytes."""

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.kinds import KINDS
from keras_vae.training.data.sources.base import bool_as_bytes, check_images, check_levels

# A level of an 8-bit image is 1/255 = 0.0039: float16 keeps the levels apart within this.
TOLERANCE = 1e-3


def as_examples(array: np.ndarray, where: str, kind: str) -> np.ndarray:
    """Convert an array to examples of a kind, if it has their axes, and else as `as_images` does.

    Args:
        array: Rows `(count, columns)`, series `(count, time, features)`, volumes `(count, depth,
            height, width)` with or without channels, or images.
        where: A description of the array, for the messages.
        kind: One of `keras_vae.training.data.kinds.KINDS`.

    Returns:
        float32 of rows, series, and volumes of floats; uint8 of images and other volumes.

    Raises:
        ValueError: If a number would change, or the values are others.
    """
    if KINDS.get(array.ndim) == kind and kind in ("rows", "series"):
        return _as_numbers(array, where)
    if kind == "volumes" and array.ndim in (4, 5):
        volumes = array if array.ndim == 5 else array[..., np.newaxis]
        of_floats = array.dtype.kind == "f"
        return _as_numbers(volumes, where) if of_floats else _as_bytes(volumes, where, kind)
    return as_images(array, where)


def _as_numbers(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype.kind not in "iufb":
        raise UsageError(f"Expected numbers. Received: {array.dtype} in {where}.")
    from keras_vae.validation import precision  # It imports Keras, which takes seconds.

    precision.check_exact(array, where)
    with np.errstate(over="ignore"):  # Data refuses infinity.
        return array.astype(np.float32)


def as_images(array: np.ndarray, where: str) -> np.ndarray:
    """Convert an array of images to bytes, or refuse it if that would lose information.

    Args:
        array: Shape `(count, height, width)` or `(count, height, width, channels)`; bool, integers
            from 0 to 255, or floats in [0, 1] that lie on the 256 levels k/255.
        where: A description of the array, for the messages.

    Returns:
        uint8 of shape `(count, height, width, channels)`.

    Raises:
        ValueError: If the values, the rank or the channels are others.
    """
    try:
        images = _as_bytes(array[..., np.newaxis] if array.ndim == 3 else array, where)
        check_images(images, where)
    except UsageError as error:
        if array.ndim in (2, 3) and array.dtype.kind == "f":
            advice = "(If it is a recording, or series of numbers: put series: before its path.)"
            raise UsageError(f"{error} {advice}") from error
        raise
    return images


def _as_bytes(array: np.ndarray, where: str, kind: str = "images") -> np.ndarray:
    array = bool_as_bytes(array)
    if array.dtype.kind in "ui" and array.size:
        low, high = array.min(), array.max()
        if low < 0 or high > 255:
            raise UsageError(
                f"Expected uint8 {kind} with values from 0 to 255. Received: {array.dtype} from "
                f"{low} to {high} in {where}. (Scale the values to 0 to 255.)"
            )
        check_levels(array, where)
    if array.dtype.kind == "f" and array.size:
        return _float_as_bytes(array, where)
    return array.astype(np.uint8) if array.dtype.kind in "ui" else array


def _float_as_bytes(array: np.ndarray, where: str) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        levels = np.rint(array.astype(np.float32) * 255)
        exact = bool((np.abs(array - levels / 255) <= TOLERANCE).all())
    low, high = array.min(), array.max()
    if exact and levels.min() >= 0 and levels.max() <= 255:
        return levels.astype(np.uint8)
    reason = "in steps other than 1/255" if 0 <= low and high <= 1 else "outside [0, 1]"
    raise UsageError(
        "Expected uint8 images, or floats in [0, 1] that are multiples of 1/255. Received: "
        f"{array.dtype} from {low:g} to {high:g}, {reason}, in {where}. (Programs keep images as "
        "bytes. Convert them as you intend, for example numpy.rint(255 * x).astype('uint8').)"
    )
