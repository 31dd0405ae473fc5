"""Optima that are known: the score that a denoiser learns, and a code that nobody reads."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.training.data.loading import load
from keras_vae.training.data.sources.fashion_mnist import FASHION_MNIST_FOLDER
from tests.support.models import array


def linear_denoiser(size, sigma):
    keras.utils.set_random_seed(0)
    noise = keras.layers.GaussianNoise(sigma, seed=1)
    return kv.DenoisingAutoencoder(*kv.nets.dense((size,), size, hidden=()), corruption=noise)


# A denoising autoencoder learns the score of its data (Alain & Bengio 2014).


def test_the_step_of_a_denoiser_of_normal_data_is_the_score_of_the_noisy_data():
    """Anchor row 21: (r(y) - y) / sigma^2 = -y / (1 + sigma^2), which is Tweedie's formula."""
    sigma, size = 0.5, 2
    x = np.random.default_rng(0).normal(size=(20_000, size)).astype("float32")
    model = linear_denoiser(size, sigma)
    schedule = keras.optimizers.schedules.CosineDecay(0.03, 400)
    model.compile(keras.optimizers.Adam(schedule))
    model.fit(x, batch_size=500, epochs=10, verbose=0)
    y = np.array([[2.0, 0.0], [0.0, -1.5], [1.0, 1.0], [0.0, 0.0]], "float32")
    score = (array(model(y)) - y) / sigma**2
    np.testing.assert_allclose(score, -y / (1 + sigma**2), atol=0.12)


@pytest.mark.skipif(not FASHION_MNIST_FOLDER.exists(), reason="needs dataset-fashion-mnist")
def test_the_best_linear_denoiser_of_fashion_mnist_has_its_known_error():
    """Anchor row 21: .009197 at sigma = .2 on the test images, where the loss is lowest."""
    sigma = 0.2
    data = load("fashion_mnist")
    x, test = (images.reshape(-1, 784) / np.float32(255) for images in (data.train, data.test))
    mean = x.mean(axis=0)
    covariance = (x - mean).T @ (x - mean) / len(x)
    wiener = np.linalg.solve(covariance + sigma**2 * np.eye(784), covariance)
    model = linear_denoiser(784, sigma)
    weights = (wiener, mean - mean @ wiener, np.eye(784), np.zeros(784))
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        variable.assign(value.astype("float32"))
    noisy = test + sigma * np.random.default_rng(0).normal(size=test.shape).astype("float32")
    error = np.mean((model.predict(noisy, batch_size=2000, verbose=0) - test) ** 2)
    assert error == pytest.approx(0.009197, abs=3e-5)
    model.compile(run_eagerly=True)
    best = model.evaluate(noisy[:2000], test[:2000], batch_size=2000, verbose=0)
    for factor in (0.97, 1.03):
        model.trainable_variables[2].assign(factor * np.eye(784, dtype="float32"))
        assert model.evaluate(noisy[:2000], test[:2000], batch_size=2000, verbose=0) > best


def test_a_vae_whose_decoder_ignores_the_code_collapses_in_training():
    """Anchor row 26: no active unit, no KL and no information, found by gradient descent."""
    keras.utils.set_random_seed(0)
    x = (np.random.default_rng(0).random((400, 6)) > 0.5).astype("float32")
    encoder, _ = kv.nets.dense((6,), 3, hidden=(8,), heads=2)
    z = keras.Input((3,))
    decoder = keras.Model(z, keras.layers.Dense(6)(0.0 * z))
    model = kv.VAE(encoder, decoder, seed=0)
    schedule = keras.optimizers.schedules.CosineDecay(0.03, 200)
    model.compile(keras.optimizers.Adam(schedule))
    before = kv.estimators.kl_per_dimension(model, x).sum()
    model.fit(x, batch_size=50, epochs=25, verbose=0)
    assert before > 0.1 > 1e-3 > kv.estimators.kl_per_dimension(model, x).sum()
    assert kv.estimators.active_units(model, x) == 0
    assert kv.estimators.mutual_information(model, x) == pytest.approx(0.0, abs=5e-3)
