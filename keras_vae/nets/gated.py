"""Gated dense networks, the ones of the likelihood tables of the VampPrior paper."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_vae import arguments
from keras_vae.nets.dense import event_shape
from keras_vae.nets.heads import codes, split

Tensor = Any


def gated_dense(
    shape: Sequence[int],
    latent_dim: int = 40,
    hidden: Sequence[int] = (300, 300),
    heads: int = 2,
    decoder_heads: int = 1,
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder of gated layers, h = (W x + b) * sigmoid(V x + c).

    Source: Dauphin et al. 2017 (arXiv:1612.08083); as VAE networks, 300-300 and 40 latents, in
    Tomczak & Welling 2018 (arXiv:1705.07120).

    Args:
        shape: Shape of an example, without the batch.
        latent_dim: Size of the code.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        heads: Outputs of the encoder: 1 for a code, 2 for z_mean and z_log_var.
        decoder_heads: Outputs of the decoder, as many as the likelihood takes.

    Returns:
        `(encoder, decoder)`, from `(batch, *shape)` to `(batch, latent_dim)` and back.
    """
    latent_dim = arguments.whole("latent_dim", latent_dim)
    decoder_heads = arguments.whole("decoder_heads", decoder_heads)
    hidden = arguments.sizes("hidden", hidden, some=False)
    x = keras.Input(event_shape(shape), name="x")
    features = gates(layers.Flatten()(x) if len(shape) > 1 else x, hidden)
    code = codes(features, lambda name: layers.Dense(latent_dim, name=name), heads)
    z = keras.Input((latent_dim,), name="z")
    flat = layers.Dense(math.prod(shape) * decoder_heads)(gates(z, hidden[::-1]))
    events = layers.Reshape((*shape[:-1], shape[-1] * decoder_heads))(flat)
    decoder = keras.Model(z, split(events, decoder_heads), name="decoder")
    return keras.Model(x, code, name="encoder"), decoder


def gates(h: Tensor, widths: Sequence[int]) -> Tensor:
    """Gated layers of these widths on `h`."""
    for width in widths:
        h = layers.Multiply()([layers.Dense(width)(h), layers.Dense(width, "sigmoid")(h)])
    return h
