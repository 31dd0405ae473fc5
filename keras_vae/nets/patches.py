"""Attention networks for images, cut into patches."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_vae import arguments
from keras_vae.nets.conv import image_shape_of
from keras_vae.nets.heads import split
from keras_vae.nets.sequence import positions
from keras_vae.nets.transformer import attention_blocks

Tensor = Any


def patches(
    image_shape: Sequence[int],
    patch: int = 4,
    latent_dim: int = 32,
    width: int = 64,
    blocks: int = 4,
    decoder_blocks: int = 2,
    attention_heads: int = 4,
    decoder_heads: int = 1,
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder of `keras_vae.MaskedAutoencoder`, a code for each patch.

    The encoder is of two parts, to be had by name: `tokens`, from images to a vector for each
    patch that knows its place (Dosovitskiy et al. 2020, arXiv:2010.11929), and `attention`, from
    vectors of any patches, and which of these may be looked at, to their codes. The decoder is as
    in He et al. 2021 (arXiv:2111.06377): places again, a few blocks, pixels by one linear layer.

    Args:
        image_shape: `(height, width, channels)`; `patch` divides height and width.
        patch: Side of the square patches, in pixels.
        latent_dim: Size of the code of a patch.
        width: Features of a patch inside; a multiple of 4 that `attention_heads` divide.
        blocks: How many blocks of attention the encoder has.
        decoder_blocks: How many the decoder has.
        attention_heads: Heads of an attention layer.
        decoder_heads: Outputs of the decoder, as many as the likelihood takes.

    Returns:
        `(encoder, decoder)`, from `(batch, *image_shape)` to `(batch, patches, latent_dim)` and
        back; patches are in rows from the top left.

    Raises:
        ValueError: If the patches do not fill the image, or the widths do not fit.
    """
    height, side, channels = image_shape_of(image_shape)
    latent_dim = arguments.whole("latent_dim", latent_dim)
    blocks = arguments.whole("blocks", blocks, 0)
    decoder_blocks = arguments.whole("decoder_blocks", decoder_blocks, 0)
    decoder_heads = arguments.whole("decoder_heads", decoder_heads)
    patch, width = arguments.whole("patch", patch), arguments.whole("width", width)
    attention_heads = arguments.whole("attention_heads", attention_heads)
    _check(height, side, patch, width, attention_heads)
    grid = (height // patch, side // patch)
    encoder = _encoder(
        image_shape_of(image_shape), grid, patch, latent_dim, width, blocks, attention_heads
    )
    z = keras.Input((grid[0] * grid[1], latent_dim), name="z")
    h = GridPositions(*grid)(layers.Dense(width, name="start")(z))
    h = attention_blocks(h, decoder_blocks, attention_heads, None)
    h = layers.Reshape((*grid, width))(h)
    pixels = layers.Conv2DTranspose(channels * decoder_heads, patch, strides=patch, name="pixels")(
        h
    )
    return encoder, keras.Model(z, split(pixels, decoder_heads), name="decoder")


def _encoder(
    image_shape: tuple[int, int, int],
    grid: tuple[int, int],
    patch: int,
    latent_dim: int,
    width: int,
    blocks: int,
    attention_heads: int,
) -> keras.Model:
    x = keras.Input(image_shape, name="x")
    h = layers.Conv2D(width, patch, strides=patch, name="embedding")(x)
    h = GridPositions(*grid)(layers.Reshape((grid[0] * grid[1], width))(h))
    tokens = keras.Model(x, h, name="tokens")

    some, seen = keras.Input((None, width), name="tokens"), keras.Input((None,), name="seen")
    h = attention_blocks(some, blocks, attention_heads, ops.greater(seen, 0.5))
    codes = layers.Dense(latent_dim, name="code")(h)
    attention = keras.Model([some, seen], codes, name="attention")

    x = keras.Input(image_shape, name="x")
    h = tokens(x)
    return keras.Model(x, attention([h, ops.ones_like(h[..., 0])]), name="encoder")


@keras.saving.register_keras_serializable("keras_vae")
class GridPositions(layers.Layer):
    """Adds sines and cosines of row and column to vectors of patches, `(batch, patches, width)`.

    The first half of a vector knows its row, the other its column (He et al. 2021, appendix A.1).

    Args:
        rows: Of patches.
        columns: Of patches.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.
    """

    def __init__(self, rows: int, columns: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows, self.columns = rows, columns
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """`x` plus the positions."""
        half, shape = x.shape[-1] // 2, (self.rows, self.columns)
        of_row = np.broadcast_to(positions(self.rows, half)[:, None], (*shape, half))
        of_column = np.broadcast_to(positions(self.columns, half)[None], (*shape, half))
        table = np.concatenate([of_row, of_column], axis=-1).reshape(-1, 2 * half)
        return x + ops.cast(ops.convert_to_tensor(table), x.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape stays."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "rows": self.rows, "columns": self.columns}


def _check(height: int, side: int, patch: int, width: int, attention_heads: int) -> None:
    if height % patch or side % patch:
        raise ValueError(
            f"Expected a patch that divides the height and width of images, {height} and {side}. "
            f"Received: patch={patch!r}."
        )
    if width % 4 or width % attention_heads:
        raise ValueError(
            "Expected a width that is a multiple of 4 and of attention_heads. Received: "
            f"width={width}, attention_heads={attention_heads}."
        )
