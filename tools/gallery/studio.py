"""The figure of each model: inputs, corrupted inputs of denoisers, codes, and outputs."""

from typing import Any

import keras
import numpy as np

from keras_vae import latents
from keras_vae.training.data.loading import Data, as_floats
from keras_vae.training.runs.pictures import one_of_each
from keras_vae.typing import LatentModel
from tools.catalogue.models import Entry
from tools.gallery.codes import highest_code, resize, to_images

LEARNING_RATE = 2e-3
BATCH = 64
COLUMNS = 10


def train(entry: Entry, data: Data, epochs: int) -> Any:
    """Return the model after some epochs, from seed 0."""
    keras.utils.set_random_seed(0)
    height, width, channels = data.image_shape
    model = entry.make((height, width, channels))
    model.compile(keras.optimizers.Adam(LEARNING_RATE), jit_compile=False)
    images, labels = as_floats(data.train), _labels(data.train_labels, data.train)
    model.fit(entry.inputs(images, labels), epochs=epochs, batch_size=BATCH, verbose=0)
    return model


def draw_model(name: str, model: LatentModel, entry: Entry, data: Data) -> Any:
    """Return the figure of a trained model on test images."""
    from keras_vae.plots.figures import image_grid

    chosen = one_of_each(data)[:COLUMNS]
    images, labels = as_floats(data.test[chosen]), _labels(data.test_labels, data.test)[chosen]
    rows = make_rows(model, entry.inputs(images, labels), images.shape)
    cells = np.stack([resize(row) for row in rows.values()])
    return image_grid(cells, name, list(rows), cell=cells.shape[2])


def make_rows(model: LatentModel, inputs: Any, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the images of each row, `(batch, height, width, channels)`.

    Series become images again.
    """
    x = keras.tree.flatten(inputs)[0]
    rows = {"input": x}
    seen = inputs
    if hasattr(model, "corruption"):
        seen = rows["corrupted"] = latents.as_numpy(model.corruption(x, training=True))
    code = latents.as_numpy(keras.tree.flatten(model.encode(seen))[0])
    rows["code"] = to_images(code, highest_code(model))
    rows["output"] = latents.as_numpy(model.reconstruct(seen))
    return {
        name: row if name == "code" else np.reshape(row, shape).clip(0, 1)
        for name, row in rows.items()
    }


def _labels(labels: np.ndarray | None, images: np.ndarray) -> np.ndarray:
    return np.zeros(len(images), "int64") if labels is None else labels
