"""Gated dense networks, as in the likelihood tables of the VampPrior paper."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_vae.nets.dense import event_shape
from keras_vae.nets.heads import codes, split
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


def gated_dense(
    shape: Sequence[int],
    latent_dim: int = 40,
    hidden: Sequence[int] = (300, 300),
    heads: int = 2,
    decoder_heads: int = 1,
) -> tuple[keras.Model, keras.Model]:
    """Return an encoder and a decoder of gated layers, h = (W x + b) * sigmoid(V x + c).

    Sources: Dauphin et al. 2017 (arXiv:1612.08083) for the layers. Tomczak & Welling 2018
    (arXiv:1705.07120) for VAE networks with widths 300-300 and 40-dimensional codes.

    Example:
        >>> encoder, decoder = keras_vae.nets.gated_dense((784,), latent_dim=40)
        >>> model = keras_vae.VAE(encoder, decoder)

    Args:
        shape: Shape of an example, without the batch axis.
        latent_dim: Size of the code.
        hidden: Widths of the layers of the encoder; the decoder mirrors them.
        heads: Outputs of the encoder: 1 for a code, 2 for z_mean and z_log_var.
        decoder_heads: Outputs of the decoder, as many as the likelihood takes.

    Returns:
        `(encoder, decoder)`, from `(batch, *shape)` to `(batch, latent_dim)` and back.

    Raises:
        ValueError: If `shape` is no shape of an example, or a number is less than 1.
    """
    latent_dim = arguments.integer("latent_dim", latent_dim)
    decoder_heads = arguments.integer("decoder_heads", decoder_heads)
    hidden = arguments.sizes("hidden", hidden, some=False)
    shape = event_shape(shape)
    x = keras.Input(shape, name="x")
    features = gated_layers(
        layers.Flatten(data_format="channels_last")(x) if len(shape) > 1 else x, hidden
    )
    code = codes(features, lambda name: layers.Dense(latent_dim, name=name), heads)
    z = keras.Input((latent_dim,), name="z")
    flat = layers.Dense(math.prod(shape) * decoder_heads)(gated_layers(z, hidden[::-1]))
    events = layers.Reshape((*shape[:-1], shape[-1] * decoder_heads))(flat)
    decoder = keras.Model(z, split(events, decoder_heads), name="decoder")
    return keras.Model(x, code, name="encoder"), decoder


def gated_layers(h: Tensor, widths: Sequence[int]) -> Tensor:
    """Apply gated layers of these widths to `h`."""
    for width in widths:
        h = layers.Multiply()([layers.Dense(width)(h), layers.Dense(width, "sigmoid")(h)])
    return h
