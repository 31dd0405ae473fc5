"""Figures of uses of latent codes: interpolation, arithmetic, a map; and a VAE's advantage."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_vae import latents
from keras_vae.training.data.loading import Data, as_floats
from keras_vae.training.runs.pictures import one_of_each
from keras_vae.typing import LatentModel

LATENT, FILTERS, HIDDEN = 16, (32, 64), 128
BATCH = 128
LEARNING_RATE = 2e-3
# Time that the film shows the samples of an epoch.
FRAME_MILLISECONDS = 400
FRAME_CELL = 28
# Of a frame: half the size of 256, with no visible difference.
GRAYS = 16
# Random codes of the figure "holes".
ROWS, COLUMNS = 4, 10
POINTS = 2000


def conv_vae(data: Data, latent_dim: int) -> Any:
    """Return the untrained VAE of most figures."""
    import keras_vae as kv

    keras.utils.set_random_seed(0)
    shape = data.image_shape
    return kv.ConvVAE(shape, latent_dim, filters=FILTERS, hidden=HIDDEN, seed=0)


def conv_autoencoder(data: Data, latent_dim: int) -> Any:
    """Return an autoencoder with the same networks and without noise."""
    import keras_vae as kv

    keras.utils.set_random_seed(0)
    networks = kv.nets.conv(data.image_shape, latent_dim, filters=FILTERS, hidden=HIDDEN, heads=1)
    return kv.Autoencoder(*networks, likelihood="bernoulli", seed=0)


def train(model: LatentModel, data: Data, epochs: int, callbacks: list[Any] | None = None) -> Any:
    """Train `model` and return it."""
    model.compile(keras.optimizers.Adam(LEARNING_RATE), jit_compile=False)
    images = as_floats(data.train)
    model.fit(images, epochs=epochs, batch_size=BATCH, verbose=0, callbacks=callbacks or [])
    return model


class Film(keras.callbacks.Callback):
    """A callback that records samples of the same seeds after each epoch, as an animation."""

    def __init__(self, count: int = 64) -> None:
        super().__init__()
        self.count = count
        self.frames: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record samples of the model."""
        from keras_vae.plots.figures import enlarge, mosaic

        side = round(self.count**0.5)
        images = latents.as_numpy(self.model.sample(side * side, seed=0))
        grid = enlarge(images.reshape(side, side, *images.shape[1:]), FRAME_CELL)
        self.frames.append((255 * mosaic(grid, 2)).astype("uint8"))

    def save(self, path: Path) -> None:
        """Write the frames as a GIF that repeats forever."""
        from PIL import Image

        first, *rest = (Image.fromarray(frame).quantize(GRAYS) for frame in self.frames)
        first.save(path, save_all=True, append_images=rest, duration=FRAME_MILLISECONDS, loop=0)


def figures_of(model: LatentModel, data: Data) -> dict[str, Callable[[], Any]]:
    """Return functions that draw the figures of a trained VAE, by name."""
    from keras_vae import plots

    images = as_floats(data.test[one_of_each(data)[:12]])
    few = as_floats(data.test[:POINTS])
    return {
        "interpolation": lambda: plots.interpolation(model, images[:6], images[6:], 10),
        "traversal": lambda: plots.traversal(model, few),
        "samples": lambda: plots.samples(model, 8, 12),
        "latents": lambda: plots.latent_scatter(
            model,
            few,
            None if data.test_labels is None else data.test_labels[:POINTS],
            data.label_names,
        ),
        "arithmetic": lambda: arithmetic(model, data),
    }


def arithmetic(model: LatentModel, data: Data) -> Any:
    """Draw thin letters that become bold.

    The mean code of bold letters minus that of thin ones is added to codes. Letters are bold in the
    upper third of the ink of their class, and thin in the lower third.
    """
    from keras_vae.plots.figures import image_grid

    images, bold, thin = as_floats(data.train), *_split_by_ink(data.train, data.train_labels)
    either = np.flatnonzero(bold | thin)
    codes = _encode(model, images[either])
    step = latents.attribute_vector(codes, bold[either])
    test = as_floats(data.test)
    light = _split_by_ink(data.test, data.test_labels)[1]
    order = [index for index in one_of_each(data) if light[index]][:10]
    start = _encode(model, test[order])
    amounts = (0.0, 0.5, 1.0, 1.5)
    rows = [latents.decode(model, start + amount * step) for amount in amounts]
    labels = ["input", *(f"+ {amount:g} bold" for amount in amounts)]
    return image_grid(
        np.stack([test[order], *rows]), "Code + (mean of bold - mean of thin)", labels
    )


def holes(vae: Any, autoencoder: Any, data: Data) -> Any:
    """Draw codes of test images with random codes among them, and what the random codes decode to.

    The random codes of the VAE are of its prior. An autoencoder has none, so its random codes are
    from the same prior, and from the box that holds the codes of test images.
    """
    from keras_vae.plots.figures import enlarge, mosaic, new_figure

    random = np.random.default_rng(0)
    size = (ROWS * COLUMNS, LATENT)
    prior = random.normal(size=size).astype("float32")
    codes = {model: _encode(model, as_floats(data.test[:POINTS])) for model in (autoencoder, vae)}
    low, high = codes[autoencoder].min(axis=0), codes[autoencoder].max(axis=0)
    box = random.uniform(low, high, size).astype("float32")
    panels = {
        "Autoencoder, random codes of a standard normal": (autoencoder, prior),
        "Autoencoder, random codes of the box around its codes": (autoencoder, box),
        "VAE, random codes of its prior, a standard normal": (vae, prior),
    }
    figure = new_figure(10, 9.2, layout="constrained")
    axes = figure.subplots(3, 2, width_ratios=(1, 2.1))
    labels = None if data.test_labels is None else data.test_labels[:POINTS]
    for (left, right), (title, (model, drawn)) in zip(axes, panels.items(), strict=True):
        _scatter(left, codes[model], labels, drawn)
        images = latents.decode(model, drawn).reshape(ROWS, COLUMNS, *data.image_shape)
        right.imshow(mosaic(enlarge(images, 56), 2), cmap="gray", vmin=0, vmax=1)
        right.set_title(title)
        right.set_axis_off()
    return figure


def _scatter(axes: Any, codes: np.ndarray, labels: np.ndarray | None, drawn: np.ndarray) -> None:
    """Draw codes and random codes in the two main directions of both."""
    directions = _main_directions(np.concatenate([codes, drawn]))
    middle = codes.mean(axis=0)
    axes.scatter(*((codes - middle) @ directions).T, c=labels, cmap="tab10", s=3)
    axes.scatter(*((drawn - middle) @ directions).T, c="black", marker="x", s=14)
    axes.set_title("Codes of test images; x: random codes")
    axes.set(xlabel="main direction", ylabel="second direction")


def _main_directions(codes: np.ndarray) -> np.ndarray:
    """Return the two directions in which codes vary most, `(latent, 2)`."""
    return np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)[2][:2].T


def _encode(model: LatentModel, images: np.ndarray) -> np.ndarray:
    return latents.as_numpy(model.encode(images))


def _split_by_ink(images: np.ndarray, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return masks of the images with much ink for their class, and with little."""
    ink = images.reshape(len(images), -1).mean(axis=1)
    classes = np.zeros(len(images), int) if labels is None else labels
    heavy, light = np.zeros(len(images), bool), np.zeros(len(images), bool)
    for label in np.unique(classes):
        members = classes == label
        low, high = np.percentile(ink[members], [33, 67])
        heavy |= members & (ink > high)
        light |= members & (ink < low)
    return heavy, light
