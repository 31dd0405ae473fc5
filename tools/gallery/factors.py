"""Figures of models that give each factor of the data a latent unit of its own."""

from typing import Any

import keras
import numpy as np

import keras_vae as kv
from keras_vae import latents
from keras_vae.plots.figures import FONT_SIZE, Figure, mosaic, new_figure
from keras_vae.training.data.dsprites import SIZES, render
from tools.gallery.panels import WIDTH, frame, resize
from tools.gallery.studio import WIDTHS, Studio, codes_of

NAMES = ("size", "x", "y")
# The places of these factors among those of dSprites, and their values; shape and orientation stay.
# Ellipses near the middle overlap, so that models find the axes of the plane.
VALUES_OF = {1: (0, 6), 3: (8, 24), 4: (8, 24)}
PLACES = tuple(VALUES_OF)
ELLIPSE = 1
UNITS = 5
VALUES = (-2, -1, 0, 1, 2)
CELL = 48
EPOCHS = 4
# Side of the images, and pixels of dSprites for one of theirs.
SIDE, AVERAGED = 32, 2


def tc_vae(studio: Studio) -> Figure:
    """Draw traversals of a BetaTCVAE, and which factor each unit follows."""
    return _draw("BetaTCVAE", studio, kv.BetaTCVAE, beta=8.0, dataset_size=len(studio.images))


def factor_vae(studio: Studio) -> Figure:
    """Draw the same of a FactorVAE with a small discriminator."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(128, "leaky_relu") for _ in range(3)]
    critic = keras.Sequential([keras.Input((UNITS,)), *layers, keras.layers.Dense(1)])
    return _draw("FactorVAE", studio, kv.FactorVAE, gamma=15.0, discriminator=critic)


def dip_vae(studio: Studio) -> Figure:
    """Draw the same of a DIP-VAE-II."""
    weights: dict[str, Any] = {"lambda_od": 50.0, "lambda_d": 50.0, "covariance": "codes"}
    return _draw("DIPVAE", studio, kv.DIPVAE, **weights)


def _draw(name: str, studio: Studio, kind: Any, **arguments: Any) -> Figure:
    factors, images = ellipses(len(studio.images))
    keras.utils.set_random_seed(0)
    networks = kv.nets.dense(images.shape[1:], UNITS, WIDTHS, heads=2)
    model = kind(*networks, seed=0, **arguments)
    studio.train(model, images, times=EPOCHS)
    order = latents.ordered_by_kl(model, images[:1000])
    links = correlations(codes_of(model, images[:1000]), factors[:1000])[order]
    middle = images[np.abs(factors - factors.mean(axis=0)).sum(axis=1).argmin()]
    walks = latents.traverse(model, middle, order, VALUES)
    return _figure(name, walks, links)


def ellipses(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw ellipses of dSprites that differ in size and position.

    Returns:
        Factors `(count, 3)`, and images `(count, SIDE, SIDE, 1)` in [0, 1].
    """
    chosen = np.zeros((count, len(SIZES)), int)
    chosen[:, 0] = ELLIPSE
    random = np.random.default_rng(0)
    for place, (low, high) in VALUES_OF.items():
        chosen[:, place] = random.integers(low, high, count)
    large = render(chosen).astype("float32") / 255
    cells = large.reshape(count, SIDE, AVERAGED, SIDE, AVERAGED, 1)
    return chosen[:, PLACES], cells.mean(axis=(2, 4))


def correlations(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return the size of the correlation of each unit with each factor, `(units, factors)`."""
    both = np.corrcoef(codes.T, factors.T)
    return np.abs(both[: codes.shape[1], codes.shape[1] :])


def _figure(name: str, walks: np.ndarray, links: np.ndarray) -> Figure:
    figure = new_figure(WIDTH, 3.4, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    rows = np.stack([resize(walk, CELL) for walk in walks])
    left.imshow(mosaic(rows, 2), cmap="gray", vmin=0, vmax=1)
    frame(left, f"{name}: one unit at a time")
    left.grid(False)
    places = (np.arange(max(rows.shape[:2])) + 0.5) * (CELL + 2)
    left.set_xticks(places[: len(VALUES)], [str(value) for value in VALUES])
    left.set_yticks(places[: len(rows)], [f"unit {row + 1}" for row in range(len(rows))])
    right.imshow(links, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    frame(right, "Correlation with a factor")
    right.grid(False)
    right.set_xticks(range(len(NAMES)), NAMES)
    right.set_yticks([])
    for (row, column), link in np.ndenumerate(links):
        shade = "white" if link > 0.5 else "#333333"
        right.text(
            column, row, f"{link:.2f}", ha="center", va="center", color=shade, size=FONT_SIZE
        )
    return figure
