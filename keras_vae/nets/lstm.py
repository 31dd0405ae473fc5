"""LSTM networks for sequences."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_vae.nets.heads import codes
from keras_vae.nets.sequence import (
    SinusoidalPositions,
    embed,
    embed_previous,
    inputs_with_mask,
    mask_shape,
    output,
    read_present,
    real_steps,
    sequence_shape,
    token_shape,
)
from keras_vae.validation import arguments

Networks = tuple[keras.Model, keras.Model]


@keras.saving.register_keras_serializable("keras_vae")
class Orthogonal(keras.initializers.Orthogonal):
    """The orthogonal initializer of Keras, computed in float32.

    Half precision has no QR decomposition.
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Return an orthogonal matrix of this shape."""
        if dtype not in ("float16", "bfloat16"):
            return super().__call__(shape, dtype)
        return keras.ops.cast(super().__call__(shape, "float32"), dtype)


def lstm(
    shape: Sequence[int],
    latent_dim: int,
    units: Sequence[int] = (64,),
    heads: int = 1,
    decoder_heads: int = 1,
    masked: bool | str = False,
    bidirectional: bool = True,
    unroll: bool = False,
    vocabulary_size: int | None = None,
) -> Networks:
    """Return an LSTM encoder and decoder, from a sequence to one code and back.

    The last state of the encoder becomes the code. The input of each step of the decoder is the
    code and the number of the step, so the decoder does not depend on its own outputs. With a
    `vocabulary_size`, x are tokens, and the decoder takes codes and tokens and returns logits.
    The logits of a step depend on the tokens before it.

    Source: Srivastava et al. 2015 (arXiv:1502.04681).

    Example:
        >>> encoder, decoder = keras_vae.nets.lstm((40, 3), latent_dim=8)
        >>> encoder.output_shape, decoder.output_shape
        ((None, 8), (None, 40, 3))

    Args:
        shape: `(time, features)`; for tokens `(time,)`.
        latent_dim: Size of the code.
        units: Widths of the LSTM layers of the encoder; the decoder has the reverse order.
        heads: Outputs of the encoder: 1 for a code, 2 for z_mean and z_log_var.
        decoder_heads: Outputs of the decoder, as many as the likelihood takes.
        masked: True if both networks take a second input, a mask `(batch, time)` with 1 for real
            time steps and 0 for padding. "features" if it is `(batch, time, features)`, with 0
            for each missing value.
        bidirectional: Whether the encoder also reads from the end.
        unroll: Whether the steps become layers of the graph in place of a loop. The graph is
            larger and slower to build; int8 files for devices need it.
        vocabulary_size: Number of tokens; None if steps are vectors.

    Returns:
        `(encoder, decoder)`, from `(batch, *shape)` to `(batch, latent_dim)` and back.

    Raises:
        ValueError: If `shape` is not `(time, features)` or `units` is empty.
    """
    units = arguments.sizes("units", units)
    bidirectional = arguments.flag("bidirectional", bidirectional)
    unroll = arguments.flag("unroll", unroll)
    latent_dim = arguments.integer("latent_dim", latent_dim)
    decoder_heads = arguments.integer("decoder_heads", decoder_heads)
    if vocabulary_size is None:
        time, features = sequence_shape(shape)
        of_mask = mask_shape(masked, time, features, tokens=False)
        inputs, x, mask = inputs_with_mask("x", (time, features), of_mask)
        h = read_present(x, mask)
    else:
        time, features = token_shape(shape, vocabulary_size)
        of_mask = mask_shape(masked, time, features, tokens=True)
        inputs, x, mask = inputs_with_mask("x", (time,), of_mask, "int32")
        h = embed(x, mask, vocabulary_size, units[0])
    steps = real_steps(mask)
    for number, width in enumerate(units, start=1):
        layer = _layer(width, number < len(units), unroll)
        h = (_both_ways(layer) if bidirectional else layer)(h, mask=steps)
    z = codes(h, lambda name: layers.Dense(latent_dim, name=name), heads)
    encoder = keras.Model(inputs, z, name="encoder")

    of_mask = None if vocabulary_size else of_mask
    inputs, code, mask = inputs_with_mask("z", (latent_dim,), of_mask)
    steps = real_steps(mask)
    h = layers.RepeatVector(time)(layers.Dense(units[-1], name="start")(code))
    if vocabulary_size is not None:
        tokens = keras.Input((time,), name="tokens", dtype="int32")
        inputs, h = [code, tokens], h + embed_previous(tokens, vocabulary_size, units[-1])
    h = SinusoidalPositions()(h)
    for width in reversed(units):
        h = _layer(width, True, unroll)(h, mask=steps)
    return encoder, keras.Model(inputs, output(h, features, decoder_heads), name="decoder")


def _layer(width: int, sequences: bool, unroll: bool) -> layers.LSTM:
    return layers.LSTM(
        width, return_sequences=sequences, unroll=unroll, recurrent_initializer=Orthogonal()
    )


def _both_ways(layer: layers.LSTM) -> layers.Bidirectional:
    """Return a layer that also reads from the end.

    With PyTorch, Keras 3.15 cannot reverse the mask of unrolled steps, so that layer has a loop.
    """
    both = layers.Bidirectional(layer)
    if keras.backend.backend() == "torch":
        both.backward_layer.unroll = False
    return both
