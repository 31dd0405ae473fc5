"""Small models of images with extra terms, for tests."""

import keras
import numpy as np

import keras_vae as kv
from tests.support.models import array

SHAPE = (4, 4, 1)
X = np.random.default_rng(0).random((6, *SHAPE)).astype("float32")
ROWS = np.array([1.0, 0.0, 2.0, 0.5, 1.0, 1.0], "float32")


def features():
    x = keras.Input(SHAPE)
    first = keras.layers.Conv2D(3, 2, activation="relu", name="first")(x)
    return keras.Model(x, keras.layers.Conv2D(2, 2, name="second")(first))


def critic():
    return keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(1)])


def model_of(*terms, cls=kv.Autoencoder, likelihood="normal", **kwargs):
    keras.utils.set_random_seed(3)
    heads = 2 if issubclass(cls, kv.VAE) else 1
    networks = kv.nets.dense(SHAPE, 3, (5,), heads=heads)
    return cls(*networks, likelihood=likelihood, seed=0, extra_terms=[*terms], **kwargs)


def adversarial(discriminator=None, adaptive=False, **kwargs):
    return kv.losses.AdversarialTerm(discriminator or critic(), adaptive=adaptive, **kwargs)


def step(model, rows=None, training=True):
    """The loss, and the logs of one batch."""
    for metric in model.metrics:
        metric.reset_state()
    data = (X, X) if rows is None else (X, X, rows)
    loss, logs = model.loss_and_logs(tuple(map(keras.ops.convert_to_tensor, data)), training)
    return float(array(loss)), {name: float(array(value)) for name, value in logs.items()}
