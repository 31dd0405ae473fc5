"""Every family against SciPy in float64, quadrature, and its own samples."""

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

from keras_vae import distributions as d
from tests.support.differentiation import gradient

BATCH = 5
CLASSES = 4


def to_numpy(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


def normals(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def arguments(name, shape, seed=0):
    """Outputs of a decoder and shared parameters for events of `shape`."""
    family = d.get(name)
    outputs = [normals(BATCH, *shape, seed=seed + i) for i in range(family.heads)]
    return [*outputs, *(np.float32(0.3) for _ in family.shared)]


def data(name, shape, seed=0):
    """Examples of events of `shape` that the family gives a probability to."""
    rng = np.random.default_rng(seed)
    if name == "categorical":
        return np.eye(shape[-1], dtype="float32")[rng.integers(0, shape[-1], (BATCH, *shape[:-1]))]
    if d.get(name).support == (0.0, 1.0):
        return (rng.integers(0, 256, (BATCH, *shape)) / 255).astype("float32")
    if d.get(name).whole:
        return rng.negative_binomial(1, 0.2, (BATCH, *shape)).astype("float32")
    if d.get(name).support[0] > 0.0:
        return rng.gamma(2.0, 1.0, (BATCH, *shape)).astype("float32")
    return normals(BATCH, *shape, seed=seed + 100)


def event_shapes(name):
    if name == "categorical":
        return [(CLASSES,), (3, CLASSES), (2, 3, CLASSES)]
    return [(), (CLASSES,), (3, CLASSES), (2, 3, CLASSES)]


every_family = pytest.mark.parametrize("name", sorted(d.FAMILIES))


# One rule of shapes.


@every_family
def test_log_prob_is_one_number_a_row_for_events_of_any_rank(name):
    for shape in event_shapes(name):
        p = d.get(name)(*arguments(name, shape))
        assert tuple(p.log_prob(data(name, shape)).shape) == (BATCH,)
        assert tuple(p.mean.shape) == (BATCH, *shape)
        assert tuple(p.sample(0).shape) == (BATCH, *shape)


@every_family
def test_log_prob_is_summed_over_the_event_so_twice_the_pixels_double_it(name):
    shape = (3, CLASSES)
    p, x = arguments(name, shape), data(name, shape)
    twice = [np.concatenate([a, a], axis=1) if a.ndim else a for a in p]
    once = to_numpy(d.get(name)(*p).log_prob(x))
    double = to_numpy(d.get(name)(*twice).log_prob(np.concatenate([x, x], axis=1)))
    np.testing.assert_allclose(double, 2 * once, rtol=1e-5)


@every_family
def test_rows_do_not_mix(name):
    shape = (3, CLASSES)
    p, x = arguments(name, shape), data(name, shape)
    whole = to_numpy(d.get(name)(*p).log_prob(x))
    first = [a[:1] if a.ndim else a for a in p]
    np.testing.assert_allclose(to_numpy(d.get(name)(*first).log_prob(x[:1])), whole[:1], rtol=1e-6)


# Log densities against SciPy.


def test_normal_log_prob_equals_scipy():
    mean, log_var, x = normals(BATCH, 3), normals(BATCH, 3, seed=1), normals(BATCH, 3, seed=2)
    sigma = np.exp(0.5 * log_var.astype("float64"))
    expected = scipy.stats.norm(mean, sigma).logpdf(x).sum(axis=1)
    np.testing.assert_allclose(to_numpy(d.Normal(mean, log_var).log_prob(x)), expected, rtol=2e-6)


def test_normal_without_a_variance_has_unit_variance():
    mean, x = normals(BATCH, 3), normals(BATCH, 3, seed=2)
    expected = scipy.stats.norm(mean, 1.0).logpdf(x).sum(axis=1)
    np.testing.assert_allclose(to_numpy(d.Normal(mean).log_prob(x)), expected, rtol=2e-6)


def test_normal_with_one_shared_variance_counts_its_normalizer_for_each_element():
    mean, x = normals(BATCH, 2, 3), normals(BATCH, 2, 3, seed=2)
    p = d.NormalLearnedScale(mean, np.float32(-1.5))
    expected = scipy.stats.norm(mean, np.exp(-0.75)).logpdf(x).sum(axis=(1, 2))
    np.testing.assert_allclose(to_numpy(p.log_prob(x)), expected, rtol=2e-6)


def test_laplace_log_prob_equals_scipy():
    mean, log_scale, x = normals(BATCH, 3), normals(BATCH, 3, seed=1), normals(BATCH, 3, seed=2)
    scale = np.exp(log_scale.astype("float64"))
    expected = scipy.stats.laplace(mean, scale).logpdf(x).sum(axis=1)
    found = to_numpy(d.Laplace(mean, log_scale).log_prob(x))
    np.testing.assert_allclose(found, expected, rtol=2e-6)


def test_bernoulli_log_prob_equals_scipy_on_coins_and_cross_entropy_on_grey_levels():
    logits = 3.0 * normals(BATCH, 3)
    chance = scipy.special.expit(logits.astype("float64"))
    coins = (normals(BATCH, 3, seed=1) > 0).astype("float32")
    expected = scipy.stats.bernoulli(chance).logpmf(coins).sum(axis=1)
    np.testing.assert_allclose(to_numpy(d.Bernoulli(logits).log_prob(coins)), expected, rtol=2e-6)
    grey = data("bernoulli", (3,))
    entropy = scipy.special.xlogy(grey, chance) + scipy.special.xlog1py(1 - grey, -chance)
    found = to_numpy(d.Bernoulli(logits).log_prob(grey))
    np.testing.assert_allclose(found, entropy.sum(axis=1), rtol=2e-6)


def test_categorical_log_prob_equals_scipy():
    logits, x = normals(BATCH, 3, CLASSES), data("categorical", (3, CLASSES))
    chance = scipy.special.softmax(logits.astype("float64"), axis=-1)
    expected = scipy.stats.multinomial(1, chance).logpmf(x).sum(axis=1)
    np.testing.assert_allclose(to_numpy(d.Categorical(logits).log_prob(x)), expected, rtol=2e-6)


@pytest.mark.parametrize("family", [d.Normal, d.Laplace])
def test_densities_on_the_line_integrate_to_one(family):
    p = family(np.full((1, 1), 0.7, "float32"), np.full((1, 1), -1.0, "float32"))
    x = np.linspace(-30, 30, 60_001, dtype="float32")[:, None]
    density = np.exp(to_numpy(p.log_prob(x)))
    assert scipy.integrate.simpson(density, x=x[:, 0]) == pytest.approx(1.0, abs=1e-5)


# KL divergences.


def test_kl_of_normals_has_its_known_values():
    standard = d.Normal(np.zeros((1, 1), "float32"))
    narrow = d.Normal(np.ones((1, 1), "float32"), np.full((1, 1), 2 * np.log(0.5), "float32"))
    wide = d.Normal(np.zeros((1, 1), "float32"), np.full((1, 1), 2 * np.log(2.0), "float32"))
    np.testing.assert_allclose(to_numpy(narrow.kl(standard)), [0.8181472], rtol=1e-6)
    np.testing.assert_allclose(to_numpy(wide.kl(standard)), [0.8068528], rtol=1e-6)


def test_kl_of_normals_equals_the_mean_log_ratio_of_samples_within_3_standard_errors():
    rows = 100_000
    q = d.Normal(np.full((rows, 2), 0.5, "float32"), np.full((rows, 2), -1.0, "float32"))
    p = d.Normal(np.zeros((rows, 2), "float32"), np.full((rows, 2), 0.4, "float32"))
    z = q.sample(1)
    ratio = to_numpy(q.log_prob(z)) - to_numpy(p.log_prob(z))
    error = ratio.std() / np.sqrt(rows)
    assert abs(ratio.mean() - to_numpy(q.kl(p))[0]) < 3 * error


PAIRS = {
    "normal": (d.Normal, (0.3, -1.0), (-0.5, 0.6), scipy.stats.norm, 0.5, (-20, 20)),
    "laplace": (d.Laplace, (0.3, -1.0), (-0.5, 0.6), scipy.stats.laplace, 1.0, (-40, 40)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_kl_on_the_line_equals_quadrature(name):
    family, first, second, oracle, power, limits = PAIRS[name]
    q, p = (oracle(a[0], np.exp(power * a[1])) for a in (first, second))
    expected, _ = scipy.integrate.quad(
        lambda x: q.pdf(x) * (q.logpdf(x) - p.logpdf(x)), *limits, points=[first[0], second[0]]
    )
    arrays = [[np.full((1, 1), value, "float32") for value in a] for a in (first, second)]
    found = to_numpy(family(*arrays[0]).kl(family(*arrays[1])))
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


def test_kl_of_coins_and_of_classes_equals_scipys_relative_entropy():
    a, b = normals(BATCH, 3), normals(BATCH, 3, seed=1)
    chances = [scipy.special.expit(x.astype("float64")) for x in (a, b)]
    p, q = (np.stack([c, 1 - c], axis=-1) for c in chances)
    expected = scipy.stats.entropy(p, q, axis=-1).sum(axis=1)
    np.testing.assert_allclose(to_numpy(d.Bernoulli(a).kl(d.Bernoulli(b))), expected, rtol=1e-5)
    p, q = (scipy.special.softmax(x.astype("float64"), axis=-1) for x in (a, b))
    expected = scipy.stats.entropy(p, q, axis=-1)
    found = to_numpy(d.Categorical(a).kl(d.Categorical(b)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@every_family
def test_kl_to_itself_is_zero_and_without_a_closed_form_an_error_says_so(name):
    shape = (3, CLASSES)
    p = d.get(name)(*arguments(name, shape))
    other = d.Normal if name == "laplace" else d.Laplace
    with pytest.raises(TypeError, match=f"{type(p).__name__} and {other.__name__}"):
        p.kl(other(normals(BATCH, *shape)))
    if type(p).kl is not d.Distribution.kl:
        np.testing.assert_allclose(to_numpy(p.kl(p)), 0.0, atol=1e-5)


# Samples.


@pytest.mark.parametrize("name", sorted(set(d.FAMILIES) - {"von_mises"}))
def test_samples_average_to_the_mean_within_4_standard_errors(name):
    """Of 12 means a family one is beyond 4 errors by chance once in 1,300 seeds."""
    rows, shape = 2000 if d.get(name).whole else 20_000, (3, CLASSES)
    arrays = [a[:1] if a.ndim else a for a in arguments(name, shape)]
    many = [np.repeat(a, rows, axis=0) if a.ndim else a for a in arrays]
    x = to_numpy(d.get(name)(*many).sample(5))
    error = x.std(axis=0) / np.sqrt(rows)
    rounding = 0.5 / 255 if "logistic" in name else 1e-6
    assert np.all(
        np.abs(x.mean(axis=0) - to_numpy(d.get(name)(*arrays).mean)[0]) < 4 * error + rounding
    )


@pytest.mark.parametrize(
    ("family", "oracle"),
    [
        (d.Normal, scipy.stats.norm(0.7, np.exp(-0.5))),
        (d.Laplace, scipy.stats.laplace(0.7, np.exp(-1.0))),
    ],
)
def test_samples_pass_a_kolmogorov_smirnov_test(family, oracle):
    p = family(np.full((99_999,), 0.7, "float32"), np.full((99_999,), -1.0, "float32"))
    assert scipy.stats.kstest(to_numpy(p.sample(5)), oracle.cdf).pvalue > 0.001


@every_family
def test_the_same_seed_gives_the_same_sample_and_a_generator_moves_on(name):
    p = d.get(name)(*arguments(name, (8, CLASSES)))
    np.testing.assert_array_equal(to_numpy(p.sample(3)), to_numpy(p.sample(3)))
    generator = keras.random.SeedGenerator(0)
    assert np.any(to_numpy(p.sample(generator)) != to_numpy(p.sample(generator)))


@every_family
def test_samples_lie_in_the_support(name):
    p = d.get(name)(*arguments(name, (8, CLASSES)))
    low, high = d.get(name).support
    x = to_numpy(p.sample(0))
    assert np.all((x >= low) & (x <= high))


# Extreme arguments.


@every_family
@pytest.mark.parametrize("size", [-1e8, -50.0, 50.0, 1e8])
def test_extreme_network_outputs_keep_log_prob_and_its_gradients_finite(name, size):
    shape = (3, CLASSES)
    outputs = [np.full((BATCH, *shape), size, "float32")] * d.get(name).heads
    shared = [np.float32(size)] * len(d.get(name).shared)
    x = data(name, shape)
    assert np.all(np.isfinite(to_numpy(d.get(name)(*outputs, *shared).log_prob(x))))
    assert np.all(np.isfinite(to_numpy(d.get(name)(*outputs, *shared).mean)))
    for g in gradient(lambda *a: d.get(name)(*a).log_prob(x), *outputs, *shared):
        assert np.all(np.isfinite(g))


@pytest.mark.parametrize("log_var", [-1e6, -30.0, 20.0, 1e6])
def test_extreme_log_variances_keep_samples_and_kl_finite(log_var):
    q = d.Normal(normals(BATCH, 3), np.full((BATCH, 3), log_var, "float32"))
    assert np.all(np.isfinite(to_numpy(q.kl(d.Normal(np.zeros((BATCH, 3), "float32"))))))
    assert np.all(np.isfinite(to_numpy(q.sample(0))))


def test_the_gradient_of_logits_of_zero_is_x_minus_one_half():
    """A network that has just been made gives zeros, where |x| has no slope of its own."""
    (slope,) = gradient(lambda a: d.Bernoulli(a).log_prob(np.float32(0.8)), np.zeros((3, 2)))
    np.testing.assert_allclose(slope, 0.3, rtol=1e-6)


# The reparameterization gradient.


def test_the_gradient_passes_through_a_normal_sample():
    """d/dmu E[z^2] = 2 mu and d/dlog_var E[z^2] = sigma^2, within 4 standard errors."""
    rows, mu, log_var = 50_000, 0.8, -0.6
    arrays = np.full((rows,), mu, "float32"), np.full((rows,), log_var, "float32")
    by_mean, by_log_var = gradient(lambda m, v: d.Normal(m, v).sample(7) ** 2, *arrays)
    for found, expected in ((by_mean, 2 * mu), (by_log_var, np.exp(log_var))):
        assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(rows)


# Names.


def test_get_gives_the_class_of_a_name_and_a_class_as_it_is():
    assert d.get("normal") is d.Normal
    assert d.get(d.Laplace) is d.Laplace


def test_an_unknown_name_is_answered_with_the_nearest_one():
    with pytest.raises(ValueError, match="Did you mean 'bernoulli'"):
        d.get("bernouli")
    with pytest.raises(ValueError, match="Received: 7"):
        d.get(7)


def test_parameters_of_half_precision_networks_become_float32():
    outputs = [keras.ops.ones((2, 3), dtype="float16"), keras.ops.ones((2, 3), dtype="float16")]
    assert [keras.backend.standardize_dtype(p.dtype) for p in d.parameters(outputs)] == [
        "float32"
    ] * 2
