"""The beta-TC-VAE: its estimates of q(z) by enumeration, and the VAE as its limit."""

import keras
import numpy as np
import pytest
import scipy.stats

import keras_vae
from keras_vae.distributions import Normal
from keras_vae.losses.terms import aggregate_log_densities
from keras_vae.models.tc_vae import BetaTCVAE
from keras_vae.models.vae import VAE
from tests.support.objectives import as_numpy, loss_and_gradients, terms


def densities(z, mean, log_var, size, stratified=True):
    arrays = (np.asarray(a, "float32") for a in (z, mean, log_var))
    z, mean, log_var = (keras.ops.convert_to_tensor(a) for a in arrays)
    found = aggregate_log_densities(z, Normal(mean, log_var), size, stratified)
    return [as_numpy(d).astype("float64") for d in found]


def model(kind=BetaTCVAE, **kwargs):
    keras.utils.set_random_seed(3)
    return kind(*keras_vae.nets.dense((6,), 3, hidden=(8,), heads=2), seed=4, **kwargs)


X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")


def test_the_total_correlation_of_a_correlated_gaussian_is_found():
    """Anchor row 16: correlation 0.8 has -log(1 - 0.64) / 2 = 0.5108256 nats."""
    rng, variance = np.random.default_rng(0), 0.15
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]]) - variance * np.eye(2)
    mean = rng.multivariate_normal([0, 0], covariance, 3000)
    z = mean + np.sqrt(variance) * rng.normal(size=mean.shape)
    log_q, log_product = densities(z, mean, np.full(mean.shape, np.log(variance)), len(mean))
    assert (log_q - log_product).mean() == pytest.approx(0.5108256, abs=0.04)


@pytest.mark.parametrize("stratified", [True, False])
def test_a_batch_that_is_the_whole_data_set_gives_the_mixture_itself(stratified):
    """Up to the factor of batch weights 1 / (N B), which sum to 1 / N, without stratification."""
    rng = np.random.default_rng(1)
    z, mean, log_var = rng.normal(size=(3, 7, 2))
    log_q, log_product = densities(z, mean, log_var, 7, stratified)
    each = scipy.stats.norm(mean[None], np.exp(0.5 * log_var[None])).pdf(z[:, None])
    scale = 1.0 if stratified else 7.0
    np.testing.assert_allclose(np.exp(log_q) * scale, each.prod(-1).mean(1), rtol=1e-4)
    expected = each.mean(1).prod(-1) / scale**2
    np.testing.assert_allclose(np.exp(log_product), expected, rtol=1e-4)


def test_the_stratified_estimate_of_the_density_is_unbiased_and_the_weighted_one_is_not():
    """Anchor row 16: the mean over all batches of two that hold the example of z."""
    rng = np.random.default_rng(2)
    mean, log_var = rng.normal(size=(2, 5, 1))
    z = mean + 0.3
    truth = scipy.stats.norm(mean[:, 0], np.exp(0.5 * log_var[:, 0])).pdf(z[0, 0]).mean()

    def average(stratified):
        batches = [[0, other] for other in range(1, 5)]
        found = [densities(z[b], mean[b], log_var[b], 5, stratified)[0][0] for b in batches]
        return np.exp(found).mean()

    assert average(True) == pytest.approx(truth, rel=1e-5)
    assert average(False) < 0.5 * truth


def test_a_batch_of_one_example_is_its_own_density():
    log_q, log_product = densities([[0.5, 1.0]], [[0.0, 0.0]], [[0.0, 0.0]], 1)
    expected = scipy.stats.norm.logpdf([0.5, 1.0]).sum()
    np.testing.assert_allclose([log_q[0], log_product[0]], expected, rtol=1e-5)


def test_with_unit_weights_it_is_the_vae():
    """Anchor row 16: the same loss and the same gradients, exactly."""
    loss, gradients = loss_and_gradients(model(beta=1.0, dataset_size=20), X)
    expected, wanted = loss_and_gradients(model(VAE), X)
    assert loss == pytest.approx(expected, rel=1e-6)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_three_parts_sum_to_the_sampled_kl():
    vae = model(dataset_size=50)
    q = vae.posterior(X)
    z = q.sample(keras.random.SeedGenerator(4))
    expected = as_numpy(q.log_prob(z) - vae.prior(z).log_prob(z))
    found = terms(vae, X)
    parts = sum(found[n] for n in ("mutual_information", "total_correlation", "dimension_kl"))
    np.testing.assert_allclose(parts, expected, rtol=1e-3, atol=1e-4)


def test_alpha_beta_and_gamma_weigh_the_parts():
    vae = model(dataset_size=50, alpha=0.5, beta=4.0, gamma=2.0)
    found = {name: term.mean() for name, term in terms(model(dataset_size=50), X).items()}
    expected = found["reconstruction"] + found["kl"] - 0.5 * found["mutual_information"]
    expected += 3.0 * found["total_correlation"] + found["dimension_kl"]
    assert loss_and_gradients(vae, X)[0] == pytest.approx(expected, rel=1e-5)


def test_an_impossible_dataset_size_is_refused():
    with pytest.raises(ValueError, match="Expected dataset_size.*Received: dataset_size=0"):
        model(dataset_size=0)
