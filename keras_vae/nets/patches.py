"""Transformer networks for images that are cut into patches."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_vae.errors import UsageError
from keras_vae.nets.conv import image_shape_of
from keras_vae.nets.heads import split
from keras_vae.nets.sequence import positions
from keras_vae.nets.transformer import attention_blocks
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


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
    """Return the encoder and decoder of `keras_vae.MaskedAutoencoder`, with a code per patch.

    The encoder has two parts, which `get_layer` finds by name. `tokens` maps images to a vector
    for each patch, with its position added (Dosovitskiy et al. 2020, arXiv:2010.11929).
    `attention` maps vectors of any patches, and a mask of those to attend to, to codes. The
    decoder adds positions again and has a few blocks and one linear layer to pixels (He et al.
    2021, arXiv:2111.06377).

    Example:
        >>> encoder, decoder = keras_vae.nets.patches((28, 28, 1), patch=4, latent_dim=8)
        >>> encoder.output_shape
        (None, 49, 8)

    Args:
        image_shape: `(height, width, channels)`; `patch` divides height and width.
        patch: Side of the square patches, in pixels.
        latent_dim: Size of the code of a patch.
        width: Features of a patch inside; a multiple of 4 and of `attention_heads`.
        blocks: Number of attention blocks of the encoder.
        decoder_blocks: Number of attention blocks of the decoder.
        attention_heads: Heads of an attention layer.
        decoder_heads: Outputs of the decoder, as many as the likelihood takes.

    Returns:
        `(encoder, decoder)`, from `(batch, *image_shape)` to `(batch, patches, latent_dim)` and
        back; patches are in rows from the top left.

    Raises:
        ValueError: If the patches do not fill the image, or the widths do not fit.
    """
    height, side, channels = image_shape_of(image_shape)
    latent_dim = arguments.integer("latent_dim", latent_dim)
    blocks = arguments.integer("blocks", blocks, 0)
    decoder_blocks = arguments.integer("decoder_blocks", decoder_blocks, 0)
    decoder_heads = arguments.integer("decoder_heads", decoder_heads)
    patch, width = arguments.integer("patch", patch), arguments.integer("width", width)
    attention_heads = arguments.integer("attention_heads", attention_heads)
    _check(height, side, patch, width, attention_heads)
    grid = (height // patch, side // patch)
    encoder = _encoder(
        image_shape_of(image_shape), grid, patch, latent_dim, width, blocks, attention_heads
    )
    z = keras.Input((grid[0] * grid[1], latent_dim), name="z")
    h = GridPositions(*grid)(layers.Dense(width, name="start")(z))
    h = attention_blocks(h, decoder_blocks, attention_heads, None)
    h = layers.Reshape((*grid, width))(h)
    pixels = layers.Conv2DTranspose(
        channels * decoder_heads, patch, strides=patch, name="pixels", data_format="channels_last"
    )(h)
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
    h = layers.Conv2D(width, patch, strides=patch, name="embedding", data_format="channels_last")(x)
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
    """A layer that adds sinusoidal positions to vectors of patches, `(batch, patches, width)`.

    The first half of a vector gets the position of the row, the other half that of the column (He
    et al. 2021, arXiv:2111.06377, appendix A.1).

    Args:
        rows: Number of rows of patches.
        columns: Number of columns of patches.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.
    """

    def __init__(self, rows: int, columns: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows, self.columns = rows, columns
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """Add the positions to `x`."""
        half, shape = x.shape[-1] // 2, (self.rows, self.columns)
        of_row = np.broadcast_to(positions(self.rows, half)[:, None], (*shape, half))
        of_column = np.broadcast_to(positions(self.columns, half)[None], (*shape, half))
        table = np.concatenate([of_row, of_column], axis=-1).reshape(-1, 2 * half)
        return x + ops.cast(ops.convert_to_tensor(table), x.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return `input_shape`: the layer does not change it."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "rows": self.rows, "columns": self.columns}


def _check(height: int, side: int, patch: int, width: int, attention_heads: int) -> None:
    if height % patch or side % patch:
        raise UsageError(
            f"Expected a patch that divides the height and width of images, {height} and {side}. "
            f"Received: patch={patch!r}."
        )
    if width % 4 or width % attention_heads:
        raise UsageError(
            "Expected a width that is a multiple of 4 and of attention_heads. Received: "
            f"width={width}, attention_heads={attention_heads}."
        )
