"""Figures of models whose codes are maps of integers, in color."""

from typing import Any

import keras
import numpy as np

import keras_vae as kv
from keras_vae import latents
from keras_vae.plots.figures import Figure
from tools.gallery.panels import color_map, rows_of_images, to_color
from tools.gallery.studio import FILTERS, Studio, codes_of

CODEBOOK = 32
LEVELS = (8, 6, 5)


def vq_vae(studio: Studio) -> Figure:
    """Draw the codes of images, each code in a color, and what one other code changes."""
    model = studio.make_map(kv.VQVAE, 8, codebook_size=CODEBOOK)
    model.adapt(studio.images)
    studio.train(model, times=1.5)
    colors = color_map(_order(latents.as_numpy(model.quantizer.codebook)), "turbo")
    return _draw(
        model,
        studio,
        colors,
        f"{CODEBOOK} codes, each with a color; similar codes have similar colors",
    )


def fsq(studio: Studio) -> Figure:
    """Draw the codes of images, with the levels of a code as red, green, and blue."""
    keras.utils.set_random_seed(0)
    encoder, decoder = kv.nets.conv_map(
        studio.data.image_shape, len(LEVELS), filters=FILTERS, activation="relu"
    )
    # In a new network, values are so close to 0 that all are rounded to the same level.
    spread = keras.layers.BatchNormalization()(encoder.output)
    encoder = keras.Model(encoder.input, spread, name=encoder.name)
    model = kv.FSQ(encoder, decoder, levels=LEVELS, likelihood="bernoulli", seed=0)
    studio.train(model, times=1.5)
    size = model.codebook_size
    levels = latents.as_numpy(model.quantizer.lookup(np.arange(size, dtype="int32")))
    return _draw(
        model, studio, (levels + 1) / 2, f"{size} codes: their three levels as red, green, and blue"
    )


def _order(codebook: np.ndarray) -> np.ndarray:
    """Return the rank of each code along the main direction of all, `(codes,)`."""
    centered = codebook - codebook.mean(axis=0)
    main = np.linalg.svd(centered, full_matrices=False)[2][0]
    return np.argsort(np.argsort(centered @ main)).astype("float32")


def _draw(model: Any, studio: Studio, colors: np.ndarray, title: str) -> Figure:
    codes = codes_of(model, studio.some)
    output = latents.decode(model, codes)
    changed = with_one_changed(codes)
    other = latents.decode(model, changed)
    change = color_map((other - output).mean(axis=-1), "RdBu", -1.0, 1.0)
    rows = {
        "input": studio.some,
        "codes": colors[codes],
        "output": output,
        "one changed": colors[changed],
        "its output": to_color(other),
        "difference": change,
    }
    return rows_of_images(rows, title)


def with_one_changed(codes: np.ndarray) -> np.ndarray:
    """Set the code in the middle of each map to that of the next map, or to another one.

    Args:
        codes: `(batch, height, width)`.
    """
    row, column = codes.shape[1] // 2, codes.shape[2] // 2
    changed = codes.copy()
    for number, own in enumerate(codes):
        others = np.setdiff1d(codes, own[row, column])
        changed[number, row, column] = others[-1] if len(others) else own[row, column]
    return changed
