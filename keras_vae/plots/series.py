"""Figures of series: lines over time."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_vae import latents
from keras_vae.errors import UsageError
from keras_vae.plots.examples import examples
from keras_vae.plots.figures import FONT_SIZE, TEXT_COLOR, Figure, new_figure
from keras_vae.preprocessing.pipeline import fills_gaps
from keras_vae.typing import LatentModel
from keras_vae.validation.data_checks import refuse_condition

COLUMNS = 5
# Inches.
WIDTH, HEIGHT = 2.2, 1.5
STYLES = {"input": ("#999999", 2.0), "reconstruction": ("#1f77b4", 1.2), "sample": ("#1f77b4", 1.2)}


def series_reconstructions(model: LatentModel, x: Any) -> Figure:
    """Draw series and their reconstructions; of several features only the first.

    Example:
        >>> model = keras_vae.LSTMVAE((40, 1), latent_dim=8)
        >>> figure = keras_vae.plots.series_reconstructions(model, series[:8])

    Args:
        model: A built model of series of `keras_vae`, without a mask.
        x: Series, `(batch, time, features)`. NaN is a gap of the line for a model that fills gaps.

    Raises:
        ValueError: If there are no series, or a value is not finite.
    """
    refuse_condition(model)
    x = examples("x", x, fills_gaps(model))
    lines = {"input": x, "reconstruction": latents.as_numpy(model.reconstruct(x))}
    return _panels(lines, "Reconstructions")


def series_samples(
    model: LatentModel, count: int = 10, seed: int = 0, temperature: float = 1.0
) -> Figure:
    """Draw new series; of several features only the first.

    Example:
        >>> model = keras_vae.LSTMVAE((40, 1), latent_dim=8)
        >>> figure = keras_vae.plots.series_samples(model, count=8)

    Args:
        model: A built generative model of series of `keras_vae`, without a mask.
        count: Number of series.
        seed: As in `model.sample`.
        temperature: As in `model.sample`.

    Raises:
        ValueError: If a number is out of range, or the model is none of series.
        TypeError: If the model takes a pair.
    """
    refuse_condition(model)
    series = model.sample(count, seed=seed, temperature=temperature)
    return _panels({"sample": latents.as_numpy(series)}, "Samples")


def _panels(lines: Mapping[str, np.ndarray], title: str) -> Figure:
    """Draw a panel for each series, all with the same axes."""
    for series in lines.values():
        if series.ndim != 3:
            raise UsageError(
                f"Expected series (batch, time, features). Received: shape {series.shape}. (These "
                "figures are for models of series.)"
            )
    count = len(next(iter(lines.values())))
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    figure = new_figure(WIDTH * columns, HEIGHT * rows + 0.5, layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel in panels[count:]:
        panel.set_visible(False)
    for index, panel in enumerate(panels[:count]):
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=FONT_SIZE - 3, colors=TEXT_COLOR)
        for name, series in lines.items():
            color, width = STYLES[name]
            panel.plot(series[index, :, 0], color=color, linewidth=width, label=name)
    figure.suptitle(title, fontsize=FONT_SIZE, color=TEXT_COLOR)
    if len(lines) > 1:
        panels[0].legend(fontsize=FONT_SIZE - 3, frameon=False)
    return figure
