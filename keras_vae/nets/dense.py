"""Fully connected networks, for vectors and for data that are flattened."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_vae.base.network_defaults import activation_or_default
from keras_vae.nets.heads import codes, split
from keras_vae.validation import arguments


def dense(
    shape: Sequence[int],
    latent_dim: int,
    hidden: Sequence[int] = (256, 128),
    heads: int = 1,
    decoder_heads: int = 1,
    activation: str | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Return a fully connected encoder and a mirrored decoder.

    Example:
        >>> encoder, decoder = keras_vae.nets.dense((28, 28, 1), latent_dim=16)
        >>> encoder.output_shape, decoder.output_shape
        ((None, 16), (None, 28, 28, 1))

    Args:
        shape: Shape of an example without the batch axis, such as `(64,)` or `(28, 28, 1)`.
        latent_dim: Size of the code.
        hidden: Widths of the hidden layers of the encoder; `()` makes both networks linear.
        heads: Outputs of the encoder: 1 for a code, 2 for z_mean and z_log_var.
        decoder_heads: Outputs of the decoder, as many as the likelihood takes.
        activation: Activation of the hidden layers; None for "leaky_relu".

    Returns:
        `(encoder, decoder)`, from `(batch, *shape)` to `(batch, latent_dim)` and back.

    Raises:
        ValueError: If `shape` is no shape or a size is not positive.
    """
    hidden = arguments.sizes("hidden", hidden, some=False)
    decoder_heads = arguments.integer("decoder_heads", decoder_heads)
    encoder = dense_encoder(shape, latent_dim, hidden, heads, activation)
    return encoder, dense_decoder(shape, latent_dim, hidden[::-1], decoder_heads, activation)


def dense_encoder(
    shape: Sequence[int],
    latent_dim: int,
    hidden: Sequence[int] = (256, 128),
    heads: int = 1,
    activation: str | None = None,
) -> keras.Model:
    """Return the encoder of `dense`; arguments and errors are those of `dense`.

    Example:
        >>> keras_vae.nets.dense_encoder((784,), latent_dim=16).output_shape
        (None, 16)
    """
    latent_dim = arguments.integer("latent_dim", latent_dim)
    hidden = arguments.sizes("hidden", hidden, some=False)
    x = keras.Input(event_shape(shape), name="x")
    h = layers.Flatten(data_format="channels_last")(x) if len(shape) > 1 else x
    for width in hidden:
        h = layers.Dense(width, activation_or_default(activation))(h)
    z = codes(h, lambda name: layers.Dense(latent_dim, name=name), heads)
    return keras.Model(x, z, name="encoder")


def dense_decoder(
    shape: Sequence[int],
    latent_dim: int,
    hidden: Sequence[int] = (128, 256),
    heads: int = 1,
    activation: str | None = None,
) -> keras.Model:
    """Return the decoder of `dense`; `hidden` is in the order from code to data.

    Other arguments and errors are those of `dense`.

    Example:
        >>> keras_vae.nets.dense_decoder((784,), latent_dim=16).input_shape
        (None, 16)
    """
    shape, hidden = event_shape(shape), arguments.sizes("hidden", hidden, some=False)
    heads = arguments.integer("heads", heads)
    z = keras.Input((arguments.integer("latent_dim", latent_dim),), name="z")
    h = z
    for width in hidden:
        h = layers.Dense(width, activation_or_default(activation))(h)
    flat = layers.Dense(math.prod(shape) * heads)(h)
    events = layers.Reshape((*shape[:-1], shape[-1] * heads))(flat)
    return keras.Model(z, split(events, heads), name="decoder")


def event_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Return `shape` as a tuple; raise ValueError unless it has positive integers."""
    return arguments.shape("shape", shape)
