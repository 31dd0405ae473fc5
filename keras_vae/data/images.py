"""A folder of images as arrays, read as programs read it."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_vae.errors import MissingExtraError, UsageError
from keras_vae.validation import arguments


class Images(NamedTuple):
    """Images for training and testing, as `load_images` returns them.

    Example:
        >>> keras_vae.data.Images(train=images, test=images[:8]).image_shape
        (28, 28, 1)

    Attributes:
        train: float32 `(count, height, width, channels)`, pixels in [0, 1].
        test: The same, to measure with.
        train_labels: Class of each training image, int64 `(count,)`; None if there are no folders
            of classes.
        test_labels: Class of each test image, or None.
        label_names: Name of each class; None if there are none.
    """

    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    label_names: tuple[str, ...] | None = None

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Height, width and channels, as models take them."""
        return self.train.shape[1:]


def load_images(
    folder: str | os.PathLike[str],
    size: Sequence[int] | None = None,
    limit: int | None = None,
    crop_to_aspect_ratio: bool = False,
) -> Images:
    """Read a folder of images, as `keras-vae train --data FOLDER --image-size HEIGHT WIDTH` does.

    Photos are turned upright by their EXIF data, and transparent pixels become white. Images have
    one channel if all files are gray, and 3 otherwise. If there are folders such as `train` and
    `test`, they are the parts. Otherwise about a tenth of the images is for testing, chosen by
    their names. Other sub-folders are classes.

    Example:
        >>> for number, image in enumerate(images):
        ...     keras.utils.save_img(f"{number}.png", image)
        >>> data = keras_vae.load_images(".", size=(64, 64))
        >>> data.image_shape, len(data.train) + len(data.test)
        ((64, 64, 1), 64)

    Args:
        folder: The folder, with PNG, JPEG, BMP, GIF, or WEBP files at any depth.
        size: The (height, width) of all images. Needed if their sizes differ. Their aspect ratio is
            not kept.
        limit: Read only this many training images and this many test images, a fair sample.
        crop_to_aspect_ratio: Whether to cut off the edges of each image that stand over the aspect
            ratio of `size`, so that nothing is distorted. The name is that of Keras.

    Returns:
        The images, in memory as floats: `4 * height * width * channels` bytes each.

    Raises:
        FileNotFoundError: If there is no such folder, or no image in it.
        ImportError: If the package Pillow is not installed.
        ValueError: If an image is damaged, has another size, or has more than 8 bits per channel;
            or it is not clear which images are for testing; or images are to be cropped and there
            is no size.
    """
    from keras_vae.training.data import loading

    path = arguments.path("folder", folder).resolve()
    if not path.is_dir():
        raise FileNotFoundError(f"Expected a folder of images. Received: {path}, which is none.")
    shape = None if size is None else arguments.shape("size", size, ("height", "width"), (64, 64))
    if limit is not None:
        arguments.integer("limit", limit)
    _require_pillow()
    crop = arguments.flag("crop_to_aspect_ratio", crop_to_aspect_ratio)
    if crop and shape is None:
        raise UsageError(
            "Expected a size to crop to, with crop_to_aspect_ratio. Received: no size. (For "
            "example size=(64, 64).)"
        )
    data = loading.load(path, image_size=shape, crop_to_aspect_ratio=crop, limit=limit)
    return Images(
        loading.as_floats(data.train),
        loading.as_floats(data.test),
        data.train_labels,
        data.test_labels,
        data.label_names,
    )


def _require_pillow() -> Any:
    try:
        import PIL.Image
    except ImportError as error:
        raise MissingExtraError(
            "Expected the package Pillow, which reads images. Received: no such package. "
            "(pip install pillow)"
        ) from error
    return PIL.Image
