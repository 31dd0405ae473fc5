"""Counts, positive numbers, heavy tails and angles: against SciPy, from tiny to a million."""

import keras
import numpy as np
import pytest
import scipy.stats

from keras_vae import distributions as d

COUNT = 300
SAMPLES = 5000


def to_numpy(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


def exp(x):
    return np.exp(x.astype("float64"))


def uniform(low, high, seed):
    return np.random.default_rng(seed).uniform(low, high, COUNT).astype("float32")


def counts(seed=0):
    """Counts from 0 to a million, every size alike."""
    large = 10 ** np.random.default_rng(seed).uniform(0, 6, COUNT - 30)
    return np.concatenate([np.arange(30), large]).round().astype("float32")


def near(x, seed, width=0.01):
    """Logarithms of about x, where the terms of a log probability cancel most."""
    noise = np.random.default_rng(seed).normal(size=COUNT)
    return (np.log(np.maximum(x, 0.5)) + width * noise).astype("float32")


def log_prob(family, x, *arguments):
    """Each number of x as a row of its own."""
    return to_numpy(family(*(a[:, None] for a in arguments)).log_prob(x[:, None]))


def nbinom(log_mean, log_dispersion):
    size = exp(-log_dispersion)
    return scipy.stats.nbinom(size, size / (size + exp(log_mean)))


LOG_MEANS = {"far": uniform(-10, 15, 1), "near": near(counts(), 1)}


@pytest.mark.parametrize("place", LOG_MEANS)
def test_poisson_equals_scipy_from_0_to_a_million(place):
    x, log_rate = counts(), LOG_MEANS[place]
    expected = scipy.stats.poisson(exp(log_rate)).logpmf(x)
    np.testing.assert_allclose(log_prob(d.Poisson, x, log_rate), expected, rtol=3e-5, atol=1e-5)


@pytest.mark.parametrize("place", LOG_MEANS)
def test_negative_binomial_equals_scipy_from_almost_poisson_to_very_dispersed(place):
    x, log_mean, log_dispersion = counts(), LOG_MEANS[place], uniform(-12, 12, 2)
    size, mean = exp(-log_dispersion), exp(log_mean)
    # scipy.stats.nbinom rounds its chance to 1 here; its formula does not.
    choose = scipy.special.gammaln(x + size) - scipy.special.gammaln(size)
    choose -= scipy.special.gammaln(x.astype("float64") + 1)
    expected = choose - size * np.log1p(mean / size) - x * np.log1p(size / mean)
    found = log_prob(d.NegativeBinomial, x, log_mean, log_dispersion)
    np.testing.assert_allclose(found, expected, rtol=3e-5, atol=1e-5)


def test_a_dispersion_is_the_excess_of_the_variance_over_the_mean_in_mean_squares():
    oracle = nbinom(np.log([5.0]), np.log([0.5]))
    assert (oracle.mean()[0], oracle.var()[0]) == pytest.approx((5.0, 5.0 + 0.5 * 25.0))
    p = d.NegativeBinomial(np.log([[5.0]]), np.log([[0.5]]))
    for x in (0, 3, 40):
        assert to_numpy(p.log_prob([[x]]))[0] == pytest.approx(oracle.logpmf(x)[0], rel=1e-5)


@pytest.mark.parametrize("base", ["poisson", "negative_binomial"])
def test_more_zeros_are_a_mixture_with_the_one_point_zero(base):
    x, log_mean, log_dispersion = counts(), uniform(-3, 5, 1), uniform(-3, 3, 2)
    logits = uniform(-8, 8, 3)
    arguments = [log_mean, log_dispersion][: d.get(base).heads]
    oracle = scipy.stats.poisson(exp(log_mean))
    oracle = oracle if base == "poisson" else nbinom(log_mean, log_dispersion)
    zero = scipy.special.expit(logits.astype("float64"))
    expected = np.log1p(-zero) + oracle.logpmf(x)
    expected = np.where(x == 0, np.log(zero + (1 - zero) * oracle.pmf(0)), expected)
    family = d.get(f"zero_inflated_{base}")
    np.testing.assert_allclose(log_prob(family, x, *arguments, logits), expected, rtol=3e-5)
    mean = to_numpy(family(*(a[:, None] for a in (*arguments, logits))).mean)[:, 0]
    np.testing.assert_allclose(mean, (1 - zero) * exp(log_mean), rtol=1e-5)


@pytest.mark.parametrize("trials", [1, 10, 255, 100_000])
def test_beta_binomial_equals_scipy(trials):
    x = np.random.default_rng(0).integers(0, trials + 1, COUNT).astype("float32")
    alpha, beta = uniform(-5, 9, 1), uniform(-5, 9, 2)
    family = d.BetaBinomial.of(trials)
    expected = scipy.stats.betabinom(trials, exp(alpha), exp(beta)).logpmf(x)
    found = log_prob(family, x, alpha, beta)
    np.testing.assert_allclose(found, expected, rtol=3e-5, atol=1e-5)
    mean = to_numpy(family(alpha[:, None], beta[:, None]).mean)[:, 0]
    np.testing.assert_allclose(mean, trials * exp(alpha) / (exp(alpha) + exp(beta)), rtol=1e-5)


def positive(seed=0):
    return (10 ** uniform(-6, 6, seed)).astype("float32")


@pytest.mark.parametrize("width", [0.01, 1.0, 5.0])
def test_gamma_equals_its_formula_for_any_shape(width):
    x, log_shape = positive(), uniform(-9, 13, 2)
    log_mean = near(x, 1, width)
    shape, mean = exp(log_shape), exp(log_mean)
    expected = shape * np.log(shape / mean) + (shape - 1) * np.log(x.astype("float64"))
    expected -= shape * x / mean + scipy.special.gammaln(shape)
    found = log_prob(d.Gamma, x, log_mean, log_shape)
    np.testing.assert_allclose(found, expected, rtol=5e-5, atol=1e-4)
    few = log_shape < 5  # Beyond, SciPy loses digits itself.
    oracle = scipy.stats.gamma(shape, scale=mean / shape)
    np.testing.assert_allclose(oracle.logpdf(x)[few], expected[few], rtol=1e-9, atol=1e-9)


def test_log_normal_equals_scipy():
    x, location, log_scale = positive(), uniform(-5, 5, 1), uniform(-4, 3, 2)
    oracle = scipy.stats.lognorm(exp(log_scale), scale=exp(location))
    found = log_prob(d.LogNormal, x, location, log_scale)
    np.testing.assert_allclose(found, oracle.logpdf(x), rtol=3e-5, atol=3e-5)
    mean = to_numpy(d.LogNormal(location[:, None], log_scale[:, None]).mean)[:, 0]
    few = log_scale < 1
    expected = scipy.stats.lognorm(exp(log_scale[few]), scale=exp(location[few])).mean()
    np.testing.assert_allclose(mean[few], expected, rtol=1e-5)


def test_student_t_equals_scipy_from_heavier_than_cauchy_to_gaussian():
    x = np.random.default_rng(0).normal(size=COUNT) * 10 ** uniform(-3, 6, 1)
    x, mean = x.astype("float32"), uniform(-2, 2, 2)
    log_scale, log_freedom = uniform(-4, 4, 3), uniform(-2, 12, 4)
    expected = scipy.stats.t(exp(log_freedom), mean, exp(log_scale)).logpdf(x)
    found = log_prob(d.StudentT, x, mean, log_scale, log_freedom)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_von_mises_equals_scipy_and_repeats_after_a_turn():
    x, angle, log_concentration = uniform(-3, 3, 1), uniform(-3, 3, 2), uniform(-8, 14, 3)
    expected = scipy.stats.vonmises(exp(log_concentration), angle.astype("float64")).logpdf(x)
    found = log_prob(d.VonMises, x, angle, log_concentration)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)
    again = log_prob(d.VonMises, x, angle + np.float32(2 * np.pi), np.minimum(log_concentration, 3))
    once = log_prob(d.VonMises, x, angle, np.minimum(log_concentration, 3))
    np.testing.assert_allclose(again, once, rtol=1e-4, atol=1e-4)
    turned = d.VonMises(np.array([[7.0, -4.0]]), np.zeros((1, 2))).mean
    np.testing.assert_allclose(to_numpy(turned), [[7 - 2 * np.pi, 2 * np.pi - 4]], rtol=1e-5)


# Samples.


def full(value):
    return np.full((SAMPLES,), value, "float32")


DISCRETE = {
    "poisson, few": (d.Poisson, [np.log(0.3)], scipy.stats.poisson(0.3)),
    "poisson, just below ten": (d.Poisson, [np.log(9.9)], scipy.stats.poisson(9.9)),
    "poisson, just above ten": (d.Poisson, [np.log(10.1)], scipy.stats.poisson(10.1)),
    "poisson, many": (d.Poisson, [np.log(700.0)], scipy.stats.poisson(700.0)),
    "negative binomial": (d.NegativeBinomial, [1.5, 0.3], nbinom(np.float32(1.5), np.float32(0.3))),
    "beta-binomial": (
        d.BetaBinomial.of(20),
        [0.5, 1.0],
        scipy.stats.betabinom(20, np.exp(0.5), np.e),
    ),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_samples_of_counts_have_the_frequencies_of_scipy(name):
    family, arguments, oracle = DISCRETE[name]
    x = to_numpy(family(*(full(a) for a in arguments)).sample(3))
    edges = np.unique(oracle.ppf(np.linspace(0.05, 0.95, 12)))
    chances = np.diff(np.concatenate([[0.0], oracle.cdf(edges), [1.0]]))
    found = np.bincount(np.searchsorted(edges, x), minlength=len(chances))
    assert np.array_equal(x, np.rint(x))
    assert scipy.stats.chisquare(found, SAMPLES * chances).pvalue > 0.001


CONTINUOUS = {
    "gamma": (d.Gamma, [1.0, 0.4], scipy.stats.gamma(np.exp(0.4), scale=np.exp(0.6))),
    "log-normal": (d.LogNormal, [1.0, -0.4], scipy.stats.lognorm(np.exp(-0.4), scale=np.e)),
    "student": (d.StudentT, [1.0, -0.4, 0.6], scipy.stats.t(np.exp(0.6), 1.0, np.exp(-0.4))),
    "angles, wide": (d.VonMises, [0.0, -2.0], scipy.stats.vonmises(np.exp(-2.0))),
    "angles, narrow": (d.VonMises, [0.0, 7.0], scipy.stats.vonmises(np.exp(7.0))),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_samples_of_numbers_pass_a_kolmogorov_smirnov_test(name):
    family, arguments, oracle = CONTINUOUS[name]
    x = to_numpy(family(*(full(a) for a in arguments)).sample(3))
    assert scipy.stats.kstest(x, oracle.cdf).pvalue > 0.001


@pytest.mark.parametrize("seed", [0, 1, np.int64(5), -3, 2**31 - 1])
def test_draws_of_a_sample_have_seeds_of_their_own(seed):
    """Not the seed again, and not that of the next sample, whose first draw would be the same."""
    second = d.base.next_seed(seed)
    assert 0 <= second < 2**31 and second not in (seed, seed + 1)
    assert d.base.next_seed(second) not in (seed, seed + 1, seed + 2, second)


# Names.


def test_counts_of_any_number_of_trials_have_a_name():
    for name in ("beta_binomial_20", "BetaBinomial_20"):
        assert d.get(name).trials == 20
        assert d.get(name).support == (0.0, 20.0)
    assert d.get("beta_binomial").trials == 255
    for wrong in ("beta_binomial_0", "beta_binomial_-1", "beta_binomial_x"):
        form = "'beta_binomial', 'beta_binomial_N', 'categorical'.*N is the largest count"
        with pytest.raises(ValueError, match=f"Expected the name of a distribution.*{form}"):
            d.get(wrong)
    with pytest.raises(ValueError, match="trials"):
        d.BetaBinomial.of(0)
