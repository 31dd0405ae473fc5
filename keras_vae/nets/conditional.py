"""Networks of a conditional model, made from those of another builder."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from keras_vae.errors import UsageTypeError
from keras_vae.validation import arguments

Networks = tuple[keras.Model, keras.Model]


def conditional(
    builder: Callable[..., Networks],
    shape: Sequence[int],
    latent_dim: int,
    condition_dim: int,
    heads: int = 2,
    **kwargs: Any,
) -> Networks:
    """Return an encoder and a decoder with a condition, for `keras_vae.ConditionalVAE`.

    The condition is a vector, such as a one-hot label. For the encoder it is repeated over the
    pixels as additional channels. For the decoder it is concatenated with the code.

    Example:
        >>> networks = keras_vae.nets.conditional(keras_vae.nets.conv, (28, 28, 1), 16, 10)

    Args:
        builder: `dense`, `conv`, `gated_dense`, or another function with their arguments.
        shape: Shape of an example, without the batch axis.
        latent_dim: Size of the code.
        condition_dim: Size of the condition.
        heads: Outputs of the encoder: 1 for a code, 2 for z_mean and z_log_var.
        **kwargs: Other arguments of `builder`.

    Returns:
        `(encoder, decoder)`, from `[x, condition]` to codes and from `[z, condition]` to the
        parameters of p(x | z, condition).

    Raises:
        TypeError: If `builder` is no function.
        ValueError: If a size is no positive integer.
    """
    latent_dim = arguments.integer("latent_dim", latent_dim)
    condition_dim = arguments.integer("condition_dim", condition_dim)
    shape = arguments.shape("shape", shape)
    if not callable(builder):
        raise UsageTypeError(
            "Expected builder to be a function such as keras_vae.nets.dense. "
            f"Received: {builder!r}."
        )
    wider = (*shape[:-1], shape[-1] + condition_dim)
    encoder, _ = builder(wider, latent_dim, heads=heads, **kwargs)
    _, decoder = builder(shape, latent_dim + condition_dim, heads=heads, **kwargs)
    x = keras.Input(tuple(shape), name="x")
    z = keras.Input((latent_dim,), name="z")
    condition = keras.Input((condition_dim,), name="condition")
    encoder_input = layers.Concatenate()([x, _repeat_over_pixels(condition, tuple(shape[:-1]))])
    decoder_input = layers.Concatenate()([z, condition])
    return (
        keras.Model([x, condition], encoder(encoder_input), name="encoder"),
        keras.Model([z, condition], decoder(decoder_input), name="decoder"),
    )


def _repeat_over_pixels(condition: Any, axes: tuple[int, ...]) -> Any:
    """Repeat a condition at each place: `(batch, n)` to `(batch, *axes, n)`."""
    for axis, size in enumerate(axes, start=1):
        condition = ops.repeat(ops.expand_dims(condition, axis), size, axis=axis)
    return condition
