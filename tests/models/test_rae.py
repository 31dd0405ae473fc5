"""The regularized autoencoder: ridge regression is its decoder's optimum."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.base.conditioning import Conditioning
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


def linear_decoder(likelihood="normal", **kwargs):
    """A model whose code is x, and whose decoder is one dense layer with all weights 0.5 to 2."""
    kernel = np.array([[0.5, 1.0, 2.0], [1.0, 0.5, 1.0], [1.5, 0.5, 1.0]], "float32")
    x, z = keras.Input((3,)), keras.Input((3,))
    decoder = keras.Model(z, keras.layers.Dense(3)(z))
    decoder.set_weights([kernel, np.array([0.1, -0.2, 0.3], "float32")])
    rae = kv.RAE(
        keras.Model(x, 1.0 * x), decoder, likelihood=likelihood, seed=0, **GRADIENT | kwargs
    )
    return rae, kernel


GRADIENT = {"regularizer": "gradient", "probes": None}
Z = np.random.default_rng(3).random((5, 3)).astype("float32")


def test_the_gradient_penalty_of_a_linear_decoder_is_the_square_of_its_kernel():
    rae, kernel = linear_decoder()
    found = terms(rae, Z)["decoder_gradient"]
    np.testing.assert_allclose(found, np.full(5, (kernel**2).sum()), rtol=1e-5)


def sigmoid_penalty(kernel, bias, z):
    """By the chain rule: sum_j (m_j (1 - m_j))^2 sum_i W_ij^2."""
    m = 1.0 / (1.0 + np.exp(-(z @ kernel + bias)))
    return ((m * (1.0 - m)) ** 2 * (kernel**2).sum(axis=0)).sum(axis=1)


def test_the_gradient_penalty_is_that_of_the_mean():
    rae, _ = linear_decoder("bernoulli")
    wanted = sigmoid_penalty(*(w.astype("float64") for w in rae.decoder.get_weights()), Z)
    np.testing.assert_allclose(terms(rae, Z)["decoder_gradient"], wanted, rtol=1e-5)


def test_probes_give_the_gradient_penalty_on_average():
    rae, _ = linear_decoder("bernoulli", probes=2)
    exact = sigmoid_penalty(*(w.astype("float64") for w in rae.decoder.get_weights()), Z[:1])
    found = terms(rae, np.repeat(Z[:1], 6000, axis=0))["decoder_gradient"]
    error = found.std() / np.sqrt(len(found))
    assert 0 < error and abs(found.mean() - exact[0]) < 4 * error


def test_the_gradient_penalty_moves_decoder_and_codes():
    """Both gradients are those of the closed form, by central differences in float64."""
    off = {"reconstruction": 0.0, "code": 0.0}
    rae, _ = linear_decoder("bernoulli", loss_weights=off, decoder_weight=1.0)
    shift = keras.layers.Dense(3, kernel_initializer="identity")
    x = keras.Input((3,))
    both = kv.RAE(
        keras.Model(x, shift(x)),
        rae.decoder,
        likelihood="bernoulli",
        decoder_weight=1.0,
        loss_weights=off,
        seed=0,
        **GRADIENT,
    )
    _, (_, codes, kernel, _) = loss_and_gradients(both, Z)
    weights = [w.astype("float64") for w in rae.decoder.get_weights()]
    for i in range(3):
        step = np.eye(3)[i] * 1e-5
        ends = [sigmoid_penalty(*weights, Z + s * step).mean() for s in (1, -1)]
        assert codes[i] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3, abs=1e-5)
        place = np.outer(np.eye(3)[i], np.eye(3)[1]) * 1e-5
        ends = [sigmoid_penalty(weights[0] + s * place, weights[1], Z).mean() for s in (1, -1)]
        assert kernel[i, 1] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3, abs=1e-5)


def test_without_its_weight_the_gradient_penalty_is_an_autoencoder():
    loss, _ = loss_and_gradients(model(code_weight=0.0, decoder_weight=0.0, **GRADIENT), X)
    assert loss == pytest.approx(loss_and_gradients(model(kv.Autoencoder), X)[0], rel=1e-6)


@pytest.mark.parametrize("bad", [{"regularizer": "spectral"}, {"probes": 0}])
def test_an_unknown_regularizer_and_no_probes_are_refused(bad):
    with pytest.raises(ValueError, match="Expected (regularizer|probes).*Received: "):
        model(**bad)


def test_the_gradient_penalty_has_no_place_for_a_condition():
    networks = kv.nets.conditional(kv.nets.dense, (6,), 2, 3, heads=1, hidden=(8,))
    with pytest.raises(TypeError, match="loss takes a condition"):
        type("Given", (Conditioning, kv.RAE), {})(*networks, regularizer="gradient")
