"""Temporal convolutional networks for sequences."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from keras_vae.base.network_defaults import activation_or_default
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


def tcn(
    shape: Sequence[int],
    latent_dim: int,
    width: int = 64,
    blocks: int | None = None,
    kernel: int = 3,
    heads: int = 1,
    decoder_heads: int = 1,
    masked: bool | str = False,
    vocabulary_size: int | None = None,
    activation: str | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Return a temporal convolutional encoder and decoder, from a sequence to one code and back.

    Both networks are residual blocks of dilated causal convolutions. The dilation doubles in each
    block. The features of the last real time step become the code. They depend on the last
    1 + 2 * (kernel - 1) * (2^blocks - 1) steps, the receptive field. The input of each step of
    the decoder is the code and the number of the step. With a `vocabulary_size`, x are tokens,
    and the decoder takes codes and tokens and returns logits. The logits of a step depend on the
    tokens before it.

    Source: Bai et al. 2018 (arXiv:1803.01271, section 3), here without weight normalization and
    dropout.

    Example:
        >>> encoder, decoder = keras_vae.nets.tcn((40, 3), latent_dim=8)
        >>> encoder.output_shape, decoder.output_shape
        ((None, 8), (None, 40, 3))

    Args:
        shape: `(time, features)`; for tokens `(time,)`.
        latent_dim: Size of the code.
        width: Features of a step inside.
        blocks: Number of blocks of each network. None for the smallest number whose receptive
            field has all time steps.
        kernel: Number of steps that a convolution takes, at least 2.
        heads: Outputs of the encoder: 1 for a code, 2 for z_mean and z_log_var.
        decoder_heads: Outputs of the decoder, as many as the likelihood takes.
        masked: True if both networks take a second input, a mask `(batch, time)` with 1 for real
            time steps and 0 for padding. "features" if it is `(batch, time, features)`, with 0
            for each missing value.
        vocabulary_size: Number of tokens; None if steps are vectors.
        activation: Activation of the hidden layers; None for "leaky_relu".

    Returns:
        `(encoder, decoder)`, from `(batch, *shape)` to `(batch, latent_dim)` and back.

    Raises:
        ValueError: If `shape` is not `(time, features)` or a number is too small.
    """
    latent_dim = arguments.integer("latent_dim", latent_dim)
    width, kernel = arguments.integer("width", width), arguments.integer("kernel", kernel, 2)
    decoder_heads = arguments.integer("decoder_heads", decoder_heads)
    activation = activation_or_default(activation)
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
    blocks = blocks_to_see(time, kernel) if blocks is None else arguments.integer("blocks", blocks)
    steps = real_steps(mask)
    h = causal_blocks(h, blocks, kernel, activation, steps)
    z = codes(_last(h, steps), lambda name: layers.Dense(latent_dim, name=name), heads)
    encoder = keras.Model(inputs, z, name="encoder")

    of_mask = None if vocabulary_size else of_mask
    inputs, code, mask = inputs_with_mask("z", (latent_dim,), of_mask)
    h = layers.RepeatVector(time)(layers.Dense(width, name="start")(code))
    if vocabulary_size is not None:
        tokens = keras.Input((time,), name="tokens", dtype="int32")
        inputs, h = [code, tokens], h + embed_previous(tokens, vocabulary_size, width)
    h = causal_blocks(SinusoidalPositions()(h), blocks, kernel, activation, real_steps(mask))
    return encoder, keras.Model(inputs, output(h, features, decoder_heads), name="decoder")


def receptive_field(blocks: int, kernel: int) -> int:
    """Return the number of steps, the step itself among them, that an output depends on."""
    return 1 + 2 * (kernel - 1) * (2**blocks - 1)


def blocks_to_see(time: int, kernel: int) -> int:
    """Return the smallest number of blocks, at least 1, whose last output sees all steps."""
    return next(n for n in range(1, time + 2) if receptive_field(n, kernel) >= time)


def causal_blocks(
    h: Tensor, count: int, kernel: int, activation: str, steps: Tensor | None = None
) -> Tensor:
    """Apply `count` residual blocks of two dilated causal convolutions.

    Args:
        h: `(batch, time, width)`.
        count: Number of blocks; the dilation of block i, from 0 on, is 2^i.
        kernel: Number of steps that a convolution takes.
        activation: Activation of the convolutions and of the sums.
        steps: Mask of the real time steps, bool `(batch, time)`; None for all. The others are
            zeros for each convolution.

    Returns:
        `(batch, time, width)`; a step depends on itself and on the steps before it.
    """
    width = h.shape[-1]
    for number in range(count):
        change = h
        for _ in range(2):
            change = layers.Conv1D(
                width,
                kernel,
                padding="causal",
                dilation_rate=2**number,
                activation=activation,
                data_format="channels_last",
            )(zero_padding(change, steps))
        h = layers.Activation(activation)(layers.Add()([h, change]))
    return h


def _last(h: Tensor, steps: Tensor | None) -> Tensor:
    """Return the features of the last real time step, `(batch, time, width)` to `(batch, width)`.

    They are zeros if there is none.
    """
    if steps is None:
        return h[:, -1]
    count = ops.cumsum(ops.cast(steps, "int32"), axis=1)
    last = ops.logical_and(steps, ops.equal(count, count[:, -1:]))
    return ops.sum(zero_padding(h, last), axis=1)
