"""Loss terms and the discrepancy of samples against loops in NumPy, and SciPy."""

import itertools

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

from keras_vae.distributions import Normal
from keras_vae.losses import discrepancy, terms

RANDOM = np.random.default_rng(0)
MEAN, LOG_VAR = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(4, 3))
Z = RANDOM.normal(size=(4, 3))
Q = Normal(MEAN, LOG_VAR)
X, Y = RANDOM.normal(size=(6, 3)), RANDOM.normal(size=(5, 3)) + 0.5


def numbers(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


def test_the_mean_of_exponentials_is_scipys_and_does_not_overflow():
    x = RANDOM.normal(size=(3, 5)) + 1000.0
    for axis in (0, 1, -1):
        found = numbers(terms.log_mean_exp(keras.ops.convert_to_tensor(x, "float32"), axis=axis))
        expected = scipy.special.logsumexp(x, axis=axis, b=1 / x.shape[axis])
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    last = terms.log_mean_exp(keras.ops.convert_to_tensor(x, "float32"))
    np.testing.assert_array_equal(numbers(last), found)


def test_repeated_rows_stand_next_to_each_other():
    repeated = terms.repeat_rows(Q, 2)
    np.testing.assert_allclose(numbers(repeated.mean), np.repeat(MEAN, 2, axis=0), rtol=1e-6)
    np.testing.assert_allclose(numbers(repeated.log_var), np.repeat(LOG_VAR, 2, axis=0), rtol=1e-6)


def weighted_densities(size, weights):
    """log q(z_i) and log prod_j q(z_ij) with a weight for each pair, in loops."""
    joint, product = [], []
    for i in range(size):
        each = scipy.stats.norm(MEAN[:size], np.exp(0.5 * LOG_VAR[:size])).pdf(Z[i])
        joint.append(np.log(sum(weights(i, j) * each[j].prod() for j in range(size))))
        product.append(
            sum(np.log(sum(weights(i, j) * each[j, d] for j in range(size))) for d in range(3))
        )
    return joint, product


@pytest.mark.parametrize(("size", "stratified"), [(4, True), (4, False), (1, True), (1, False)])
def test_densities_of_a_minibatch_are_the_weighted_sums_of_their_definition(size, stratified):
    def stratify(i, j):
        return 1 / 10 if i == j else (1 - 1 / 10) / (size - 1)

    weights = stratify if stratified else lambda i, j: 1 / (10 * size)
    q = Normal(MEAN[:size], LOG_VAR[:size])
    z = keras.ops.convert_to_tensor(Z[:size], "float32")
    found = terms.aggregate_log_densities(z, q, 10, stratified)
    expected = weighted_densities(size, weights)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(numbers(one), other, rtol=1e-5)


def test_densities_are_stratified_if_nothing_else_is_said():
    z = keras.ops.convert_to_tensor(Z, "float32")
    default, stratified = (terms.aggregate_log_densities(z, Q, 10, *more) for more in ((), (True,)))
    np.testing.assert_array_equal(numbers(default[0]), numbers(stratified[0]))


def test_codes_of_any_rank_are_flattened_by_row():
    z = np.arange(12.0).reshape(2, 3, 2)
    found = terms.flatten_rows(keras.ops.convert_to_tensor(z))
    np.testing.assert_array_equal(numbers(found), z.reshape(2, 6))


def test_columns_are_permuted_each_in_an_order_of_its_own():
    z = np.arange(60.0).reshape(20, 3)
    found = numbers(terms.permute_columns(keras.ops.convert_to_tensor(z, "float32"), seed=0))
    np.testing.assert_array_equal(np.sort(found, axis=0), z)
    again = terms.permute_columns(keras.ops.convert_to_tensor(z, "float32"), seed=0)
    np.testing.assert_array_equal(numbers(again), found)
    orders = {tuple((column // 3).astype(int)) for column in found.T}
    assert len(orders) == 3 and tuple(range(20)) not in orders


def test_kl_of_each_element_is_the_integral_on_its_own():
    p = Normal(0.5 + 0 * MEAN, np.full_like(MEAN, 0.4))
    found = numbers(terms.kl_per_element(Q, p))

    def integral(mean, log_var):
        one, other = scipy.stats.norm(mean, np.exp(log_var / 2)), scipy.stats.norm(0.5, np.exp(0.2))
        return scipy.integrate.quad(
            lambda z: one.pdf(z) * (one.logpdf(z) - other.logpdf(z)), -15, 15, limit=200
        )[0]

    np.testing.assert_allclose(found, np.vectorize(integral)(MEAN, LOG_VAR), rtol=1e-4)


def test_the_prior_of_an_elementwise_kl_may_have_one_row():
    found = terms.kl_per_element(Normal(MEAN), Normal(np.zeros((1, 3)), np.zeros((4, 3))))
    np.testing.assert_allclose(numbers(found), MEAN**2 / 2, atol=1e-6)


def test_free_bits_raise_the_mean_of_each_group_to_the_threshold():
    kl = np.array([[0.1, 2.0, 0.5], [0.3, 4.0, 0.7]])
    excess = numbers(terms.free_bits_excess(keras.ops.convert_to_tensor(kl, "float32"), 0.5))
    assert (kl.sum(axis=1) + excess).mean() == pytest.approx(0.5 + 3.0 + 0.6, rel=1e-6)
    # Each example of a group below the threshold gets the threshold itself.
    np.testing.assert_allclose(kl.sum(axis=1) + excess, 0.5 + kl[:, 1:].sum(axis=1), rtol=1e-6)


# The discrepancy of two samples.

KERNELS = {
    "rbf": lambda a, b, scale: np.exp(-np.sum((a - b) ** 2) / (2 * scale)),
    "imq": lambda a, b, scale: 2 * scale / (2 * scale + np.sum((a - b) ** 2)),
}


def mean_kernel(x, y, kernel, scale, unbiased=False):
    pairs = itertools.product(enumerate(x), enumerate(y))
    return np.mean([kernel(a, b, scale) for (i, a), (j, b) in pairs if i != j or not unbiased])


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("scale", [None, 0.7])
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_discrepancy_is_that_of_a_loop_over_pairs(kernel, scale, unbiased):
    function, width = KERNELS[kernel], 3.0 if scale is None else scale
    within = sum(mean_kernel(a, a, function, width, unbiased) for a in (X, Y))
    expected = within - 2 * mean_kernel(X, Y, function, width)
    found = discrepancy.mmd(X.astype("float32"), Y.astype("float32"), kernel, scale, unbiased)
    assert float(numbers(found)) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_by_default_it_is_unbiased_with_a_gaussian_kernel():
    x, y = X.astype("float32"), Y.astype("float32")
    assert numbers(discrepancy.mmd(x, y)) == numbers(discrepancy.mmd(x, y, "rbf", 3.0, True))


@pytest.mark.parametrize("scale", [None, 0.7])
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_summand_of_a_row_has_the_pairs_of_this_row(kernel, scale):
    x, y = (keras.ops.convert_to_tensor(a[:5], "float32") for a in (X, Y))
    found = numbers(discrepancy.mmd_of_rows(x, y, kernel, scale))
    function, width = KERNELS[kernel], 3.0 if scale is None else scale

    def row(i):
        within = sum(function(a[i], a[j], width) for a in (X, Y) for j in range(5) if i != j)
        return within / 4 - 2 * np.mean([function(X[i], b, width) for b in Y])

    np.testing.assert_allclose(found, [row(i) for i in range(5)], rtol=1e-4, atol=1e-5)


@pytest.mark.tensorflow
def test_a_graph_that_does_not_know_its_number_of_rows_has_the_same_discrepancy():
    import tensorflow as tf

    spec = tf.TensorSpec((None, 3), "float32")
    rows_of = tf.function(discrepancy.mmd_of_rows, input_signature=[spec, spec])
    for count in (2, 5):
        x, y = X[:count], Y[:count]
        within = sum(mean_kernel(a, a, KERNELS["rbf"], 3.0, True) for a in (x, y))
        expected = within - 2 * mean_kernel(x, y, KERNELS["rbf"], 3.0)
        found = rows_of(x.astype("float32"), y.astype("float32"))
        assert numbers(found).mean() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_one_vector_has_no_discrepancy():
    one = keras.ops.convert_to_tensor(X[:1], "float32")
    assert numbers(discrepancy.mmd_of_rows(one, 5.0 + one)).tolist() == [0.0]


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (X, Y, {"kernel": "linear"}, "kernel"),
        (X, Y, {"scale": 0.0}, "scale above 0"),
        (X, Y, {"scale": -1.0}, "scale above 0"),
        (X[:1], Y, {}, "at least two vectors"),
        (X, Y[:1], {}, "at least two vectors"),
        (X, Y[:, :2], {}, r"shapes \(6, 3\) and \(5, 2\)"),
        (X[0], Y, {}, "two samples of vectors"),
        (X, Y[0], {}, "two samples of vectors"),
    ],
)
def test_samples_that_have_no_discrepancy_are_refused(x, y, options, message):
    with pytest.raises(ValueError, match=message):
        discrepancy.mmd(x.astype("float32"), y.astype("float32"), **options)


def test_codes_are_compared_with_as_many_samples_of_the_prior(monkeypatch):
    z, prior = X.reshape(3, 3, 2), RANDOM.normal(size=(3, 3, 2))
    asked = {}

    def normal(shape, dtype=None, seed=None):
        asked.update(shape=tuple(shape), seed=seed)
        return keras.ops.convert_to_tensor(prior, "float32")

    monkeypatch.setattr(keras.random, "normal", normal)
    z = keras.ops.convert_to_tensor(z, "float32")
    found = numbers(terms.prior_discrepancy(z, 7, "imq", None))
    assert asked == {"shape": (3, 3, 2), "seed": 7}
    a, b = X.reshape(3, 6), prior.reshape(3, 6)
    expected = sum(mean_kernel(v, v, KERNELS["imq"], 6.0, True) for v in (a, b))
    expected -= 2 * mean_kernel(a, b, KERNELS["imq"], 6.0)
    assert found.mean() == pytest.approx(expected, rel=1e-4)
