"""Figures of the models of sequences, on a recording of the brain."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_vae as kv
from keras_vae import latents
from keras_vae.plots.figures import Figure
from tools.gallery.panels import COLORS, GRAY, frame, panels
from tools.gallery.studio import Studio, samples_of

CHANNELS = 4
LENGTH = 32
TRAINED = 600
# Epochs over those of images: there are few windows.
EPOCHS = 6
DRAWS = 30
GAP = slice(10, 22)
SHOWN = 3


def recording() -> np.ndarray:
    """Return an EEG of four electrodes that comes with matplotlib, standardized, `(800, 4)`."""
    import matplotlib

    path = Path(matplotlib.get_data_path(), "sample_data", "eeg.dat")
    values = np.fromfile(path).reshape(-1, CHANNELS)
    trained = values[:TRAINED]
    return ((values - trained.mean(axis=0)) / trained.std(axis=0)).astype("float32")


def lstm_autoencoder(studio: Studio) -> Figure:
    """Draw a stretch of the recording and its reconstruction, window by window."""
    model = _train(studio, kv.LSTMAutoencoder, 16)
    stretch = recording()[TRAINED : TRAINED + 4 * LENGTH]
    again = latents.as_numpy(model.reconstruct(kv.windows(stretch, LENGTH)))
    figure, axes = panels(1, 3.2)
    for channel in range(CHANNELS):
        lift = -4 * channel
        axes[0].plot(stretch[:, channel] + lift, color=GRAY, linewidth=2.5)
        axes[0].plot(again[..., channel].ravel() + lift, color=COLORS[channel], linewidth=1.3)
    for edge in range(LENGTH, len(stretch), LENGTH):
        axes[0].axvline(edge, color="#333333", linestyle="--", linewidth=0.8)
    frame(axes[0], "Recording in gray, reconstruction in color", "step", "electrode")
    axes[0].set_yticks([-4 * channel for channel in range(CHANNELS)], list("ABCD"))
    return figure


def lstm_vae(studio: Studio) -> Figure:
    """Draw windows of the recording above new ones."""
    model = _train(studio, kv.LSTMVAE, 12)
    real = kv.windows(recording()[TRAINED:], LENGTH)[:SHOWN]
    figure, axes = panels(2 * SHOWN, 2.2, sharey=True)
    for axis, window in zip(axes, [*real, *samples_of(model, SHOWN)], strict=True):
        for channel in range(CHANNELS):
            axis.plot(window[:, channel], color=COLORS[channel], linewidth=1.2)
    for number, axis in enumerate(axes):
        frame(axis, "recorded" if number < SHOWN else "sampled", "step")
    return figure


def transformer_autoencoder(studio: Studio) -> Figure:
    """Draw windows in which an electrode failed, and the filled gaps."""
    model = _train(studio, kv.TransformerAutoencoder, 24, masked="features", width=32)
    x, mask = _with_gaps(kv.windows(recording()[TRAINED:], LENGTH)[:SHOWN])
    filled = latents.as_numpy(model.reconstruct((np.where(mask, x, 0), mask)))
    return _draw_gaps(x, filled[None], "Electrode A fails; the model fills the gap")


def transformer_vae(studio: Studio) -> Figure:
    """Draw the same for several samples of the code."""
    model = _train(studio, kv.TransformerVAE, 24, masked="features", width=32)
    x, mask = _with_gaps(kv.windows(recording()[TRAINED:], LENGTH)[:SHOWN])
    pair = [np.concatenate([part] * DRAWS) for part in (np.where(mask, x, 0), mask)]
    codes = model.posterior(pair).sample(0)
    filled = latents.as_numpy(model.decode((codes, np.ones_like(pair[1]))))
    return _draw_gaps(x, filled.reshape(DRAWS, *x.shape), f"{DRAWS} ways to fill the gap")


def _train(studio: Studio, kind: Any, latent_dim: int, masked: Any = False, **options: Any) -> Any:
    keras.utils.set_random_seed(0)
    made = {"likelihood": "normal_learned_scale", "masked": masked, "seed": 0, **options}
    model = kind((LENGTH, CHANNELS), latent_dim, **made)
    x = kv.windows(recording()[:TRAINED], LENGTH, stride=1)
    return studio.train(model, holes(x) if masked else x, times=EPOCHS)


def holes(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hide a stretch of one feature in each window, and return the windows and their mask."""
    random = np.random.default_rng(0)
    mask = np.ones(x.shape, "float32")
    for one in mask:
        start = random.integers(0, x.shape[1] - 12)
        one[start : start + 12, random.integers(x.shape[2])] = 0
    return x * mask, mask


def _with_gaps(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mask = np.ones(x.shape, "float32")
    mask[:, GAP, 0] = 0
    return x, mask


def _draw_gaps(x: np.ndarray, filled: np.ndarray, title: str) -> Figure:
    """Draw electrode A of windows `(batch, time, features)`, and fillings of its gap."""
    figure, axes = panels(len(x), 2.4, sharey=True)
    steps = np.arange(x.shape[1])
    for number, axis in enumerate(axes):
        axis.axvspan(GAP.start - 0.5, GAP.stop - 0.5, color="#f4d9c2", linewidth=0)
        axis.plot(steps, x[number, :, 0], color=GRAY, linewidth=2.5, label="true")
        for draw in filled:
            axis.plot(
                steps[GAP],
                draw[number, GAP, 0],
                color=COLORS[0],
                linewidth=1.6 if len(filled) == 1 else 0.6,
            )
        frame(axis, title if number == 0 else "", "step")
    return figure
