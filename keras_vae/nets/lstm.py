"""Recurrent networks for sequences."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_vae import arguments
from keras_vae.nets.heads import codes
from keras_vae.nets.sequence import (
    SinusoidalPositions,
    embedded,
    embedded_before,
    masked_inputs,
    output,
    sequence_shape,
    token_shape,
    without_padding,
)

Networks = tuple[keras.Model, keras.Model]


@keras.saving.register_keras_serializable("keras_vae")
class Orthogonal(keras.initializers.Orthogonal):
    """Keras's orthogonal matrix, made in float32: half precision has no QR decomposition."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """A matrix of this shape."""
        if dtype not in ("float16", "bfloat16"):
            return super().__call__(shape, dtype)
        return keras.ops.cast(super().__call__(shape, "float32"), dtype)


def lstm(
    shape: Sequence[int],
    latent_dim: int,
    units: Sequence[int] = (64,),
    heads: int = 1,
    decoder_heads: int = 1,
    masked: bool = False,
    bidirectional: bool = True,
    unroll: bool = False,
    vocabulary_size: int | None = None,
) -> Networks:
    """LSTM encoder and decoder, a sequence to one code and back (Srivastava et al. 2015).

    The encoder's last state becomes the code; the decoder starts each step from the code and the
    number of the step, so that all steps are decoded at once, without what was decoded before.
    With a `vocabulary_size`, x are tokens, and the decoder takes codes and tokens and gives logits
    for each step, of which those of a step depend on the tokens before it alone.

    Args:
        shape: `(time, features)`; of tokens `(time,)`.
        latent_dim: Size of the code.
        units: Widths of the LSTM layers of the encoder; the decoder has them in reverse.
        heads: Outputs of the encoder, 2 for z_mean and z_log_var.
        decoder_heads: Outputs of the decoder.
        masked: Whether both networks take a second input, `(batch, time)`, 1 for steps that
            there are and 0 for padding.
        bidirectional: Whether the encoder also reads from the end.
        unroll: Whether the steps become layers of the graph rather than a loop: larger, slower to
            make, and what int8 files for devices need.
        vocabulary_size: How many tokens there are, for sequences of them.

    Returns:
        `(encoder, decoder)`.

    Raises:
        ValueError: If `shape` is not `(time, features)` or `units` is empty.
    """
    units = arguments.sizes("units", units)
    bidirectional = arguments.flag("bidirectional", bidirectional)
    latent_dim = arguments.whole("latent_dim", latent_dim)
    decoder_heads = arguments.whole("decoder_heads", decoder_heads)
    if vocabulary_size is None:
        time, features = sequence_shape(shape)
        inputs, x, steps = masked_inputs("x", (time, features), time, masked)
        h = without_padding(x, steps)
    else:
        time, features = token_shape(shape, vocabulary_size)
        inputs, x, steps = masked_inputs("x", (time,), time, masked, "int32")
        h = embedded(x, steps, vocabulary_size, units[0])
    for number, width in enumerate(units, start=1):
        layer = _layer(width, number < len(units), unroll)
        h = (layers.Bidirectional(layer) if bidirectional else layer)(h, mask=steps)
    z = codes(h, lambda name: layers.Dense(latent_dim, name=name), heads)
    encoder = keras.Model(inputs, z, name="encoder")

    inputs, code, steps = masked_inputs("z", (latent_dim,), time, masked and not vocabulary_size)
    h = layers.RepeatVector(time)(layers.Dense(units[-1], name="start")(code))
    if vocabulary_size is not None:
        tokens = keras.Input((time,), name="tokens", dtype="int32")
        inputs, h = [code, tokens], h + embedded_before(tokens, vocabulary_size, units[-1])
    h = SinusoidalPositions()(h)
    for width in reversed(units):
        h = _layer(width, True, unroll)(h, mask=steps)
    return encoder, keras.Model(inputs, output(h, features, decoder_heads), name="decoder")


def _layer(width: int, sequences: bool, unroll: bool) -> layers.LSTM:
    return layers.LSTM(
        width, return_sequences=sequences, unroll=unroll, recurrent_initializer=Orthogonal()
    )
