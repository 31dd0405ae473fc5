"""Likelihoods of grey levels: the continuous Bernoulli and the discretized logistics."""

import math

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

from keras_vae import distributions as d
from tests.support.differentiation import gradient

LEVELS = (np.arange(256) / 255).astype("float32")


def to_numpy(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


def column(value):
    return np.full((1, 1), value, "float32")


# The continuous Bernoulli.


@pytest.mark.parametrize(
    ("chance", "log_normalizer", "mean"),
    [
        (0.5, 0.69314718, 0.5),
        (0.6, 0.70671746, 0.53369654),
        (0.75, 0.78719501, 0.58976077),
        (0.9, 1.01033856, 0.66988039),
        (0.99, 1.54519755, 0.79258190),
        (0.25, 0.78719501, 1 - 0.58976077),
    ],
)
def test_continuous_bernoulli_has_its_known_normalizer_and_mean(chance, log_normalizer, mean):
    p = d.ContinuousBernoulli(column(scipy.special.logit(chance)))
    for x in (0.0, 0.3, 1.0):
        expected = x * math.log(chance) + (1 - x) * math.log1p(-chance) + log_normalizer
        assert to_numpy(p.log_prob(column(x)))[0] == pytest.approx(expected, abs=1e-6)
    assert to_numpy(p.mean)[0, 0] == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("logit", [-50.0, -5.0, -0.61, -0.59, -1e-3, 0.0, 1e-6, 0.59, 0.61, 50.0])
def test_continuous_bernoulli_integrates_to_one_and_to_its_mean(logit):
    p = d.ContinuousBernoulli(column(logit))
    x = np.linspace(0, 1, 20_001)
    density = np.exp(to_numpy(p.log_prob(x.astype("float32")[:, None])))
    assert scipy.integrate.simpson(density, x=x) == pytest.approx(1.0, abs=2e-6)
    mean = to_numpy(p.mean)[0, 0]
    assert scipy.integrate.simpson(x * density, x=x) == pytest.approx(mean, abs=2e-6)


def test_continuous_bernoulli_log_prob_has_the_gradient_x_minus_mean():
    """An exponential family; the series and the closed form must meet in slope as well."""
    logits = np.linspace(-3, 3, 61, dtype="float32")
    (slope,) = gradient(lambda a: d.ContinuousBernoulli(a).log_prob(0.25), logits)
    mean = [_mean_by_quadrature(float(a)) for a in logits]
    np.testing.assert_allclose(slope, 0.25 - np.array(mean), atol=2e-6)


@pytest.mark.parametrize("logit", [-1e30, 1e30])
def test_continuous_bernoulli_survives_any_logit(logit):
    (slope,) = gradient(lambda a: d.ContinuousBernoulli(a).log_prob(0.25), np.full((1, 1), logit))
    assert slope.item() == pytest.approx(0.25 if logit < 0 else -0.75, abs=1e-6)


def _mean_by_quadrature(logit):
    total = scipy.integrate.quad(lambda x: math.exp(logit * x), 0, 1)[0]
    return scipy.integrate.quad(lambda x: x * math.exp(logit * x), 0, 1)[0] / total


@pytest.mark.parametrize(("first", "second"), [(2.0, -1.0), (0.01, 3.0), (-4.0, 0.02)])
def test_kl_of_continuous_bernoullis_equals_quadrature(first, second):
    def density(logit):
        return lambda x: math.exp(logit * x) * logit / math.expm1(logit)

    q, p = density(first), density(second)
    expected, _ = scipy.integrate.quad(lambda x: q(x) * math.log(q(x) / p(x)), 0, 1)
    found = d.ContinuousBernoulli(column(first)).kl(d.ContinuousBernoulli(column(second)))
    np.testing.assert_allclose(to_numpy(found), [expected], rtol=1e-5)


@pytest.mark.parametrize("logit", [-3.0, 0.0, 8.0])
def test_continuous_bernoulli_samples_pass_a_kolmogorov_smirnov_test(logit):
    def cumulative(x):
        return np.expm1(logit * x) / np.expm1(logit) if logit else x

    x = d.ContinuousBernoulli(np.full((99_999,), logit, "float32")).sample(2)
    assert scipy.stats.kstest(to_numpy(x), cumulative).pvalue > 0.001


# Discretized logistics.


def scipy_probabilities(location, log_scale):
    """256 probabilities from differences of the logistic's distribution function, in float64."""
    edges = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 255, [np.inf]])
    return np.diff(scipy.stats.logistic(location, math.exp(log_scale)).cdf(edges))


def probabilities(p):
    return np.exp(to_numpy(p.log_prob(LEVELS[:, None])))


CORNERS = [(0.5, -3.0), (0.0, -1.0), (1.02, -5.0), (-0.5, -2.0), (0.123, -7.0), (0.4, 3.0)]


@pytest.mark.parametrize(("location", "log_scale"), CORNERS)
def test_discretized_logistic_equals_scipys_differences_and_sums_to_one(location, log_scale):
    found = probabilities(d.DiscretizedLogistic(column(location), column(log_scale)))
    expected = scipy_probabilities(location, log_scale)
    np.testing.assert_allclose(found, expected, rtol=5e-4, atol=1e-7)
    assert found.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("log_scale", [-20.0, -8.0, 4.0, 20.0])
@pytest.mark.parametrize("location", [-40.0, 0.3, 1.0, 40.0])
def test_discretized_logistic_sums_to_one_at_the_ends_of_its_range(location, log_scale):
    found = probabilities(d.DiscretizedLogistic(column(location), column(log_scale)))
    assert found.sum() == pytest.approx(1.0, abs=2e-5)


def test_far_from_the_location_the_log_probability_is_the_tails_and_not_a_floor():
    p = d.DiscretizedLogistic(column(0.1), column(-5.0))
    a, b = ((0.9 + side * 0.5 / 255 - 0.1) * math.exp(5.0) for side in (-1, 1))
    expected = -a + math.log1p(-math.exp(a - b))
    assert to_numpy(p.log_prob(column(0.9)))[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("location", "log_scale"), CORNERS)
def test_the_mean_is_that_of_the_clipped_logistic_and_within_half_a_level_of_the_bins(
    location, log_scale
):
    scale = math.exp(log_scale)
    clipped, _ = scipy.integrate.quad(
        lambda t: scipy.special.expit((location - t) / scale), 0, 1, points=[location], limit=200
    )
    mean = to_numpy(d.DiscretizedLogistic(column(location), column(log_scale)).mean)[0, 0]
    assert mean == pytest.approx(clipped, abs=2e-6)
    binned = (scipy_probabilities(location, log_scale) * np.arange(256) / 255).sum()
    assert abs(mean - binned) <= 0.5 / 255


def mixture_of(weights, locations, log_scales):
    parts = [*np.log(weights), *locations, *log_scales]
    return d.DiscretizedLogisticMixture(*(column(part) for part in parts))


def test_mixture_is_the_weighted_sum_of_its_components_and_sums_to_one():
    weights, locations, log_scales = [0.2, 0.5, 0.3], [0.1, 0.5, 1.1], [-4.0, -2.0, -6.0]
    p = mixture_of(weights, locations, log_scales)
    each = [scipy_probabilities(*part) for part in zip(locations, log_scales, strict=True)]
    found = probabilities(p)
    np.testing.assert_allclose(found, np.dot(weights, each), rtol=5e-4, atol=1e-7)
    assert found.sum() == pytest.approx(1.0, abs=1e-5)
    means = [
        to_numpy(d.DiscretizedLogistic(column(a), column(b)).mean)[0, 0]
        for a, b in zip(locations, log_scales, strict=True)
    ]
    assert to_numpy(p.mean)[0, 0] == pytest.approx(np.dot(weights, means), abs=1e-6)


def test_mixture_of_one_component_is_that_component():
    one = d.DiscretizedLogistic(column(0.3), column(-2.0))
    np.testing.assert_allclose(
        probabilities(mixture_of([1.0], [0.3], [-2.0])), probabilities(one), rtol=1e-5
    )


def test_mixture_takes_three_tensors_for_each_component():
    with pytest.raises(ValueError, match="three tensors for each component.*Received: 4"):
        d.DiscretizedLogisticMixture(*[column(0.0)] * 4)


def test_mixture_samples_have_the_frequencies_of_the_bins():
    """A chi-squared test over 8 groups of levels; the seed is fixed."""
    rows = 20_000
    p = mixture_of([0.3, 0.7], [0.2, 0.95], [-4.0, -3.0])
    parts = [np.log(0.3), np.log(0.7), 0.2, 0.95, -4.0, -3.0]
    many = d.DiscretizedLogisticMixture(*(np.full((rows, 1), v, "float32") for v in parts))
    levels = np.rint(255 * to_numpy(many.sample(4))[:, 0]).astype(int)
    observed = np.bincount(levels, minlength=256).reshape(8, 32).sum(axis=1)
    expected = rows * probabilities(p).reshape(8, 32).sum(axis=1)
    expected *= observed.sum() / expected.sum()
    assert scipy.stats.chisquare(observed, expected).pvalue > 0.001


def test_a_wide_interior_costs_8_bits_a_pixel():
    """A mixture whose inner bins are all alike is close to uniform: log2(256) bits."""
    count = 32
    centers = (np.arange(count) + 0.5) / count
    p = mixture_of([1 / count] * count, centers, [math.log(0.5 / count)] * count)
    inner = -np.log2(probabilities(p))[32:-32]
    np.testing.assert_allclose(inner, 8.0, atol=0.02)


def test_rounded_pixels_cost_no_more_than_pixels_with_uniform_noise():
    """Jensen: log of a bin's mass is at least the mean log density over it, times its width."""
    logistic = scipy.stats.logistic(0.4, math.exp(-4.0))
    p = d.DiscretizedLogistic(column(0.4), column(-4.0))
    exact = to_numpy(p.log_prob(LEVELS[:, None]))[1:-1]
    noise = (np.arange(51) + 0.5) / 51 - 0.5
    dequantized = logistic.logpdf(LEVELS[1:-1, None] + noise / 255).mean(axis=1) - math.log(255)
    assert np.all(exact >= dequantized - 1e-4)
    assert np.any(exact > dequantized + 1e-3)
