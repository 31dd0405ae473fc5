"""Convolutional networks for series, images and volumes; each stage halves all sizes."""

import functools
import math
from collections.abc import Callable, Sequence

import keras
from keras import layers

from keras_vae.base.network_defaults import activation_or_default
from keras_vae.errors import UsageError
from keras_vae.nets.heads import codes, split
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

Size = tuple[int, ...]

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}

CONTEXT_CHANNELS = 32  # Channels of each place that depend on all other places.


def conv(
    image_shape: Sequence[int],
    latent_dim: int,
    filters: Sequence[int] = (32, 64),
    hidden: int = 128,
    heads: int = 1,
    decoder_heads: int = 1,
    kernel: int = 3,
    activation: str | None = None,
    decoder_hidden: Sequence[int] = (),
) -> tuple[keras.Model, keras.Model]:
    """Return a convolutional encoder and a mirrored decoder of transposed convolutions.

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((64, 64, 3), latent_dim=32, filters=(32, 64))
        >>> encoder.output_shape, decoder.output_shape
        ((None, 32), (None, 64, 64, 3))
        >>> encoder, decoder = keras_vae.nets.conv((100, 2), latent_dim=8)
        >>> encoder.output_shape, decoder.output_shape
        ((None, 8), (None, 100, 2))

    Args:
        image_shape: `(height, width, channels)`, for series `(length, channels)`, and for volumes
            `(depth, height, width, channels)`. Sizes need not be powers of two.
        latent_dim: Size of the code.
        filters: Channels of the strided convolutions, from image to code.
        hidden: Width of the dense layer before the code.
        heads: Outputs of the encoder: 1 for a code, 2 for z_mean and z_log_var.
        decoder_heads: Outputs of the decoder, as many as the likelihood takes.
        kernel: Side of the convolutions' kernels, in pixels or steps.
        activation: Activation of the hidden layers; None for "leaky_relu".
        decoder_hidden: Widths of dense layers between the code and the smallest feature map.

    Returns:
        `(encoder, decoder)`, from `(batch, *image_shape)` to `(batch, latent_dim)` and back.

    Raises:
        ValueError: If `image_shape` is none of these shapes or `filters` is empty.
    """
    decoder_heads = arguments.integer("decoder_heads", decoder_heads)
    encoder = conv_encoder(image_shape, latent_dim, filters, hidden, heads, kernel, activation)
    decoder = conv_decoder(
        image_shape, latent_dim, filters, decoder_heads, kernel, activation, decoder_hidden
    )
    return encoder, decoder


def conv_encoder(
    image_shape: Sequence[int],
    latent_dim: int,
    filters: Sequence[int] = (32, 64),
    hidden: int = 128,
    heads: int = 1,
    kernel: int = 3,
    activation: str | None = None,
) -> keras.Model:
    """Return the encoder of `conv`; arguments and errors are those of `conv`.

    Example:
        >>> keras_vae.nets.conv_encoder((28, 28, 1), latent_dim=16).output_shape
        (None, 16)
    """
    x = keras.Input(grid_shape_of(image_shape), name="x")
    latent_dim, hidden = (
        arguments.integer("latent_dim", latent_dim),
        arguments.integer("hidden", hidden),
    )
    activation = activation_or_default(activation)
    maps = _down(x, filters, kernel, activation)
    h = layers.Dense(hidden, activation)(layers.Flatten(data_format="channels_last")(maps))
    z = codes(h, lambda name: layers.Dense(latent_dim, name=name), heads)
    return keras.Model(x, z, name="encoder")


def conv_decoder(
    image_shape: Sequence[int],
    latent_dim: int,
    filters: Sequence[int] = (32, 64),
    heads: int = 1,
    kernel: int = 3,
    activation: str | None = None,
    hidden: Sequence[int] = (),
) -> keras.Model:
    """Return the decoder of `conv`.

    `filters` are in the order of the encoder, `hidden` in the order from the code on. Other
    arguments and errors are those of `conv`.

    Example:
        >>> keras_vae.nets.conv_decoder((28, 28, 1), latent_dim=16).input_shape
        (None, 16)
    """
    filters, heads = arguments.sizes("filters", filters), arguments.integer("heads", heads)
    sizes = image_sizes(grid_shape_of(image_shape), len(filters))
    z = keras.Input((arguments.integer("latent_dim", latent_dim),), name="z")
    smallest = (*sizes[-1], filters[-1])
    activation = activation_or_default(activation)
    h = z
    for width in arguments.sizes("hidden", hidden, some=False):
        h = layers.Dense(width, activation)(h)
    h = layers.Dense(math.prod(smallest), activation)(h)
    channels = image_shape[-1] * heads
    images = _up(layers.Reshape(smallest)(h), sizes, filters, channels, kernel, activation)
    return keras.Model(z, split(images, heads), name="decoder")


def conv_map(
    image_shape: Sequence[int],
    latent_channels: int,
    filters: Sequence[int] = (32, 64),
    heads: int = 1,
    decoder_heads: int = 1,
    kernel: int = 3,
    context: int = 0,
    activation: str | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Return networks like `conv`, with a feature map as the code.

    For 28x28 images and two stages the code is 7x7x`latent_channels`. For series of 28 steps it
    is 7x`latent_channels`.

    Example:
        >>> encoder, decoder = keras_vae.nets.conv_map((28, 28, 1), latent_channels=4)
        >>> encoder.output_shape, decoder.output_shape
        ((None, 7, 7, 4), (None, 28, 28, 1))

    Args:
        image_shape: As in `conv`.
        latent_channels: Channels of the code.
        filters: As in `conv`.
        heads: As in `conv`.
        decoder_heads: As in `conv`.
        kernel: Side of the kernels of the strided convolutions, in pixels.
        context: Width of a dense layer before the code and of one after it, through which each
            place depends on all others. This helps against strong noise, for example. 0 for none.
        activation: As in `conv`.

    Returns:
        `(encoder, decoder)`, from `(batch, *image_shape)` to
        `(batch, height / 2^stages, width / 2^stages, latent_channels)` (rounded up) and back,
        with as many sizes as `image_shape` has.

    Raises:
        ValueError: As in `conv`.
    """
    shape, filters = grid_shape_of(image_shape), arguments.sizes("filters", filters)
    latent_channels = arguments.integer("latent_channels", latent_channels)
    decoder_heads = arguments.integer("decoder_heads", decoder_heads)
    sizes = image_sizes(shape, len(filters))
    activation = activation_or_default(activation)
    x = keras.Input(shape, name="x")

    def code(name: str) -> layers.Layer:
        return _convolution(x)(latent_channels, 3, name=name)

    z = keras.Input((*sizes[-1], latent_channels), name="z")
    if context:  # Another convolution would make training slower.
        h = _add_context(layers.Activation(activation)(z), context, activation)
    else:
        h = _convolution(z, "Transpose")(filters[-1], 3, activation=activation)(z)
    channels = shape[-1] * decoder_heads
    images = split(_up(h, sizes, filters, channels, kernel, activation), decoder_heads)
    maps = _add_context(_down(x, filters, kernel, activation), context, activation)
    encoder = keras.Model(x, codes(maps, code, heads), name="encoder")
    return encoder, keras.Model(z, images, name="decoder")


def image_shape_of(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return `shape` as a tuple; raise ValueError unless it is (height, width, channels)."""
    axes = ("height", "width", "channels")
    return arguments.shape("image_shape", shape, axes, (28, 28, 1))


def grid_shape_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Return `shape` as a tuple; raise ValueError unless it has one to three sizes and channels."""
    axes = AXES.get(len(shape) - 1 if arguments.is_list(shape) else 0)
    if axes is None:
        raise UsageError(
            "Expected image_shape to be (height, width, channels), for series (length, channels), "
            f"or for volumes (depth, height, width, channels). Received: image_shape={shape!r}."
        )
    return arguments.shape("image_shape", shape, (*axes, "channels"), (*[28] * len(axes), 1))


def image_sizes(image_shape: Sequence[int], stages: int) -> list[Size]:
    """Return the sizes before and after each stage, without channels; odd ones are rounded up."""
    sizes = [tuple(image_shape[:-1])]
    for _ in range(stages):
        sizes.append(tuple((size + 1) // 2 for size in sizes[-1]))
    return sizes


def _down(x: Tensor, filters: Sequence[int], kernel: int, activation: str) -> Tensor:
    kernel = arguments.integer("kernel", kernel)
    for channels in arguments.sizes("filters", filters):
        x = _convolution(x)(channels, kernel, strides=2, activation=activation)(x)
    return x


def _up(
    h: Tensor,
    sizes: Sequence[Size],
    filters: Sequence[int],
    channels: int,
    kernel: int,
    activation: str,
) -> Tensor:
    """Double the size once in each stage; the last stage has `channels` and no activation."""
    for stage in reversed(range(len(filters))):
        last = stage == 0
        h = _convolution(h, "Transpose")(
            channels if last else filters[stage - 1],
            arguments.integer("kernel", kernel),
            strides=2,
            activation=None if last else activation,
        )(h)
        h = crop(h, sizes[stage])
    return h


def _add_context(h: Tensor, width: int, activation: str) -> Tensor:
    """Add to feature maps a convolution of these maps and of a summary of all places."""
    width = arguments.integer("context", width, 0)
    if width == 0:
        return h
    *places, channels = h.shape[1:]
    summary = layers.Dense(width, activation)(layers.Flatten(data_format="channels_last")(h))
    context = layers.Dense(math.prod(places) * CONTEXT_CHANNELS)(summary)
    both = layers.Concatenate()([h, layers.Reshape((*places, CONTEXT_CHANNELS))(context)])
    change = _convolution(h)(channels, 3)(layers.Activation(activation)(both))
    return layers.Activation(activation)(layers.Add()([h, change]))


def _convolution(h: Tensor, kind: str = "") -> Callable[..., layers.Layer]:
    """Return what makes a layer for feature maps such as `h`: Conv2D for two sizes."""
    made = getattr(layers, f"Conv{len(h.shape) - 2}D{kind}")
    return functools.partial(made, padding="same", data_format="channels_last")


def crop(h: Tensor, size: Size) -> Tensor:
    """Drop the last place of each size that doubling a rounded-up size made one too large."""
    excess = [(0, found - wanted) for found, wanted in zip(h.shape[1:], size, strict=False)]
    if not any(after for _, after in excess):
        return h
    if len(size) == 1:  # Cropping1D takes no list of sizes and no data_format.
        return layers.Cropping1D(excess[0])(h)
    made = getattr(layers, f"Cropping{len(size)}D")
    return made(tuple(excess), data_format="channels_last")(h)
