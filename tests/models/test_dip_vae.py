"""DIP-VAE: its penalties for batches of known covariance, and the VAE as the limit."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.losses.terms import covariance_gaps
from tests.support.models import array, dense
from tests.support.objectives import loss_and_gradients, terms

X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")
COVARIANCE = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.25], [0.0, -0.25, 0.5]])


def model(kind=kv.DIPVAE, **kwargs):
    keras.utils.set_random_seed(3)
    return kind(*dense(2), seed=4, **kwargs)


def batch_of_covariance(covariance, count=40):
    """Rows whose covariance, with denominator count - 1, is exactly this one."""
    rows = np.random.default_rng(0).normal(size=(count, len(covariance))) + 5.0
    rows -= rows.mean(axis=0)
    white = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T))).T
    return (white @ np.linalg.cholesky(covariance).T + 3.0).astype("float32")


def of_known_codes(log_var, **kwargs):
    """A model whose z_mean is x, and whose z_log_var is a constant."""
    x, z = keras.Input((3,)), keras.Input((3,))
    networks = keras.Model(x, [1.0 * x, 0.0 * x + log_var]), keras.Model(z, 1.0 * z)
    return kv.DIPVAE(*networks, likelihood="normal", seed=0, **kwargs)


@pytest.mark.parametrize(("covariance", "diagonal"), [("means", 1.25), ("codes", 2.5)])
def test_the_penalties_of_a_known_covariance_are_their_closed_form(covariance, diagonal):
    """By hand: 2 (0.5^2 + 0.25^2); then 1^2 + 0.5^2, and with 0.5 added 1.5^2 + 0.5^2."""
    dip = of_known_codes(np.log(0.5), covariance=covariance)
    found = terms(dip, batch_of_covariance(COVARIANCE))
    assert found["off_diagonal"].shape == found["diagonal"].shape == (40,)
    assert found["off_diagonal"].mean() == pytest.approx(0.625, rel=1e-4)
    assert found["diagonal"].mean() == pytest.approx(diagonal, rel=1e-4)


def test_codes_of_independent_elements_cost_what_the_noise_of_a_batch_does():
    """d (d - 1) / (B - 1) and 2 d / (B - 1), for normal codes of d elements."""
    random, size, count = np.random.default_rng(1), 4, 20
    z = random.normal(size=(150, count, size)).astype("float32")
    found = [[array(t).mean() for t in covariance_gaps(one, 0 * one)] for one in z]
    wanted = np.array([size * (size - 1), 2 * size]) / (count - 1)
    error = np.std(found, axis=0) / np.sqrt(len(found))
    np.testing.assert_array_less(np.abs(np.mean(found, axis=0) - wanted), 3.5 * error)


def test_the_loss_is_that_of_the_paper():
    """Kumar et al. 2018, equations 5 to 7, with the covariance of NumPy."""
    dip = model(beta=2.0, lambda_od=3.0, lambda_d=5.0, covariance="codes")
    q, vae = dip.posterior(X), terms(model(kv.VAE), X)
    c = np.cov(array(q.mean).T) + np.diag(np.exp(array(q.log_var)).mean(axis=0))
    off = (c**2).sum() - (np.diag(c) ** 2).sum()
    penalty = 3.0 * off + 5.0 * ((np.diag(c) - 1.0) ** 2).sum()
    loss, _ = loss_and_gradients(dip, X)
    expected = vae["reconstruction"].mean() + 2.0 * vae["kl"].mean() + penalty
    assert loss == pytest.approx(expected, rel=1e-5)


def test_without_penalties_it_is_the_vae():
    loss, gradients = loss_and_gradients(model(lambda_od=0.0, lambda_d=0.0), X)
    expected, wanted = loss_and_gradients(model(kv.VAE), X)
    assert loss == pytest.approx(expected, rel=1e-6)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("covariance", ["means", "codes"])
def test_it_brings_the_covariance_of_its_codes_to_the_identity(covariance):
    off = {"reconstruction": 0.0, "kl": 0.0}
    keras.utils.set_random_seed(0)
    networks = kv.nets.dense((3,), 3, hidden=(), heads=2)
    dip = kv.DIPVAE(*networks, 10.0, 10.0, covariance, off, likelihood="normal", seed=0)
    dip.compile(keras.optimizers.Adam(0.03))
    x = batch_of_covariance(COVARIANCE, 2000)
    dip.fit(x, batch_size=500, epochs=40, verbose=0)
    q = dip.posterior(x)
    found = np.cov(array(q.mean).T)
    if covariance == "codes":
        found += np.diag(np.exp(array(q.log_var)).mean(axis=0))
    np.testing.assert_allclose(found, np.eye(3), atol=0.05)


def test_a_single_example_has_no_covariance():
    one = np.full((1, 3), 9.0, "float32")
    for term in covariance_gaps(one, one):
        np.testing.assert_array_equal(array(term), [0.0])


def test_another_covariance_is_refused():
    with pytest.raises(ValueError, match="Expected covariance to be 'means' or 'codes'"):
        model(covariance="I")
