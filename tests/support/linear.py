"""Linear autoencoders whose gradients are written out in NumPy, in float64."""

import keras
import numpy as np

import keras_vae as kv
from tests.support.models import array, values

ROWS, FEATURES, CODES, BATCH = 13, 4, 2, 5

X = np.random.default_rng(0).normal(size=(ROWS, FEATURES)).astype("float32")
Y = np.random.default_rng(1).normal(size=(ROWS, FEATURES)).astype("float32")
WEIGHTS = np.linspace(0.2, 2.0, ROWS).astype("float32")


def autoencoder(features=FEATURES, **kwargs):
    keras.utils.set_random_seed(3)
    return kv.Autoencoder(*kv.nets.dense((features,), CODES, hidden=()), **kwargs)


def vae(**kwargs):
    keras.utils.set_random_seed(3)
    networks = kv.nets.dense((FEATURES,), CODES, hidden=(), heads=2)
    return kv.VAE(*networks, likelihood="normal", seed=11, **kwargs)


def batches(*arrays, size=BATCH):
    """Slices of arrays, the last one ragged."""
    for start in range(0, len(arrays[0]), size):
        yield tuple(a[start : start + size].astype("float64") for a in arrays)


def gradients(parameters, x, y, weights):
    """Of sum_i w_i ||y_i - (x_i A + a) B - b||^2 / 2n, for parameters A, a, B, b."""
    encoder, encoder_bias, decoder, decoder_bias = parameters
    z = x @ encoder + encoder_bias
    error = (z @ decoder + decoder_bias - y) * weights[:, None] / len(x)
    of_z = error @ decoder.T
    return [x.T @ of_z, of_z.sum(0), z.T @ error, error.sum(0)]


def vae_gradients(parameters, x, y, weights, noise, beta):
    """The same with z = m + exp(v / 2) noise, plus beta sum_i w_i KL_i / n."""
    mean_kernel, mean_bias, log_kernel, log_bias, decoder, decoder_bias = parameters
    m, v = x @ mean_kernel + mean_bias, x @ log_kernel + log_bias
    z = m + np.exp(v / 2) * noise
    row = weights[:, None] / len(x)
    error = (z @ decoder + decoder_bias - y) * row
    of_z = error @ decoder.T
    of_m = of_z + beta * row * m
    of_v = of_z * noise * np.exp(v / 2) / 2 + beta * row * (np.exp(v) - 1) / 2
    encoder = [x.T @ of_m, of_m.sum(0), x.T @ of_v, of_v.sum(0)]
    return [*encoder, z.T @ error, error.sum(0)]


def descend(parameters, slopes, rate):
    return [p - rate * slope for p, slope in zip(parameters, slopes, strict=True)]


def train_by_hand(model, rate, weights=WEIGHTS):
    """Parameters after one epoch of gradient descent from those of a fresh `model`."""
    parameters = [p.astype("float64") for p in values(model.trainable_variables)]
    for x, y, w in batches(X, Y, weights):
        parameters = descend(parameters, gradients(parameters, x, y, w), rate)
    return parameters


def train_vae_by_hand(model, rate, beta=1.0, weights=WEIGHTS):
    """The same for a VAE, whose noise is drawn from its seed."""
    parameters = [p.astype("float64") for p in values(model.trainable_variables)]
    seed = keras.random.SeedGenerator(11)
    for x, y, w in batches(X, Y, weights):
        noise = array(keras.random.normal((len(x), CODES), seed=seed)).astype("float64")
        parameters = descend(parameters, vae_gradients(parameters, x, y, w, noise, beta), rate)
    return parameters
