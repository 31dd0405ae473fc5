"""Figures of the models of sequences, on outlines of letters."""

from typing import Any

import keras
import numpy as np

import keras_vae as kv
from keras_vae import latents
from keras_vae.plots.figures import Figure
from tools.gallery.outlines import hide_stretches, outlines, outlines_of_many_lengths
from tools.gallery.panels import COLORS, GRAY, Line, rows_of_lines
from tools.gallery.studio import BATCH, COLUMNS, Studio, samples_of

LATENT = 16
# Points of an outline: of all, or at most.
POINTS = 40
# Pixels between two points of an outline that has as many as it needs.
SPACING = 3.0
TRAINED = 2000
# Epochs over those of images: there are fewer outlines.
EPOCHS = 5
HIDDEN = 10
# The first hidden point of the figures.
GAP = 16
DRAWS = 20
# Steps of the cycle of planted series.
CYCLE = 8
# Sizes of the transformers.
SMALL = {"width": 32, "blocks": 1, "attention_heads": 4}
BLUE, ORANGE = COLORS[:2]


def lstm_autoencoder(studio: Studio) -> Figure:
    """Draw outlines with different numbers of points, and their reconstructions."""
    return _draw_lengths(studio, kv.LSTMAutoencoder)


def tcn_autoencoder(studio: Studio) -> Figure:
    """Draw the same of convolutions."""
    return _draw_lengths(studio, kv.TCNAutoencoder, width=32)


def _draw_lengths(studio: Studio, kind: Any, **options: Any) -> Figure:
    trained = outlines_of_many_lengths(_some(studio), POINTS, SPACING)
    model = _train(studio, kind, trained, EPOCHS, masked=True, **options)
    x, mask = outlines_of_many_lengths(studio.some, POINTS, SPACING)
    counts = mask.sum(axis=1).astype(int)
    again = latents.as_numpy(model.reconstruct((x, mask)))
    rows = {
        "input": [[Line(one[:count], GRAY)] for one, count in zip(x, counts, strict=True)],
        "output": [[Line(one[:count], BLUE)] for one, count in zip(again, counts, strict=True)],
    }
    return rows_of_lines(rows, "Outlines, and their numbers of points", counts)


def lstm_vae(studio: Studio) -> Figure:
    """Draw outlines of letters above new ones."""
    return _draw_new(studio, kv.LSTMVAE)


def tcn_vae(studio: Studio) -> Figure:
    """Draw the same of convolutions."""
    return _draw_new(studio, kv.TCNVAE, width=32)


def time_vae(studio: Studio) -> Figure:
    """Draw series that are sums of a line, a cycle and noise, and the parts of reconstructions."""
    parts: dict[str, Any] = {"trend_degree": 1, "seasons": [(CYCLE, 1)], "residual": False}
    model = kv.TimeVAE((POINTS, 1), LATENT, "normal_learned_scale", seed=0, **parts)
    studio.train(model, _planted(TRAINED, 0), EPOCHS)
    given = _planted(COLUMNS, 1)
    found = {name: latents.as_numpy(part) for name, part in model.decompose(given).items()}
    drawn = {"input": given, **found, "output": found["trend"] + found["season"]}
    time = np.linspace(-1, 1, POINTS)
    rows = {
        name: [[Line(np.stack([time, one[:, 0]], axis=1), COLORS[i])] for one in values]
        for i, (name, values) in enumerate(drawn.items())
    }
    return rows_of_lines(rows, "New series, and their parts: a line and a cycle")


def _planted(count: int, seed: int) -> np.ndarray:
    """Return sums of a line, a cycle and noise, each series with its own, `(count, POINTS, 1)`."""
    generator = np.random.default_rng(seed)
    start, end, *cycle = generator.uniform(-0.5, 0.5, (2 + CYCLE, count, 1))
    values = np.concatenate(cycle, axis=1)
    values -= values.mean(axis=1, keepdims=True)
    line = np.linspace(0, 1, POINTS) * (end - start) + start
    noise = generator.normal(0, 0.05, (count, POINTS))
    return (line + values[:, np.arange(POINTS) % CYCLE] + noise)[..., None].astype("float32")


def _draw_new(studio: Studio, kind: Any, **options: Any) -> Figure:
    model = _train(studio, kind, outlines(_some(studio), POINTS), EPOCHS, **options)
    new = samples_of(model, 2 * COLUMNS)
    rows = {
        "of fonts": [[Line(one, GRAY)] for one in outlines(studio.some, POINTS)],
        "sampled": [[Line(one, BLUE)] for one in new[:COLUMNS]],
        "sampled ": [[Line(one, BLUE)] for one in new[COLUMNS:]],
    }
    return rows_of_lines(rows, "Outlines of letters, and new ones from the prior")


def transformer_autoencoder(studio: Studio) -> Figure:
    """Draw outlines with a hidden stretch, and the completed outlines."""
    model = _train(
        studio, kv.TransformerAutoencoder, _hidden(studio), 2 * EPOCHS, masked=True, **SMALL
    )
    x, mask = _with_gaps(outlines(studio.some, POINTS))
    return _draw_gaps(studio, model, model.encode((x, mask)), "A stretch of each outline is hidden")


def transformer_vae(studio: Studio) -> Figure:
    """Draw the same for several samples of the code."""
    x, times = _hidden(studio), 3 * EPOCHS
    steps = studio.epochs * times * -(-len(x[0]) // BATCH)
    beta = kv.schedules.LinearWarmUp(int(0.3 * steps), 0.1)
    model = _train(studio, kv.TransformerVAE, x, times, masked=True, beta=beta, **SMALL)
    pair = [np.concatenate([part] * DRAWS) for part in _with_gaps(outlines(studio.some, POINTS))]
    return _draw_gaps(
        studio, model, model.posterior(pair).sample(0), f"{DRAWS} ways to fill the gap"
    )


def _some(studio: Studio) -> np.ndarray:
    return studio.images[:: max(1, len(studio.images) // TRAINED)]


def _hidden(studio: Studio) -> tuple[np.ndarray, np.ndarray]:
    return hide_stretches(outlines(_some(studio), POINTS), HIDDEN)


def _train(studio: Studio, kind: Any, x: Any, times: float, **options: Any) -> Any:
    keras.utils.set_random_seed(0)
    model = kind((POINTS, 2), LATENT, likelihood="normal_learned_scale", seed=0, **options)
    return studio.train(model, x, times)


def _with_gaps(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mask = np.ones(x.shape[:2], "float32")
    mask[:, GAP : GAP + HIDDEN] = 0
    return x * mask[..., None], mask


def _draw_gaps(studio: Studio, model: Any, codes: Any, title: str) -> Figure:
    """Draw outlines with a gap, and what codes of them decode to in the gap."""
    x = outlines(studio.some, POINTS)
    everything = np.ones((len(codes), POINTS), "float32")
    again = latents.as_numpy(model.decode((codes, everything))).reshape(-1, *x.shape)
    rows: dict[str, list[list[Line]]] = {"visible": [], "filled": []}
    for number, one in enumerate(x):
        visible = [Line(one[:GAP], BLUE), Line(one[GAP + HIDDEN :], BLUE)]
        gap = slice(GAP - 1, GAP + HIDDEN + 1)
        draws = [
            Line(draw[gap], ORANGE, 1.3 if len(again) == 1 else 0.6) for draw in again[:, number]
        ]
        rows["visible"].append(visible)
        rows["filled"].append([Line(one[gap], GRAY, 3.0), *visible, *draws])
    return rows_of_lines(rows, title)
