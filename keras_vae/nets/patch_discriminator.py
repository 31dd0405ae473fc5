"""A discriminator of the patches of images."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_vae.nets.conv import image_shape_of
from keras_vae.validation import arguments

KERNEL = 4  # Side of the kernels, in pixels.
LAST = "channels_last"


def patch_discriminator(
    image_shape: Sequence[int], filters: Sequence[int] = (32, 64)
) -> keras.Model:
    """Return a discriminator with log odds for each patch of an image, the PatchGAN.

    Each convolution of `filters` halves both sizes. One more gives the log odds. With n of them,
    an output sees a patch of 6 * 2^n - 2 pixels: 22 for the default, 70 for the four of the
    paper. There is no batch normalization, so odds depend on their own image alone.

    Source: Isola et al. 2017 (arXiv:1611.07004, section 3.2.2).

    Example:
        >>> keras_vae.nets.patch_discriminator((28, 28, 1)).output_shape
        (None, 7, 7, 1)

    Args:
        image_shape: `(height, width, channels)`.
        filters: Channels of the strided convolutions.

    Returns:
        A model from `(batch, height, width, channels)` to log odds `(batch, rows, columns, 1)`.

    Raises:
        ValueError: If `image_shape` is no such shape, or `filters` is empty.
    """
    x = hidden = keras.Input(image_shape_of(image_shape))
    for count in arguments.sizes("filters", filters):
        hidden = layers.Conv2D(count, KERNEL, 2, "same", LAST, activation="leaky_relu")(hidden)
    odds = layers.Conv2D(1, KERNEL, 1, "same", LAST, name="log_odds")(hidden)
    return keras.Model(x, odds, name="patch_discriminator")
