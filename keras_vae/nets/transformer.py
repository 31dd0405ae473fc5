"""Attention networks for sequences."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

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

Tensor = Any


def transformer(
    shape: Sequence[int],
    latent_dim: int,
    width: int = 64,
    blocks: int = 2,
    attention_heads: int = 4,
    heads: int = 1,
    decoder_heads: int = 1,
    masked: bool = False,
    vocabulary_size: int | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Transformer encoder and decoder, a sequence to one code and back (Vaswani et al. 2017).

    Each block normalizes before it attends (Xiong et al. 2020). The encoder's code comes from the
    mean over the steps that there are; the decoder's steps start from the code and their number
    and attend to each other, all at once. With a `vocabulary_size`, x are tokens, and the decoder
    takes codes and tokens and gives logits for each step, which looks at tokens before it alone.

    Args:
        shape: `(time, features)`; of tokens `(time,)`.
        latent_dim: Size of the code.
        width: Features of a step inside.
        blocks: How many blocks each network has.
        attention_heads: Heads of an attention layer; they divide `width`.
        heads: Outputs of the encoder, 2 for z_mean and z_log_var.
        decoder_heads: Outputs of the decoder.
        masked: Whether both networks take a second input, `(batch, time)`, 1 for steps that
            there are and 0 for padding.
        vocabulary_size: How many tokens there are, for sequences of them.

    Returns:
        `(encoder, decoder)`.

    Raises:
        ValueError: If `shape` is not `(time, features)` or the heads do not divide `width`.
    """
    latent_dim = arguments.whole("latent_dim", latent_dim)
    blocks = arguments.whole("blocks", blocks, 0)
    decoder_heads = arguments.whole("decoder_heads", decoder_heads)
    width = arguments.whole("width", width)
    attention_heads = arguments.whole("attention_heads", attention_heads)
    if width % attention_heads:
        raise ValueError(
            "Expected attention_heads that divide width. Received: "
            f"attention_heads={attention_heads}, width={width}."
        )
    if vocabulary_size is None:
        time, features = sequence_shape(shape)
        inputs, x, steps = masked_inputs("x", (time, features), time, masked)
        h = layers.Dense(width, name="embedding")(without_padding(x, steps))
    else:
        time, features = token_shape(shape, vocabulary_size)
        inputs, x, steps = masked_inputs("x", (time,), time, masked, "int32")
        h = embedded(x, steps, vocabulary_size, width)
    h = attention_blocks(SinusoidalPositions()(h), blocks, attention_heads, steps)
    z = codes(_mean(h, steps), lambda name: layers.Dense(latent_dim, name=name), heads)
    encoder = keras.Model(inputs, z, name="encoder")

    inputs, code, steps = masked_inputs("z", (latent_dim,), time, masked and not vocabulary_size)
    h = layers.RepeatVector(time)(layers.Dense(width, name="start")(code))
    if vocabulary_size is not None:
        tokens = keras.Input((time,), name="tokens", dtype="int32")
        inputs, h = [code, tokens], h + embedded_before(tokens, vocabulary_size, width)
    causal = vocabulary_size is not None
    h = attention_blocks(SinusoidalPositions()(h), blocks, attention_heads, steps, causal)
    return encoder, keras.Model(inputs, output(h, features, decoder_heads), name="decoder")


def attention_blocks(
    h: Tensor, count: int, attention_heads: int, steps: Tensor | None, causal: bool = False
) -> Tensor:
    """Attention and a dense layer, `count` times, each added to what it was given.

    Args:
        h: `(batch, time, width)`.
        count: How many blocks.
        attention_heads: Heads of an attention layer.
        steps: Which steps may be looked at, bool `(batch, time)`; None for all.
        causal: Whether a step looks only at itself and those before it.
    """
    width = h.shape[-1]
    # Which steps may be looked at, from each step.
    seen = None if steps is None else ops.expand_dims(steps, 1)
    for _ in range(count):
        normal = layers.LayerNormalization()(h)
        attention = layers.MultiHeadAttention(attention_heads, width // attention_heads)
        h = h + attention(normal, normal, attention_mask=seen, use_causal_mask=causal)
        normal = layers.LayerNormalization()(h)
        h = h + layers.Dense(width)(layers.Dense(2 * width, "relu")(normal))
    return layers.LayerNormalization()(h)


def _mean(h: Tensor, steps: Tensor | None) -> Tensor:
    """The mean over the steps that there are, `(batch, time, width)` to `(batch, width)`."""
    if steps is None:
        return ops.mean(h, axis=1)
    count = ops.sum(ops.cast(steps, h.dtype), axis=1, keepdims=True)
    return ops.sum(without_padding(h, steps), axis=1) / ops.maximum(count, 1.0)
