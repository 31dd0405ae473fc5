"""The data of the gallery, its small networks, and the models that several figures share."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

import keras_vae as kv
from keras_vae import latents
from keras_vae.training.data.loading import Data, as_floats
from keras_vae.training.runs.pictures import one_of_each

LATENT, FILTERS, WIDTHS = 16, (16, 32), (256, 128)
LEARNING_RATE = 2e-3
BATCH = 64
COLUMNS = 10
# Test images of charts and planes.
POINTS = 1000


@dataclass(frozen=True, eq=False)
class Studio:
    """A data set of images, and models that are trained on it once.

    Attributes:
        data: Training and test images.
        epochs: Number of epochs; figures that need longer take multiples of it.
    """

    data: Data
    epochs: int

    @cached_property
    def images(self) -> np.ndarray:
        """Training images, `(count, height, width, channels)`, pixels in [0, 1]."""
        return as_floats(self.data.train)

    @cached_property
    def test(self) -> np.ndarray:
        """Test images of charts, `(count, height, width, channels)`."""
        return as_floats(self.data.test[:POINTS])

    @cached_property
    def test_labels(self) -> np.ndarray:
        """Classes of `test`, `(count,)`; all 0 for data without labels."""
        return _labels(self.data.test_labels, self.data.test)[:POINTS]

    @cached_property
    def labels(self) -> np.ndarray:
        """Classes of `images`, `(count,)`; all 0 for data without labels."""
        return _labels(self.data.train_labels, self.data.train)

    @cached_property
    def some(self) -> np.ndarray:
        """A test image of each class, `(COLUMNS, height, width, channels)`."""
        return as_floats(self.data.test[one_of_each(self.data)[:COLUMNS]])

    @property
    def names(self) -> list[str]:
        """Names of the classes, in order."""
        known = self.data.label_names or ()
        return [*known, *map(str, range(len(known), int(self.labels.max()) + 1))]

    @cached_property
    def autoencoder(self) -> Any:
        """A plain autoencoder."""
        return self.train(self.make(kv.Autoencoder))

    @cached_property
    def vae(self) -> Any:
        """A VAE."""
        return self.train(self.make(kv.VAE))

    @cached_property
    def flat_vae(self) -> Any:
        """A VAE with a code in a plane."""
        return self.train(self.make(kv.VAE, 2), times=2)

    def make(self, kind: Any, latent_dim: int = LATENT, **arguments: Any) -> Any:
        """Return an untrained model of a class that takes an encoder and a decoder."""
        keras.utils.set_random_seed(0)
        heads = 2 if issubclass(kind, kv.VAE) else 1
        networks = kv.nets.dense(self.data.image_shape, latent_dim, WIDTHS, heads)
        return kind(*networks, **{"likelihood": "bernoulli", "seed": 0, **arguments})

    def make_map(self, kind: Any, channels: int, **arguments: Any) -> Any:
        """Return an untrained model whose code is a map."""
        keras.utils.set_random_seed(0)
        networks = kv.nets.conv_map(
            self.data.image_shape, channels, filters=FILTERS, activation="relu"
        )
        return kind(*networks, **{"likelihood": "bernoulli", "seed": 0, **arguments})

    def train(self, model: Any, x: Any = None, times: float = 1) -> Any:
        """Train a model on `x`, by default the images, for `times` the usual epochs.

        Returns:
            The model.
        """
        keras.utils.set_random_seed(0)
        model.compile(
            keras.optimizers.Adam(LEARNING_RATE), jit_compile=False, steps_per_execution=8
        )
        epochs = max(1, round(times * self.epochs))
        model.fit(self.images if x is None else x, epochs=epochs, batch_size=BATCH, verbose=0)
        return model


def codes_of(model: Any, x: Any) -> np.ndarray:
    """Return the codes of `x` as an array on the host."""
    return latents.as_numpy(model.encode(x))


def outputs_of(model: Any, x: Any) -> np.ndarray:
    """Return the reconstructions of `x` as an array on the host."""
    return latents.as_numpy(model.reconstruct(x))


def samples_of(model: Any, count: int = COLUMNS, **options: Any) -> np.ndarray:
    """Return new examples of a model, from seed 0."""
    return latents.as_numpy(model.sample(count, seed=0, **options))


def normal_codes(*shape: int) -> np.ndarray:
    """Return standard normal codes, the same at each call, float32 of `shape`."""
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def _labels(labels: np.ndarray | None, images: np.ndarray) -> np.ndarray:
    return np.zeros(len(images), "int64") if labels is None else labels
