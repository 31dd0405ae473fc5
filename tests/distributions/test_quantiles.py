"""Samples as quantiles at chosen uniform numbers, against SciPy's quantile functions."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats

from keras_vae import distributions as d

U = np.array([[1e-4, 0.1, 0.25, 0.5, 0.75, 0.9, 0.9999]], "float32")


@pytest.fixture
def uniform(monkeypatch):
    """Let `keras.random.uniform` return what a test wants, and note what it was asked for."""
    asked = {}

    def give(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        asked.update(low=minval, high=maxval, dtype=dtype, seed=seed)
        return keras.ops.convert_to_tensor(asked["u"], "float32")

    monkeypatch.setattr(keras.random, "uniform", give)
    return asked


def numbers(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


def test_laplace_samples_are_scipys_quantiles(uniform):
    uniform["u"] = U - 0.5
    found = numbers(d.Laplace(np.full_like(U, 2.0), np.full_like(U, -0.7)).sample(3))
    expected = scipy.stats.laplace(2.0, np.exp(-0.7)).ppf(U.astype("float64"))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # At -1/2 itself the quantile is infinite.
    assert -0.5 < np.float32(uniform["low"]) < -0.499999 and uniform["high"] == 0.5
    assert uniform["seed"] == 3


def test_bernoulli_samples_are_one_below_the_probability(uniform):
    uniform["u"] = np.array([[0.0, 0.49, 0.5, 0.51, 0.99]], "float32")
    assert numbers(d.Bernoulli(np.zeros((1, 5))).sample(0)).tolist() == [[1, 1, 0, 0, 0]]


@pytest.mark.parametrize("logit", [-8.0, -0.5, 1e-4, 0.5, 8.0])
def test_continuous_bernoulli_samples_have_uniform_probabilities(uniform, logit):
    uniform["u"] = U
    x = numbers(d.ContinuousBernoulli(np.full_like(U, logit)).sample(0))
    probability = np.expm1(logit * x) / np.expm1(logit)
    expected = 1.0 - U if logit > 0 else U  # Either direction is a sample of the same law.
    np.testing.assert_allclose(probability, expected, atol=2e-4)


def test_discretized_logistic_samples_are_scipys_quantiles_rounded_to_gray_levels(uniform):
    uniform["u"] = U
    location, log_scale = np.full_like(U, 0.4), np.full_like(U, -3.0)
    found = numbers(d.DiscretizedLogistic(location, log_scale).sample(0))
    quantiles = scipy.stats.logistic(0.4, np.exp(-3.0)).ppf(U.astype("float64"))
    expected = np.round(255 * np.clip(quantiles, 0.0, 1.0)) / 255
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert expected[0, 0] == 0.0 and 0.0 < expected[0, 3] < 1.0  # Clipped, and not clipped.
    assert 0.0 < uniform["low"] < 1e-6 and 1.0 - 1e-6 < uniform["high"] < 1.0


def test_a_mixture_takes_the_component_of_the_largest_gumbel_noise(uniform):
    weights, locations = [[0.2], [0.5], [0.3]], [[0.1], [0.5], [0.9]]
    p = d.DiscretizedLogisticMixture(*np.log(weights), *locations, *[[-5.0]] * 3)
    for u in ([0.9, 0.9, 0.9, 0.5], [0.99, 0.2, 0.4, 0.5], [0.1, 0.2, 0.9, 0.5]):
        uniform["u"] = np.array([u])
        gumbel = scipy.stats.gumbel_r.ppf(u[:3]) + np.log(np.ravel(weights))
        expected = np.round(255 * locations[int(np.argmax(gumbel))][0]) / 255
        assert numbers(p.sample(0)) == pytest.approx(expected, abs=1e-6)


def test_categorical_samples_have_the_frequencies_of_the_classes():
    logits = np.log([0.1, 0.6, 0.3])
    found = numbers(d.Categorical(np.tile(logits, (4000, 1))).sample(1))
    assert set(found.sum(axis=1)) == {1.0}
    assert scipy.stats.chisquare(found.sum(axis=0), 4000 * np.exp(logits)).pvalue > 1e-3


def test_normal_samples_are_scipys_quantiles_at_normal_noise():
    p = d.Normal(np.full((1, 3), 2.0), np.full((1, 3), np.log(9.0)))
    noise = scipy.special.ndtri([[0.1, 0.5, 0.9]])
    expected = scipy.stats.norm(2.0, 3.0).ppf([[0.1, 0.5, 0.9]])
    np.testing.assert_allclose(numbers(p.from_noise(noise)), expected, rtol=1e-5)
    z, log_prob = p.from_noise_with_log_prob(keras.ops.convert_to_tensor(noise, "float32"))
    np.testing.assert_allclose(numbers(z), expected, rtol=1e-5)
    density = scipy.stats.norm(2.0, 3.0).logpdf(expected).sum()
    assert numbers(log_prob) == pytest.approx(density, rel=1e-5)
