"""Attention networks for sequences."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from keras_vae.nets.heads import codes
from keras_vae.nets.sequence import (
    SinusoidalPositions,
    masked_inputs,
    output,
    sequence_shape,
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
) -> tuple[keras.Model, keras.Model]:
    """Transformer encoder and decoder, a sequence to one code and back (Vaswani et al. 2017).

    Each block normalizes before it attends (Xiong et al. 2020). The encoder's code comes from the
    mean over the steps that there are; the decoder's steps start from the code and their number
    and attend to each other, all at once.

    Args:
        shape: `(time, features)`.
        latent_dim: Size of the code.
        width: Features of a step inside.
        blocks: How many blocks each network has.
        attention_heads: Heads of an attention layer; they divide `width`.
        heads: Outputs of the encoder, 2 for z_mean and z_log_var.
        decoder_heads: Outputs of the decoder.
        masked: Whether both networks take a second input, `(batch, time)`, 1 for steps that
            there are and 0 for padding.

    Returns:
        `(encoder, decoder)`.

    Raises:
        ValueError: If `shape` is not `(time, features)` or the heads do not divide `width`.
    """
    time, features = sequence_shape(shape)
    if width % attention_heads:
        raise ValueError(
            "Expected attention_heads that divide width. Received: "
            f"attention_heads={attention_heads}, width={width}."
        )
    inputs, x, steps = masked_inputs("x", (time, features), time, masked)
    h = layers.Dense(width, name="embedding")(without_padding(x, steps))
    h = attention_blocks(SinusoidalPositions()(h), blocks, attention_heads, steps)
    z = codes(_mean(h, steps), lambda name: layers.Dense(latent_dim, name=name), heads)
    encoder = keras.Model(inputs, z, name="encoder")

    inputs, code, steps = masked_inputs("z", (latent_dim,), time, masked)
    h = layers.RepeatVector(time)(layers.Dense(width, name="start")(code))
    h = attention_blocks(SinusoidalPositions()(h), blocks, attention_heads, steps)
    return encoder, keras.Model(inputs, output(h, features, decoder_heads), name="decoder")


def attention_blocks(h: Tensor, count: int, attention_heads: int, steps: Tensor | None) -> Tensor:
    """Attention and a dense layer, `count` times, each added to what it was given.

    Args:
        h: `(batch, time, width)`.
        count: How many blocks.
        attention_heads: Heads of an attention layer.
        steps: Which steps may be looked at, bool `(batch, time)`; None for all.
    """
    width = h.shape[-1]
    # Which steps may be looked at, from each step.
    seen = None if steps is None else ops.expand_dims(steps, 1)
    for _ in range(count):
        normal = layers.LayerNormalization()(h)
        attention = layers.MultiHeadAttention(attention_heads, width // attention_heads)
        h = h + attention(normal, normal, attention_mask=seen)
        normal = layers.LayerNormalization()(h)
        h = h + layers.Dense(width)(layers.Dense(2 * width, "relu")(normal))
    return layers.LayerNormalization()(h)


def _mean(h: Tensor, steps: Tensor | None) -> Tensor:
    """The mean over the steps that there are, `(batch, time, width)` to `(batch, width)`."""
    if steps is None:
        return ops.mean(h, axis=1)
    count = ops.sum(ops.cast(steps, h.dtype), axis=1, keepdims=True)
    return ops.sum(without_padding(h, steps), axis=1) / ops.maximum(count, 1.0)
