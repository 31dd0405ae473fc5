"""Transformer networks for sequences."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from keras_vae.errors import UsageError
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
    zero_padding,
)
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

POOLINGS = ("mean", "dense")


def transformer(
    shape: Sequence[int],
    latent_dim: int,
    width: int = 64,
    blocks: int = 2,
    attention_heads: int = 4,
    heads: int = 1,
    decoder_heads: int = 1,
    masked: bool | str = False,
    vocabulary_size: int | None = None,
    pooling: str = "mean",
) -> tuple[keras.Model, keras.Model]:
    """Return a transformer encoder and decoder, from a sequence to one code and back.

    Layer normalization comes before attention. The code is made of the mean over the real time
    steps. The input of each step of the decoder is the code and the number of the step; all steps
    attend to each other. With `pooling="dense"`, each step has weights of its own on the way to
    the code and back. With a `vocabulary_size`, x are tokens, and the decoder takes codes and
    tokens and returns logits. A step then attends to the tokens before it.

    Sources: Vaswani et al. 2017 (arXiv:1706.03762), Xiong et al. 2020 (arXiv:2002.04745) for the
    place of the normalization.

    Example:
        >>> encoder, decoder = keras_vae.nets.transformer((40, 3), latent_dim=8)
        >>> encoder.output_shape, decoder.output_shape
        ((None, 8), (None, 40, 3))

    Args:
        shape: `(time, features)`; for tokens `(time,)`.
        latent_dim: Size of the code.
        width: Features of a step inside.
        blocks: Number of blocks of each network.
        attention_heads: Heads of an attention layer; they divide `width`.
        heads: Outputs of the encoder: 1 for a code, 2 for z_mean and z_log_var.
        decoder_heads: Outputs of the decoder, as many as the likelihood takes.
        masked: True if both networks take a second input, a mask `(batch, time)` with 1 for real
            time steps and 0 for padding. "features" if it is `(batch, time, features)`, with 0
            for each missing value.
        vocabulary_size: Number of tokens; None if steps are vectors.
        pooling: "mean", or "dense" for one dense layer between all steps and the code.

    Returns:
        `(encoder, decoder)`, from `(batch, *shape)` to `(batch, latent_dim)` and back.

    Raises:
        ValueError: If `shape` is not `(time, features)`, the heads do not divide `width`, or there
            is no such pooling.
    """
    latent_dim = arguments.integer("latent_dim", latent_dim)
    blocks = arguments.integer("blocks", blocks, 0)
    decoder_heads = arguments.integer("decoder_heads", decoder_heads)
    width = arguments.integer("width", width)
    attention_heads = arguments.integer("attention_heads", attention_heads)
    arguments.choice("pooling", pooling, POOLINGS)
    if width % attention_heads:
        raise UsageError(
            "Expected attention_heads that divide width. Received: "
            f"attention_heads={attention_heads}, width={width}."
        )
    if vocabulary_size is None:
        time, features = sequence_shape(shape)
        of_mask = mask_shape(masked, time, features, tokens=False)
        inputs, x, mask = inputs_with_mask("x", (time, features), of_mask)
        h = layers.Dense(width, name="embedding")(read_present(x, mask))
    else:
        time, features = token_shape(shape, vocabulary_size)
        of_mask = mask_shape(masked, time, features, tokens=True)
        inputs, x, mask = inputs_with_mask("x", (time,), of_mask, "int32")
        h = embed(x, mask, vocabulary_size, width)
    steps = real_steps(mask)
    h = attention_blocks(SinusoidalPositions()(h), blocks, attention_heads, steps)
    if pooling == "mean":
        pooled = _mean(h, steps)
    else:
        pooled = layers.Flatten("channels_last")(zero_padding(h, steps))
    z = codes(pooled, lambda name: layers.Dense(latent_dim, name=name), heads)
    encoder = keras.Model(inputs, z, name="encoder")

    of_mask = None if vocabulary_size else of_mask
    inputs, code, mask = inputs_with_mask("z", (latent_dim,), of_mask)
    steps = real_steps(mask)
    if pooling == "mean":
        h = layers.RepeatVector(time)(layers.Dense(width, name="start")(code))
    else:
        h = layers.Reshape((time, width))(layers.Dense(time * width, name="start")(code))
    if vocabulary_size is not None:
        tokens = keras.Input((time,), name="tokens", dtype="int32")
        inputs, h = [code, tokens], h + embed_previous(tokens, vocabulary_size, width)
    causal = vocabulary_size is not None
    h = attention_blocks(SinusoidalPositions()(h), blocks, attention_heads, steps, causal)
    return encoder, keras.Model(inputs, output(h, features, decoder_heads), name="decoder")


def attention_blocks(
    h: Tensor, count: int, attention_heads: int, steps: Tensor | None, causal: bool = False
) -> Tensor:
    """Apply `count` residual blocks of attention and a dense layer.

    Args:
        h: `(batch, time, width)`.
        count: Number of blocks.
        attention_heads: Heads of an attention layer.
        steps: Mask of the steps to attend to, bool `(batch, time)`; None for all.
        causal: Whether a step attends only to itself and the steps before it.

    Returns:
        `(batch, time, width)`.
    """
    width = h.shape[-1]
    # The steps to attend to, for each step.
    attended = None if steps is None else ops.expand_dims(steps, 1)
    for _ in range(count):
        normal = layers.LayerNormalization()(h)
        attention = layers.MultiHeadAttention(attention_heads, width // attention_heads)
        h = h + attention(normal, normal, attention_mask=attended, use_causal_mask=causal)
        normal = layers.LayerNormalization()(h)
        h = h + layers.Dense(width)(layers.Dense(2 * width, "relu")(normal))
    return layers.LayerNormalization()(h)


def _mean(h: Tensor, steps: Tensor | None) -> Tensor:
    """Average over the real time steps, `(batch, time, width)` to `(batch, width)`."""
    if steps is None:
        return ops.mean(h, axis=1)
    count = ops.sum(ops.cast(steps, h.dtype), axis=1, keepdims=True)
    return ops.sum(zero_padding(h, steps), axis=1) / ops.maximum(count, 1.0)
