"""The gated dense ladder: features from the bottom up, levels of codes from the top down."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_vae.nets.dense import event_shape
from keras_vae.nets.gated import gated_layers
from keras_vae.nets.heads import codes, split
from keras_vae.nets.top_down import Level, TopDown
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


def gated_ladder(
    shape: Sequence[int],
    latent_dims: Sequence[int] = (40, 40),
    width: int = 300,
    decoder_heads: int = 1,
) -> tuple[keras.Model, TopDown]:
    """Return gated dense networks with one level of codes for each of `latent_dims`.

    Two levels of 40 are close to the HVAE of Tomczak & Welling 2018 (arXiv:1705.07120). Each
    posterior and each conditional density has two or three gated layers. One level gives the
    networks of `gated_dense` with `hidden=(width, width)`.

    Example:
        >>> encoder, decoder = keras_vae.nets.gated_ladder((784,), latent_dims=(40, 20))
        >>> model = keras_vae.LadderVAE(encoder, decoder)
        >>> model.latent_shape
        (60,)

    Args:
        shape: Shape of an example, without the batch axis.
        latent_dims: Sizes of the codes, from the top level to the bottom.
        width: Width of all hidden layers.
        decoder_heads: Outputs of the decoder, as many as the likelihood takes.

    Returns:
        `(encoder, decoder)` for `keras_vae.LadderVAE`.

    Raises:
        ValueError: If there is no level or `shape` is no shape.
    """
    latent_dims = arguments.sizes("latent_dims", latent_dims)
    width = arguments.integer("width", width)
    decoder_heads = arguments.integer("decoder_heads", decoder_heads)
    shape = event_shape(shape)
    x = keras.Input(shape, name="x")
    h = layers.Flatten(data_format="channels_last")(x) if len(shape) > 1 else x
    features: list[Tensor] = []
    for _ in latent_dims:
        h = gated_layers(h, (width,))
        features.insert(0, h)
    top, *below = latent_dims
    levels = [_top(top, width), *(_below(dim, width) for dim in below)]
    return keras.Model(x, features, name="encoder"), TopDown(
        levels, _head(shape, width, decoder_heads), name="decoder"
    )


def _top(latent_dim: int, width: int) -> Level:
    z = keras.Input((latent_dim,))
    merge = keras.Model(z, gated_layers(z, (width, width)))
    return Level(_posterior([keras.Input((width,))], latent_dim, width), merge)


def _below(latent_dim: int, width: int) -> Level:
    state, z = keras.Input((width,)), keras.Input((latent_dim,))
    joint = layers.Concatenate()([state, gated_layers(z, (width,))])
    merge = keras.Model([state, z], gated_layers(joint, (width,)))
    inputs = [keras.Input((width,)), keras.Input((width,))]
    return Level(_posterior(inputs, latent_dim, width), merge, _prior(latent_dim, width))


def _posterior(inputs: list[Tensor], latent_dim: int, width: int) -> keras.Model:
    joint = layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
    q = codes(
        gated_layers(joint, (width,)), lambda name: layers.Dense(latent_dim, name=name), heads=2
    )
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], q)


def _prior(latent_dim: int, width: int) -> keras.Model:
    state = keras.Input((width,))
    return keras.Model(state, codes(state, lambda name: layers.Dense(latent_dim, name=name), 2))


def _head(shape: Sequence[int], width: int, heads: int) -> keras.Model:
    state = keras.Input((width,))
    flat = layers.Dense(math.prod(shape) * heads)(state)
    events = layers.Reshape((*shape[:-1], shape[-1] * heads))(flat)
    return keras.Model(state, split(events, heads))
