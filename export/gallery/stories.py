"""What people do with codes, in pictures: walks, arithmetic, a map; and why a VAE is needed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_vae import latents
from training.data import Data, as_floats
from training.pictures import one_of_each

LATENT, FILTERS, HIDDEN = 16, (32, 64), 128
BATCH = 128
LEARNING_RATE = 2e-3
# How long the film shows the samples of an epoch.
FRAME_MILLISECONDS = 400
FRAME_CELL = 28
GRID = 12
POINTS = 2000


def conv_vae(data: Data, latent_dim: int) -> Any:
    """The VAE of most pictures, not trained."""
    import keras_vae as kv

    keras.utils.set_random_seed(0)
    shape = data.image_shape
    return kv.ConvVAE(shape, latent_dim, filters=FILTERS, hidden=HIDDEN, seed=0)


def plain(data: Data, latent_dim: int) -> Any:
    """The same networks without anything that is random."""
    import keras_vae as kv

    keras.utils.set_random_seed(0)
    networks = kv.nets.conv(data.image_shape, latent_dim, filters=FILTERS, hidden=HIDDEN, heads=1)
    return kv.Autoencoder(*networks, likelihood="bernoulli", seed=0)


def train(model: Any, data: Data, epochs: int, callbacks: list[Any] | None = None) -> Any:
    """`model`, trained."""
    model.compile(keras.optimizers.Adam(LEARNING_RATE), jit_compile=False)
    images = as_floats(data.train)
    model.fit(images, epochs=epochs, batch_size=BATCH, verbose=0, callbacks=callbacks or [])
    return model


class Film(keras.callbacks.Callback):
    """Samples of the same seeds after each epoch, as an animation."""

    def __init__(self, count: int = 64) -> None:
        super().__init__()
        self.count = count
        self.frames: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep what the model samples now."""
        from keras_vae.plots.figures import enlarged, mosaic

        side = round(self.count**0.5)
        images = latents.as_numpy(self.model.sample(side * side, seed=0))
        grid = enlarged(images.reshape(side, side, *images.shape[1:]), FRAME_CELL)
        self.frames.append((255 * mosaic(grid, 2)).astype("uint8"))

    def save(self, path: Path) -> None:
        """Write the frames as a GIF that is played again and again."""
        from PIL import Image

        first, *rest = (Image.fromarray(frame) for frame in self.frames)
        first.save(path, save_all=True, append_images=rest, duration=FRAME_MILLISECONDS, loop=0)


def walks(model: Any, data: Data) -> dict[str, Callable[[], Any]]:
    """Pictures of a trained VAE by name: each a function that makes the figure."""
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


def arithmetic(model: Any, data: Data) -> Any:
    """Thin letters made bold: the mean code of bold ones minus that of thin ones, added to codes.

    Bold is the upper third of the ink of each class, thin the lower third.
    """
    from keras_vae.plots.figures import image_grid

    images, bold, thin = as_floats(data.train), *_heavy_and_light(data.train, data.train_labels)
    either = np.flatnonzero(bold | thin)
    codes = _encoded(model, images[either])
    step = latents.attribute_vector(codes, bold[either])
    test = as_floats(data.test)
    light = _heavy_and_light(data.test, data.test_labels)[1]
    order = [index for index in one_of_each(data) if light[index]][:10]
    start = _encoded(model, test[order])
    amounts = (0.0, 0.5, 1.0, 1.5)
    rows = [latents.decode(model, start + amount * step) for amount in amounts]
    labels = ["input", *(f"+ {amount:g} bold" for amount in amounts)]
    return image_grid(
        np.stack([test[order], *rows]), "Code + (mean of bold - mean of thin)", labels
    )


def holes(vae: Any, autoencoder: Any, data: Data) -> Any:
    """Two latent planes: codes of test images, and what the decoder makes of the plane.

    The plane of the autoencoder is the rectangle that holds its codes, that of the VAE the square
    that holds nearly all of its prior. Cells without a code are red.
    """
    from keras_vae.plots.figures import enlarged, mosaic, new_figure

    figure = new_figure(11, 10.4, layout="constrained")
    panels = figure.subplots(2, 2)
    x = as_floats(data.test[:POINTS])
    labels = None if data.test_labels is None else data.test_labels[:POINTS]
    for (left, right), (name, model) in zip(
        panels, {"Autoencoder": autoencoder, "VAE": vae}.items(), strict=True
    ):
        codes = _encoded(model, x)
        low, high = codes.min(axis=0), codes.max(axis=0)
        if model is vae:
            low, high = np.array([[-3.0] * 2, [3.0] * 2])
        left.scatter(*codes.T, c=labels, cmap="tab10", s=5)
        left.set(title=f"{name}: codes of {len(x):,} test images", xlim=(low[0], high[0]))
        left.set(ylim=(low[1], high[1]))
        middles = [np.linspace(a, b, GRID) for a, b in zip(low, high, strict=True)]
        images = latents.decode(model, np.stack(np.meshgrid(*middles), axis=-1)[::-1])
        images = _red(images, ~_occupied(codes, middles)[::-1])
        right.imshow(mosaic(enlarged(images, 28), 1), interpolation="nearest")
        right.set(title=f"{name}: the same plane, decoded")
        right.set_axis_off()
    return figure


def _occupied(codes: np.ndarray, middles: list[np.ndarray]) -> np.ndarray:
    """Which cells around a grid of points have a code in them, `(second, first)`."""
    edges = [np.append(m, 2 * m[-1] - m[-2]) - (m[1] - m[0]) / 2 for m in middles]
    return np.histogram2d(codes[:, 0], codes[:, 1], bins=edges)[0].T > 0


def _red(images: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Grey images `(rows, columns, height, width, 1)` in color, those of `where` on red."""
    colored = np.repeat(images.mean(axis=-1, keepdims=True), 3, axis=-1)
    colored[where, ..., 0] = 0.45 + 0.55 * colored[where, ..., 0]
    return colored


def _encoded(model: Any, images: np.ndarray) -> np.ndarray:
    return latents.as_numpy(model.encode(images))


def _heavy_and_light(
    images: np.ndarray, labels: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Which images have much ink for their class, and which little."""
    ink = images.reshape(len(images), -1).mean(axis=1)
    classes = np.zeros(len(images), int) if labels is None else labels
    heavy, light = np.zeros(len(images), bool), np.zeros(len(images), bool)
    for label in np.unique(classes):
        members = classes == label
        low, high = np.percentile(ink[members], [33, 67])
        heavy |= members & (ink > high)
        light |= members & (ink < low)
    return heavy, light
