"""The contractive autoencoder: the Jacobian of one layer is known in full."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support.differentiation import gradient
from tests.support.models import array
from tests.support.objectives import loss_and_gradients, terms

X = np.random.default_rng(0).random((12, 6)).astype("float32")


def one_layer(activation="sigmoid", **kwargs):
    keras.utils.set_random_seed(3)
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, activation)])
    encoder.set_weights([2.0 * w + 0.1 for w in encoder.get_weights()])
    decoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6)])
    return kv.ContractiveAutoencoder(encoder, decoder, seed=1, **kwargs)


def sigmoid_penalty(kernel, bias, x):
    """Rifai et al. 2011, equation 3: sum_j (h_j (1 - h_j))^2 sum_i W_ij^2."""
    h = 1.0 / (1.0 + np.exp(-(x @ kernel + bias)))
    return ((h * (1.0 - h)) ** 2 * (kernel**2).sum(axis=0)).sum(axis=1)


def test_the_penalty_of_one_sigmoid_layer_is_its_closed_form():
    """Anchor row 22."""
    model = one_layer(probes=None)
    wanted = sigmoid_penalty(*(w.astype("float64") for w in model.encoder.get_weights()), X)
    np.testing.assert_allclose(terms(model, X)["contraction"], wanted, rtol=1e-5)
    np.testing.assert_allclose(terms(model, X, training=False)["contraction"], wanted, rtol=1e-5)


def test_the_gradient_of_the_penalty_is_that_of_the_closed_form():
    """By central differences of the closed form in float64."""
    model = one_layer(probes=None)
    model.loss_weights["contraction"].assign(1e4)  # The reconstruction is lost in rounding.
    _, gradients = loss_and_gradients(model, X)
    kernel, bias = (w.astype("float64") for w in model.encoder.get_weights())
    for i, j in [(0, 0), (3, 2), (5, 3)]:
        step = np.zeros_like(kernel)
        step[i, j] = 1e-5
        ends = [sigmoid_penalty(kernel + s * step, bias, X).mean() for s in (1, -1)]
        wanted = (ends[0] - ends[1]) / 2e-5
        assert gradients[0][i, j] / 1e4 == pytest.approx(wanted, rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("probes", [1, 3])
def test_probes_give_the_penalty_on_average(probes):
    model, exact = one_layer(probes=probes), one_layer(probes=None)
    x = np.repeat(X[:1], 6000, axis=0)
    found = terms(model, x)["contraction"]
    error = found.std() / np.sqrt(len(x))
    assert 0 < error
    assert abs(found.mean() - terms(exact, X[:1])["contraction"][0]) < 4 * error


def test_the_jacobian_of_a_deep_encoder_is_that_of_automatic_differentiation():
    keras.utils.set_random_seed(0)
    networks = kv.nets.dense((6,), 2, hidden=(7, 5), activation="tanh")
    model = kv.ContractiveAutoencoder(*networks, probes=None)
    rows = [gradient(lambda x, j=j: model.encode(x)[:, j], X)[0] for j in range(2)]
    wanted = sum((row**2).sum(axis=1) for row in rows)
    np.testing.assert_allclose(terms(model, X)["contraction"], wanted, rtol=1e-4)


def test_codes_and_inputs_may_be_maps_and_layers_may_have_a_state():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(1).random((5, 6, 6, 1)).astype("float32")
    encoder, decoder = kv.nets.conv_map((6, 6, 1), 2, filters=(2,))
    normalized = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.BatchNormalization()])
    encoder = keras.Model(encoder.input, encoder(normalized(encoder.input)))
    model = kv.ContractiveAutoencoder(encoder, decoder, probes=2, seed=0)
    model.compile("sgd")
    history = model.fit(x, batch_size=5, epochs=2, verbose=0).history
    assert np.isfinite(history["contraction"]).all() and min(history["contraction"]) > 0
    moving = [v for v in model.non_trainable_variables if "moving_mean" in v.path]
    assert moving and all(np.abs(array(v)).max() > 0 for v in moving)


def test_without_its_weight_it_is_an_autoencoder():
    model = one_layer(contraction_weight=0.0)
    plain = kv.Autoencoder(model.encoder, model.decoder)
    assert loss_and_gradients(model, X)[0] == pytest.approx(loss_and_gradients(plain, X)[0])


def test_no_probes_are_refused():
    with pytest.raises(ValueError, match="probes of at least 1. Received: probes=0"):
        one_layer(probes=0)
