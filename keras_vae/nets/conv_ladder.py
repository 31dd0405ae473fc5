"""The convolutional ladder, with a vector as the top code and feature maps below it."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_vae.errors import UsageError
from keras_vae.nets.conv import Size, crop, image_shape_of, image_sizes
from keras_vae.nets.heads import codes, split
from keras_vae.nets.top_down import Level, TopDown
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


def conv_ladder(
    image_shape: Sequence[int],
    latent_dim: int = 32,
    latent_channels: int = 4,
    filters: Sequence[int] = (32, 64),
    levels: Sequence[int] = (1, 1),
    decoder_heads: int = 1,
) -> tuple[keras.Model, TopDown]:
    """Return networks of a ladder: a vector on top, and levels of maps at each image size.

    The networks are a small version of VD-VAE (Child 2021, arXiv:2011.10650, section 3). They
    have residual blocks, one feature map for all levels of a size, and nearest-neighbor
    upsampling.

    Example:
        >>> encoder, decoder = keras_vae.nets.conv_ladder((28, 28, 1), latent_dim=32)
        >>> model = keras_vae.LadderVAE(encoder, decoder)
        >>> model.latent_shape
        (1012,)

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: Size of the code at the top.
        latent_channels: Channels of the codes that are maps.
        filters: Channels at each size, from the image down; each size is half the one before.
        levels: Number of levels of maps at each of these sizes, in the same order. `(1, 1)` gives
            codes of 32, 7x7x4 and 14x14x4 elements for 28x28 images.
        decoder_heads: Outputs of the decoder, as many as the likelihood takes.

    Returns:
        `(encoder, decoder)` for `keras_vae.LadderVAE`.

    Raises:
        ValueError: If `image_shape` is no image shape, or `levels` and `filters` differ in length.
    """
    shape = image_shape_of(image_shape)
    filters, levels = arguments.sizes("filters", filters), arguments.sizes("levels", levels, 0)
    latent_dim = arguments.integer("latent_dim", latent_dim)
    latent_channels = arguments.integer("latent_channels", latent_channels)
    decoder_heads = arguments.integer("decoder_heads", decoder_heads)
    if len(levels) != len(filters):
        raise UsageError(
            "Expected a number of levels, 0 or more, for each of the filters. "
            f"Received: levels={tuple(levels)}, filters={tuple(filters)}."
        )
    sizes = image_sizes(shape, len(filters))
    x = keras.Input(shape, name="x")
    features = _pyramid(x, filters)
    stages = [stage for stage in reversed(range(len(filters))) for _ in range(levels[stage])]
    # Each level leaves the state at the size of the next level, the last at half the image size.
    targets = [*stages, 0]
    made = [_top(features[-1], latent_dim, _Path(sizes, filters, len(filters) - 1, targets[0]))]
    for stage, target in zip(stages, targets[1:], strict=True):
        made.append(_map(features[stage], latent_channels, _Path(sizes, filters, stage, target)))
    encoder = keras.Model(x, [features[-1], *(features[s] for s in stages)], name="encoder")
    head = _head(sizes, filters[0], shape[-1], decoder_heads)
    return encoder, TopDown(made, head, name="decoder")


class _Path:
    """A path from one size of the pyramid up to another.

    `start` and `target` are numbers of halvings, minus 1.
    """

    def __init__(self, sizes: list[Size], filters: Sequence[int], start: int, target: int) -> None:
        self.sizes, self.filters, self.start, self.target = sizes, filters, start, target

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the state where the path starts."""
        return (*self.sizes[self.start + 1], self.filters[self.start])

    def grow(self, h: Tensor) -> Tensor:
        for stage in range(self.start - 1, self.target - 1, -1):
            h = _double_size(h, self.sizes[stage + 1])
            h = _block(h, self.filters[stage])
        return h


def _pyramid(x: Tensor, filters: Sequence[int]) -> list[Tensor]:
    """Return feature maps at each half size."""
    features = []
    for channels in filters:
        x = layers.Conv2D(channels, 3, strides=2, padding="same", data_format="channels_last")(x)
        x = _block(x, channels)
        features.append(x)
    return features


def _top(features: Tensor, latent_dim: int, path: _Path) -> Level:
    f, z = keras.Input(features.shape[1:]), keras.Input((latent_dim,))
    h = layers.Flatten(data_format="channels_last")(layers.Activation("silu")(f))
    q = codes(h, lambda name: layers.Dense(latent_dim, name=name), heads=2)
    h = layers.Reshape(path.shape)(layers.Dense(math.prod(path.shape))(z))
    return Level(keras.Model(f, q), keras.Model(z, path.grow(_block(h, path.shape[-1]))))


def _map(features: Tensor, channels: int, path: _Path) -> Level:
    f, state = keras.Input(features.shape[1:]), keras.Input(path.shape)
    z = keras.Input((*path.shape[:2], channels))
    width = path.shape[-1]
    joint = layers.Concatenate()([f, state])
    posterior = keras.Model([f, state], _heads(_block(joint, width), channels))
    prior = keras.Model(state, _heads(_block(state, width), channels))
    h = layers.Add()(
        [state, layers.Conv2D(width, 3, padding="same", data_format="channels_last")(z)]
    )
    merge = keras.Model([state, z], path.grow(_block(h, width)))
    return Level(posterior, merge, prior)


def _heads(h: Tensor, channels: int) -> Any:
    h = layers.Activation("silu")(h)
    return codes(
        h,
        lambda name: layers.Conv2D(
            channels, 3, padding="same", name=name, data_format="channels_last"
        ),
        heads=2,
    )


def _head(sizes: list[Size], width: int, channels: int, heads: int) -> keras.Model:
    state = keras.Input((*sizes[1], width))
    h = layers.Activation("silu")(_block(_double_size(state, sizes[0]), width))
    # PyTorch has no half-precision gradient of a convolution to one channel, so it is transposed.
    images = layers.Conv2DTranspose(
        channels * heads, 3, padding="same", data_format="channels_last"
    )(h)
    return keras.Model(state, split(images, heads))


def _double_size(h: Tensor, size: Size) -> Tensor:
    return crop(layers.UpSampling2D(2, data_format="channels_last")(h), size)


def _block(h: Tensor, channels: int) -> Tensor:
    """Apply a residual block of two convolutions."""
    branch = layers.Conv2D(channels, 3, padding="same", data_format="channels_last")(
        layers.Activation("silu")(h)
    )
    # Initial zeros make each block the identity, so that a deep stack does not explode.
    last = layers.Conv2D(
        channels, 3, padding="same", kernel_initializer="zeros", data_format="channels_last"
    )
    branch = last(layers.Activation("silu")(branch))
    around = (
        h
        if h.shape[-1] == channels
        else layers.Conv2D(channels, 3, padding="same", data_format="channels_last")(h)
    )
    return layers.Add()([around, branch])
