"""What codes carry, against integrals that SciPy does and Gaussians whose answer is a formula."""

import keras
import numpy as np
import pytest
from scipy import integrate, stats

import keras_vae as kv
from keras_vae import estimators
from keras_vae.distributions import Normal


class Codes:
    """A model whose inputs are its codes: x[:, 0] the means, x[:, 1] the log variances."""

    def posterior(self, x):
        return Normal(x[:, 0], x[:, 1])


def codes(means, variance):
    """The input of `Codes` for means `(count, dimensions)` and one variance."""
    means = np.asarray(means, "float32")
    return np.stack([means, np.full_like(means, np.log(variance))], axis=1)


def test_two_codes_far_apart_tell_one_bit():
    x = codes([[-20.0], [20.0]], 1.0)
    assert estimators.mutual_information(Codes(), x, samples=5) == pytest.approx(np.log(2))


def test_information_is_at_most_the_log_of_the_number_of_examples():
    x = codes(np.random.default_rng(0).normal(size=(30, 4)), 1e-4)
    assert np.log(30) - 1e-3 < estimators.mutual_information(Codes(), x) <= np.log(30)


MEANS, VARIANCE = [-1.0, 0.5, 2.0], 0.4


def aggregate(z):
    """The density of the mixture of the three codes."""
    return np.mean([stats.norm(m, np.sqrt(VARIANCE)).pdf(z) for m in MEANS], axis=0)


@pytest.mark.slow
def test_information_is_the_integral_of_the_mixture():
    entropy, _ = integrate.quad(lambda z: -aggregate(z) * np.log(aggregate(z)), -9, 10)
    exact = entropy - stats.norm(0, np.sqrt(VARIANCE)).entropy()
    x = codes(np.tile(MEANS, 200)[:, None], VARIANCE)
    found = estimators.mutual_information(Codes(), x, samples=100)
    assert found == pytest.approx(exact, abs=0.01)


@pytest.mark.slow
def test_aggregate_kl_is_the_integral_of_the_mixture():
    exact, _ = integrate.quad(
        lambda z: aggregate(z) * (np.log(aggregate(z)) - stats.norm.logpdf(z)), -9, 10
    )
    x = codes(np.tile(MEANS, 200)[:, None], VARIANCE)
    found = estimators.aggregate_kl(Codes(), x, samples=100)
    assert found == pytest.approx(exact, abs=0.01)


def test_mean_kl_is_information_plus_aggregate_kl():
    generator = np.random.default_rng(1)
    x = generator.normal(size=(1000, 2, 3)).astype("float32")
    mean_kl = estimators.kl_per_dimension(Codes(), x).sum()
    parts = estimators.mutual_information(Codes(), x) + estimators.aggregate_kl(Codes(), x)
    assert parts == pytest.approx(mean_kl, abs=1e-3)


def test_kl_per_dimension_is_the_closed_form_of_each():
    x = np.asarray([[[1.0, 0.0, 0.0], [2 * np.log(0.5), 2 * np.log(2.0), 0.0]]], "float32")
    found = estimators.kl_per_dimension(Codes(), x)
    np.testing.assert_allclose(found, [0.8181472, 0.8068528, 0.0], atol=1e-6)


def correlated_codes(correlation, variance, size):
    """Codes whose aggregate has unit variances and a correlation: quantiles, rotated by 45 degrees.

    The means have covariance R - variance I, and the codes add variance I.
    """
    quantiles = stats.norm.ppf((np.arange(size) + 0.5) / size)
    unit = np.stack(np.meshgrid(quantiles, quantiles), axis=-1).reshape(-1, 2) / quantiles.std()
    scales = np.sqrt([1 + correlation - variance, 1 - correlation - variance])
    rotation = np.asarray([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    return codes(unit * scales @ rotation, variance)


@pytest.mark.parametrize("correlation, exact", [(0.8, 0.5108256), (0.0, 0.0)])
def test_total_correlation_of_a_gaussian_aggregate(correlation, exact):
    x = correlated_codes(correlation, 0.15, 40)
    found = estimators.total_correlation(Codes(), x, samples=3)
    assert found == pytest.approx(exact, abs=0.03)


def test_a_decoder_that_gets_nothing_shows_no_active_unit_no_kl_and_no_information():
    encoder, decoder = kv.nets.dense((6,), 3, hidden=(), heads=2)
    encoder.set_weights([np.zeros_like(weight) for weight in encoder.get_weights()])
    model = kv.VAE(encoder, decoder)
    x = np.random.default_rng(0).random((50, 6)).astype("float32")
    assert estimators.active_units(model, x) == 0
    np.testing.assert_allclose(estimators.kl_per_dimension(model, x), 0, atol=1e-7)
    assert estimators.mutual_information(model, x) == pytest.approx(0, abs=1e-6)
    assert estimators.aggregate_kl(model, x) == pytest.approx(0, abs=1e-6)


def test_a_unit_is_active_when_its_mean_varies_by_more_than_a_hundredth():
    signs = np.where(np.arange(100) % 2, 1.0, -1.0)[:, None]
    x = codes(signs * np.sqrt([0.0099, 0.0101, 1.0]) + 5.0, 1.0)
    assert estimators.active_units(Codes(), x) == 2


def test_codes_do_not_depend_on_the_batch_size():
    x = np.random.default_rng(2).normal(size=(23, 2, 3)).astype("float32")
    few = estimators.mutual_information(Codes(), x, batch_size=5)
    assert few == pytest.approx(estimators.mutual_information(Codes(), x), abs=1e-9)


def test_a_batch_holds_as_many_examples_as_asked_for():
    rows = []

    class Counting(Codes):
        def posterior(self, x):
            rows.append(x.shape[0])
            return super().posterior(x)

    x = np.random.default_rng(2).normal(size=(23, 2, 3)).astype("float32")
    estimators.kl_per_dimension(Counting(), x, batch_size=5)
    assert set(rows) == {5}
    rows.clear()
    estimators.kl_per_dimension(Counting(), x, batch_size=50)
    assert rows == [23]


def test_codes_of_any_shape_are_flattened():
    x = np.random.default_rng(2).normal(size=(10, 2, 3, 4)).astype("float32")
    flat = x.reshape(10, 2, 12)
    found, wanted = (estimators.kl_per_dimension(Codes(), each) for each in (x, flat))
    assert found.shape == (3, 4)
    np.testing.assert_allclose(found.ravel(), wanted, rtol=1e-12)


def test_models_without_a_gaussian_posterior_are_refused():
    x = np.zeros((4, 5), "float32")
    with pytest.raises(TypeError, match="codes are not random"):
        estimators.kl_per_dimension(kv.Autoencoder(*kv.nets.dense((5,), 2, hidden=())), x)

    class LaplaceCodes:
        def posterior(self, x):
            return kv.distributions.Laplace(x)

    with pytest.raises(TypeError, match="Received: Laplace"):
        estimators.kl_per_dimension(LaplaceCodes(), x)


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="samples of at least 1"):
        estimators.mutual_information(Codes(), codes([[0.0], [1.0]], 1.0), samples=0)


def mmd(*args, **kwargs):
    return float(keras.ops.convert_to_numpy(estimators.mmd(*args, **kwargs)))


def test_mmd_of_shifted_gaussians_has_its_closed_form():
    generator = np.random.default_rng(3)
    found = [
        mmd(*(generator.normal(size=(2, 1000, 8)) + [[[0.0]], [[1.0]]]).astype("float32"), scale=8)
        for _ in range(5)
    ]
    assert np.mean(found) == pytest.approx(0.2700738, abs=3 * 0.008)


def test_mmd_of_equal_laws_is_zero_on_average_and_only_then_negative():
    generator = np.random.default_rng(4)
    pairs = generator.normal(size=(100, 2, 30, 3)).astype("float32")
    found = [mmd(x, y) for x, y in pairs]
    assert abs(np.mean(found)) < 3.5 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0
    assert min(mmd(x, y, unbiased=False) for x, y in pairs[:20]) > 0


@pytest.mark.parametrize("kernel", ["rbf", "imq"])
def test_mmd_is_the_sum_over_pairs(kernel):
    functions = {"rbf": lambda d: np.exp(-d / 6), "imq": lambda d: 6 / (6 + d)}
    x, y = np.random.default_rng(5).normal(size=(2, 4, 2))

    def mean(a, b, skip):
        pairs = [(i, j) for i in range(4) for j in range(4) if not (skip and i == j)]
        return np.mean([functions[kernel](np.sum((a[i] - b[j]) ** 2)) for i, j in pairs])

    exact = mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)
    found = mmd(x.astype("float32"), y.astype("float32"), kernel=kernel, scale=3.0)
    assert found == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize(
    "x, y, kwargs, message",
    [
        (np.zeros((5, 2)), np.zeros((5, 3)), {}, "of one size"),
        (np.zeros((5, 2)), np.zeros((5, 2)), {"kernel": "linear"}, "kernel to be 'rbf' or 'imq'"),
        (np.zeros((5, 2)), np.zeros((5, 2)), {"scale": 0.0}, "scale above 0"),
        (np.zeros((1, 2)), np.zeros((5, 2)), {}, "at least two"),
    ],
)
def test_mmd_refuses_what_has_no_answer(x, y, kwargs, message):
    with pytest.raises(ValueError, match=message):
        estimators.mmd(x, y, **kwargs)
