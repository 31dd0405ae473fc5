"""The regularized autoencoder: ridge regression is its decoder's optimum."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support.models import array, dense
from tests.support.objectives import loss_and_gradients, terms

X = np.random.default_rng(0).random((30, 6)).astype("float32")


def model(kind=kv.RAE, **kwargs):
    keras.utils.set_random_seed(3)
    return kind(*dense(), seed=4, **kwargs)


def test_without_weights_it_is_an_autoencoder():
    loss, gradients = loss_and_gradients(model(code_weight=0.0, decoder_weight=0.0), X)
    expected, wanted = loss_and_gradients(model(kv.Autoencoder), X)
    assert loss == pytest.approx(expected, rel=1e-6)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_terms_are_half_the_square_of_the_code_and_the_square_of_the_decoder():
    rae = model()
    found = terms(rae, X)
    z = array(rae.encode(X))
    np.testing.assert_allclose(found["code"], 0.5 * (z**2).sum(1), rtol=1e-5)
    decay = sum((array(v) ** 2).sum() for v in rae.decoder.trainable_variables)
    np.testing.assert_allclose(found["decoder_decay"], decay, rtol=1e-5)


@pytest.mark.slow
def test_a_linear_decoder_of_given_codes_becomes_ridge_regression():
    """min |x - z W - b|^2 / 2 + w (|W|^2 + |b|^2), solved in closed form."""
    x, z = keras.Input((4,)), keras.Input((2,))
    decoder = keras.Model(z, keras.layers.Dense(4)(z))
    weight, data = 0.5, np.random.default_rng(1).normal(size=(40, 4)).astype("float32")
    rae = kv.RAE(keras.Model(x, x[:, :2]), decoder, decoder_weight=weight, seed=0)
    rae.compile(keras.optimizers.SGD(0.3))
    rae.fit(data, batch_size=40, epochs=60, verbose=0)
    design = np.c_[data[:, :2], np.ones(40)]
    wanted = np.linalg.solve(design.T @ design / 40 + 2 * weight * np.eye(3), design.T @ data / 40)
    found = np.concatenate([w.reshape(-1, 4) for w in decoder.get_weights()])
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_it_samples_once_a_sampler_is_fitted_to_its_codes():
    rae = model()
    with pytest.raises(TypeError, match="fit_sampler"):
        rae.sample(2)
    rae.fit_sampler(X, components=2)
    assert tuple(rae.sample(5, seed=0).shape) == (5, 6)
