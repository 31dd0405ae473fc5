"""VaDE: its KL term against SciPy and quadrature, the VAE as a limit, and known clusters."""

import keras
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import norm

import keras_vae as kv
from keras_vae.distributions import Normal
from keras_vae.variational.priors import GaussianMixture
from tests.support.models import array, dense
from tests.support.objectives import loss_and_gradients, terms

X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")


def model(kind=kv.VaDE, **kwargs):
    keras.utils.set_random_seed(3)
    return kind(*dense(2), seed=4, **kwargs)


def of_codes(size, components, log_var=-4.0, **kwargs):
    """A model whose z_mean is x, and whose z_log_var is a constant."""
    x, z = keras.Input((size,)), keras.Input((size,))
    networks = keras.Model(x, [1.0 * x, 0.0 * x + log_var]), keras.Model(z, 1.0 * z)
    return kv.VaDE(*networks, components, likelihood="normal", seed=0, **kwargs)


def place(one, mean, log_var, logits):
    prior = one.learned_prior
    for name, value in {"mean": mean, "log_var": log_var, "logits": logits}.items():
        getattr(prior, name).assign(np.asarray(value, "float32"))


def test_the_kl_is_equation_12_of_the_paper():
    """Jiang et al. 2017, in the three sums of the paper, with densities of SciPy."""
    random = np.random.default_rng(1)
    one = model(components=4)
    mean, log_var = random.normal(size=(2, 4, 3))
    logits = random.normal(size=4)
    place(one, mean, log_var, logits)
    q = one.posterior(X)
    z = array(q.sample(keras.random.SeedGenerator(4))).astype("float64")
    log_pi = logits - logsumexp(logits)
    log_joint = norm(mean, np.exp(0.5 * log_var)).logpdf(z[:, None]).sum(-1) + log_pi
    g = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    m, v = array(q.mean).astype("float64")[:, None], np.exp(array(q.log_var))[:, None]
    sums = (log_var + v / np.exp(log_var) + (m - mean) ** 2 / np.exp(log_var)).sum(-1)
    bound = -0.5 * (g * sums).sum(1) + (g * (log_pi - np.log(g))).sum(1)
    bound += 0.5 * (1 + np.log(v[:, 0])).sum(-1)
    found = terms(one, X)
    np.testing.assert_allclose(found["kl"], -bound, rtol=1e-4)


def test_with_one_standard_normal_it_is_the_vae():
    one = model(components=1)
    place(one, np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(1))
    loss, gradients = loss_and_gradients(one, X)
    expected, wanted = loss_and_gradients(model(kv.VAE), X)
    assert loss == pytest.approx(expected, rel=1e-6)
    for first, second in zip(gradients, wanted, strict=False):
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_equal_components_are_one():
    q = Normal(*np.random.default_rng(0).normal(size=(2, 5, 2)).astype("float32"))
    mean, log_var = np.full((3, 2), 0.5, "float32"), np.full((3, 2), -0.3, "float32")
    p = GaussianMixture(mean, log_var, np.array([0.0, 1.0, 2.0], "float32"))
    log_g = array(p.log_responsibilities(q.mean))
    np.testing.assert_allclose(log_g, np.tile(array(p.log_weights), (5, 1)), atol=1e-6)
    wanted = array(q.kl(Normal(mean[:1], log_var[:1])))
    np.testing.assert_allclose(array(p.component_kl(q)), np.tile(wanted[:, None], 3), rtol=1e-5)


def test_the_mean_of_the_kl_is_at_least_that_of_the_mixture():
    """By quadrature in one dimension; equal to it where the clusters do not overlap."""
    for distance, slack in ((1.0, 0.5), (12.0, 1e-3)):
        one = of_codes(1, 2, log_var=np.log(0.5))
        place(one, [[-distance / 2], [distance / 2]], np.zeros((2, 1)), [0.0, 1.0])
        weights = np.exp([0.0, 1.0]) / np.exp([0.0, 1.0]).sum()
        q, center = norm(distance / 2, np.sqrt(0.5)), distance / 2

        def log_ratio(z, q=q, center=center, weights=weights):
            p = np.exp(norm([-center, center]).logpdf(z)) @ weights
            return q.pdf(z) * (q.logpdf(z) - np.log(p))

        wanted = quad(log_ratio, center - 6, center + 6)[0]
        x = np.full((20_000, 1), center, "float32")
        found = terms(one, x)["kl"]
        error = 4 * found.std() / np.sqrt(len(found)) + 1e-5
        assert wanted - error < found.mean() < wanted + slack + error


def clusters():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=600)
    centers = np.array([[-6.0, 0.0], [0.0, 6.0], [6.0, 0.0]])
    spread = np.array([0.4, 0.8, 1.2])[labels, None]
    return labels, (centers[labels] + spread * random.normal(size=(600, 2))).astype("float32")


def test_adapt_puts_the_clusters_where_the_codes_are():
    labels, x = clusters()
    one = of_codes(2, 3)
    one.adapt(x)
    found = array(one.cluster(x))
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)
    names = [np.bincount(found.argmax(1)[labels == n], minlength=3) for n in range(3)]
    assert np.linalg.matrix_rank(np.array(names) > 0) == 3 and np.max(names, axis=1).sum() == 600
    order = [row.argmax() for row in names]
    means = array(one.learned_prior.mean)[order]
    np.testing.assert_allclose(means, [x[labels == n].mean(0) for n in range(3)], atol=0.05)
    variances = [x[labels == n].var(0) + np.exp(-4.0) for n in range(3)]
    np.testing.assert_allclose(np.exp(array(one.learned_prior.log_var))[order], variances, rtol=0.1)
    weights = np.exp(array(one.learned_prior.mixture().log_weights))[order]
    np.testing.assert_allclose(weights, np.bincount(labels) / 600, atol=1e-3)


def test_clusters_are_the_posterior_of_the_components():
    one = of_codes(2, 2)
    place(one, [[0.0, 0.0], [1.0, 2.0]], [[0.0, 0.0], [0.5, -0.5]], [0.0, 0.7])
    x = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")
    sigma = np.exp(0.5 * np.array([[0.0, 0.0], [0.5, -0.5]]))
    joint = norm([[0.0, 0.0], [1.0, 2.0]], sigma).logpdf(x[:, None]).sum(-1) + [0.0, 0.7]
    wanted = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    np.testing.assert_allclose(array(one.cluster(x)), wanted, rtol=1e-4)
    found = one.endpoints()["cluster"].function(x)["probabilities"]
    np.testing.assert_allclose(array(found), wanted, rtol=1e-4)


@pytest.mark.slow
def test_training_keeps_clusters_that_were_found():
    """From a fit of the codes, all three clusters are kept, with the labels of the data."""
    labels, x = clusters()
    keras.utils.set_random_seed(0)
    one = kv.VaDE(*kv.nets.dense((2,), 2, (32,), heads=2), 3, likelihood="normal", seed=0, beta=0.0)
    one.compile(keras.optimizers.Adam(0.01))
    one.fit(x, epochs=20, verbose=0)
    one.adapt(x)
    one.beta = 1.0
    one.fit(x, epochs=20, verbose=0)
    found = array(one.cluster(x)).argmax(axis=1)
    names = [np.bincount(found[labels == n], minlength=3) for n in range(3)]
    assert len({row.argmax() for row in names}) == 3 and np.max(names, axis=1).sum() > 580


def test_no_components_are_refused():
    with pytest.raises(ValueError, match="components of at least 1"):
        model(components=0)
