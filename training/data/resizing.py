"""Images of other sizes than a model takes: stretched, or cropped first."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_vae.errors import UsageError


class CropTo(tuple[int, int]):
    """A (height, width) to whose aspect ratio images are cropped before they are stretched."""


def choose_resizing(
    settings: Mapping[str, Any], stretch: bool = False, crop_to_aspect_ratio: bool = False
) -> dict[str, bool]:
    """Return how images are resized: as the options say, and without one as in the training.

    Args:
        settings: The settings of the training; empty for a lone model.
        stretch: The option --stretch.
        crop_to_aspect_ratio: The option --crop-to-aspect-ratio.

    Returns:
        `stretch` and `crop_to_aspect_ratio`, of which at most one is true.

    Raises:
        ValueError: If both options are given.
    """
    if stretch and crop_to_aspect_ratio:
        raise UsageError(
            "Expected --stretch or --crop-to-aspect-ratio. Received: both. (Leave one out.)"
        )
    if not stretch and not crop_to_aspect_ratio:
        crop_to_aspect_ratio = bool(settings.get("crop_to_aspect_ratio"))
        stretch = bool(settings.get("image_size")) and not crop_to_aspect_ratio
    return {"stretch": stretch, "crop_to_aspect_ratio": crop_to_aspect_ratio}


def size_for(
    shape: Sequence[int], stretch: bool, crop_to_aspect_ratio: bool
) -> tuple[int, int] | None:
    """Return the size to resize images to, for a model of images of `shape`; None to keep theirs.

    Args:
        shape: The (height, width, channels) of the model; others are no images.
        stretch: Whether images are resized.
        crop_to_aspect_ratio: Whether they are resized, and cropped before.
    """
    if len(shape) != 3:
        return None
    size = (shape[0], shape[1])
    if crop_to_aspect_ratio:
        return CropTo(size)
    return size if stretch else None


def describe_resizing(resizing: Mapping[str, bool], shape: Sequence[int]) -> str:
    """Return how images are resized for a model of images of `shape`, as the end of a sentence."""
    if not any(resizing.values()):
        return ""
    how = "cropped and stretched" if resizing["crop_to_aspect_ratio"] else "stretched"
    return f", {how} to {shape[0]}x{shape[1]}"


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Stretch one image with a triangle filter, which averages when the image gets smaller.

    Args:
        image: uint8 of shape `(height, width, channels)`.
        size: The new (height, width). If it is a `CropTo`, the edges that stand over are cut off
            first.

    Returns:
        uint8 of shape `(*size, channels)`.
    """
    if image.shape[:2] == size:
        return image
    if isinstance(size, CropTo):
        image = _crop_center(image, size)
    from PIL import Image

    def resize_plane(plane: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(plane)
        return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR))

    return np.stack([resize_plane(plane) for plane in np.moveaxis(image, -1, 0)], axis=-1)


def _crop_center(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the largest part in the middle of an image with the aspect ratio of `size`.

    As with `crop_to_aspect_ratio` of Keras, sizes are rounded down.
    """
    height, width = image.shape[:2]
    tall = max(1, min(height, width * size[0] // size[1]))
    wide = max(1, min(width, height * size[1] // size[0]))
    top, left = (height - tall) // 2, (width - wide) // 2
    return image[top : top + tall, left : left + wide]


def refuse_one_image(array: Any, spec: Any, name: str) -> None:
    """Raise ValueError for an image without a batch axis, which looks like a batch of rows."""
    channels = tuple(spec.shape[3:])
    if array.ndim == 3 and len(spec.shape) == 4 and array.shape[2:] == channels != spec.shape[2:3]:
        raise UsageError(
            f"Expected images (rows, height, width, channels) in {name}. Received: shape "
            f"{array.shape}, one image. (Add the batch axis: numpy.save(path, image[None]).)"
        )


def resize_array(array: Any, spec: Any, size: tuple[int, int]) -> Any:
    """Return images, if they are bytes or bool, that are resized when they are read."""
    from keras_vae.training.data.sources.base import bool_as_bytes
    from keras_vae.training.data.sources.streamed import StreamedImages

    if array.dtype not in (np.uint8, bool) or array.ndim not in (3, 4) or len(spec.shape) != 4:
        return array

    def read(number: int) -> np.ndarray:
        (image,) = bool_as_bytes(np.asarray(array[number : number + 1]))
        return resize(image if image.ndim == 3 else image[..., np.newaxis], size)

    return StreamedImages(read, np.arange(len(array)), (*size, *(array.shape[3:] or (1,))))
