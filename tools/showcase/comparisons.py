"""Figures that compare: one VAE under several likelihoods, and file sizes next to JPEG and WebP."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

import keras_vae as kv
from keras_vae import latents
from keras_vae.plots.figures import image_grid, mosaic
from keras_vae.training.data.loading import Data, as_floats
from tools.gallery.panels import COLORS, frame, panels
from tools.showcase.figures import CELL, some, train

LATENT, WIDTHS = 16, (256, 128)
LIKELIHOODS = (
    *("bernoulli", "continuous_bernoulli", "normal", "normal_learned_scale"),
    "discretized_logistic",
)
# Columns of the figure of likelihoods.
MEANS, DRAWS, SAMPLES = 4, 3, 3
CODE, WIDE = 48, (512,)
RATE_WEIGHTS = (0.1, 0.04, 0.02, 0.01, 0.005)
# Quality settings of the codecs.
QUALITIES = {"JPEG": (2, 4, 6, 9, 13), "WEBP": (0, 1, 2, 4)}
# Rows and columns of the test images that are compressed, at most.
TILES = 32


def likelihoods(data: Data, epochs: int) -> Any:
    """Draw means, random draws, and samples of VAEs that differ in the likelihood alone."""
    images = some(data)[:MEANS]
    rows = [np.concatenate([images, np.ones((DRAWS + SAMPLES, *images.shape[1:]), "float32")])]
    for name in LIKELIHOODS:
        model = train(_vae(data, name), as_floats(data.train), epochs)
        code = model.encode(images)
        drawn = latents.as_numpy(model.observation(code).sample(seed=0))[:DRAWS]
        new = latents.as_numpy(model.sample(SAMPLES, seed=1))
        means = latents.as_numpy(model.decode(code))
        rows.append(np.concatenate([means, drawn, new]).clip(0, 1))
    columns = ["mean"] * MEANS + ["draw"] * DRAWS + ["new"] * SAMPLES
    title = "One VAE under several likelihoods: means, random draws of p(x given z), and new images"
    return image_grid(np.stack(rows), title, ["input", *LIKELIHOODS], columns, cell=CELL)


def _vae(data: Data, likelihood: str) -> Any:
    keras.utils.set_random_seed(0)
    heads = kv.distributions.FAMILIES[likelihood].heads
    networks = kv.nets.dense(data.image_shape, LATENT, WIDTHS, heads=2, decoder_heads=heads)
    return kv.VAE(*networks, likelihood=likelihood, seed=0)


def rates(data: Data, epochs: int) -> Any:
    """Draw the quality of test images over the bits per pixel of their files.

    All images are in one file of each kind, for JPEG and WebP as tiles of one image.
    """
    from benchmarks.compression import rate_and_distortion

    side = min(TILES, math.isqrt(len(data.test)))
    images = data.test[: side**2]
    curves: dict[str, list[tuple[float, float]]] = {"CompressiveAutoencoder": []}
    for rate_weight in RATE_WEIGHTS:
        model = train(_compressive(data, rate_weight), as_floats(data.train), epochs)
        found = rate_and_distortion(model, images)
        point = found["bits a pixel"], found["PSNR of mean error, dB"]
        curves["CompressiveAutoencoder"].append(point)
    curves |= {kind: [_codec(images, kind, q) for q in QUALITIES[kind]] for kind in QUALITIES}
    return _chart(curves, f"{len(images):,} test images in one file")


def _compressive(data: Data, rate_weight: float) -> Any:
    keras.utils.set_random_seed(0)
    networks = kv.nets.dense(data.image_shape, CODE, WIDE)
    return kv.CompressiveAutoencoder(*networks, rate_weight=rate_weight, seed=0)


def _codec(images: np.ndarray, kind: str, quality: int) -> tuple[float, float]:
    """Return the bits per pixel and the PSNR in dB of images as tiles of one image.

    Args:
        images: `(count, height, width, channels)`, uint8; count is a square.
        kind: Name of a format of Pillow.
        quality: Its setting.
    """
    from PIL import Image

    side = math.isqrt(len(images))
    square = as_floats(images).reshape(side, side, *images.shape[1:])
    tiles = np.rint(255 * mosaic(square, 0)).astype("uint8")
    file, whole = io.BytesIO(), Image.fromarray(tiles)
    whole.save(file, kind, quality=quality, optimize=True, method=6)
    with Image.open(file) as read:
        again = as_floats(np.asarray(read.convert(whole.mode)))
    bits = 8 * len(file.getvalue()) / (whole.width * whole.height)
    return bits, kv.metrics.psnr_of_mean_error(as_floats(tiles), again)


def _chart(curves: Mapping[str, Sequence[tuple[float, float]]], title: str) -> Any:
    figure, (axes,) = panels(1, 3.6)
    for (name, points), color in zip(curves.items(), COLORS, strict=False):
        axes.plot(*np.transpose(sorted(points)), "o-", color=color, label=name, markersize=4)
    axes.set_xlim(left=0)
    frame(axes, title, "bits per pixel", "PSNR, dB")
    axes.legend(frameon=False, loc="lower right")
    return figure
