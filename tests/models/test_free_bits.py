"""Free bits for each latent element: sum_j max(nats, mean KL_j) and its gradient."""

import keras
import numpy as np
import pytest

import keras_vae
from keras_vae.distributions import Normal
from keras_vae.losses.terms import free_bits_excess, kl_per_element
from keras_vae.models.free_bits import FreeBitsVAE
from keras_vae.models.vae import VAE
from tests.support.differentiation import gradient
from tests.support.objectives import as_numpy, loss_and_gradients, terms

X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")


def model(kind, **kwargs):
    keras.utils.set_random_seed(3)
    return kind(*keras_vae.nets.dense((6,), 3, hidden=(8,), heads=2), seed=4, **kwargs)


def test_the_kl_of_elements_sums_to_the_kl():
    mean, log_var, other = np.random.default_rng(0).normal(size=(3, 5, 2, 3)).astype("float32")
    q, p = Normal(mean, log_var), Normal(other, 0.5 * log_var)
    each = as_numpy(kl_per_element(q, p))
    assert each.shape == (5, 6)
    np.testing.assert_allclose(each.sum(1), as_numpy(q.kl(p)), rtol=1e-5)
    alone = Normal(mean[:, 1, 2:], log_var[:, 1, 2:]).kl(
        Normal(other[:, 1, 2:], 0.5 * log_var[:, 1, 2:])
    )
    np.testing.assert_allclose(each[:, 5], as_numpy(alone), rtol=1e-5)


def test_the_kl_of_each_element_counts_with_its_threshold_at_least():
    """Anchor row 24: flat below the threshold, for the element that is below it and no other."""
    kl = np.array([[0.1, 3.0], [0.3, 1.0], [0.8, 0.5]], "float32")

    def total(kl):
        return keras.ops.sum(kl, axis=1) + free_bits_excess(kl, 0.5)

    assert as_numpy(total(keras.ops.convert_to_tensor(kl))).mean() == pytest.approx(0.5 + 1.5)
    np.testing.assert_allclose(gradient(total, kl)[0], np.tile([[0.0, 1.0]], (3, 1)), atol=1e-6)


def test_without_free_bits_it_is_the_vae():
    loss, gradients = loss_and_gradients(model(FreeBitsVAE, nats=0.0, beta=2.0), X)
    expected, wanted = loss_and_gradients(model(VAE, beta=2.0), X)
    assert loss == pytest.approx(expected, rel=1e-6)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_with_many_free_bits_the_kl_has_no_say():
    loss, gradients = loss_and_gradients(model(FreeBitsVAE, nats=50.0), X)
    expected, wanted = loss_and_gradients(model(VAE, beta=0.0), X)
    assert loss == pytest.approx(expected + 3 * 50.0, rel=1e-5)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)
    wanted = terms(model(VAE), X)["kl"]
    np.testing.assert_allclose(terms(model(FreeBitsVAE), X)["kl"], wanted, rtol=1e-5)


def test_a_negative_threshold_is_refused():
    with pytest.raises(ValueError, match="Expected nats of at least 0. Received: nats=-1"):
        model(FreeBitsVAE, nats=-1)
