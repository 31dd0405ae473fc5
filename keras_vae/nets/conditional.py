"""Networks of a conditional model, from any pair of networks."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from keras_vae import arguments

Networks = tuple[keras.Model, keras.Model]


def conditional(
    builder: Callable[..., Networks],
    shape: Sequence[int],
    latent_dim: int,
    condition_dim: int,
    heads: int = 2,
    **kwargs: Any,
) -> Networks:
    """Encoder and decoder that also see a condition, as `keras_vae.ConditionalVAE` takes them.

    The condition, a vector such as a one-hot label, is repeated over the pixels as channels more
    for the encoder, and joined to the code for the decoder.

    Example:
        >>> networks = keras_vae.nets.conditional(keras_vae.nets.conv, (28, 28, 1), 16, 10)

    Args:
        builder: `dense`, `conv`, `gated_dense` or another function with their arguments.
        shape: Shape of an example, without the batch.
        latent_dim: Size of the code.
        condition_dim: Size of the condition.
        heads: Outputs of the encoder.
        **kwargs: Of `builder`.

    Returns:
        `(encoder, decoder)`, from `[x, condition]` to codes and from `[z, condition]` to events.
    """
    latent_dim = arguments.whole("latent_dim", latent_dim)
    condition_dim = arguments.whole("condition_dim", condition_dim)
    shape = arguments.shape("shape", shape)
    if not callable(builder):
        raise TypeError(
            "Expected builder to be a function such as keras_vae.nets.dense. "
            f"Received: {builder!r}."
        )
    wider = (*shape[:-1], shape[-1] + condition_dim)
    encoder, _ = builder(wider, latent_dim, heads=heads, **kwargs)
    _, decoder = builder(shape, latent_dim + condition_dim, heads=heads, **kwargs)
    x = keras.Input(tuple(shape), name="x")
    z = keras.Input((latent_dim,), name="z")
    condition = keras.Input((condition_dim,), name="condition")
    seen = layers.Concatenate()([x, _spread(condition, tuple(shape[:-1]))])
    given = layers.Concatenate()([z, condition])
    return (
        keras.Model([x, condition], encoder(seen), name="encoder"),
        keras.Model([z, condition], decoder(given), name="decoder"),
    )


def _spread(condition: Any, places: tuple[int, ...]) -> Any:
    """The condition at each place: `(batch, n)` to `(batch, *places, n)`."""
    for axis, size in enumerate(places, start=1):
        condition = ops.repeat(ops.expand_dims(condition, axis), size, axis=axis)
    return condition
