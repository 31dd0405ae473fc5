"""Arithmetic of estimators on the host, in float64, against SciPy and formulas."""

import math

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats

from keras_vae.estimators import codes, likelihood, numerics

VALUES = np.random.default_rng(0).normal(size=(3, 4, 5)) * 30


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_the_mean_of_exponentials_is_scipys_without_overflow(axis):
    for shift in (0.0, 1e4, -1e4):
        found = numerics.log_mean_exp(VALUES + shift, axis=axis)
        expected = scipy.special.logsumexp(VALUES, axis=axis) - math.log(VALUES.shape[axis]) + shift
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.dtype == "float64"
    default = numerics.log_mean_exp(VALUES.astype("float32"))
    np.testing.assert_allclose(default, numerics.log_mean_exp(VALUES, axis=2), rtol=1e-6)


def test_weights_of_zero_count_and_all_of_them_have_a_mean_of_zero():
    assert numerics.log_mean_exp([-np.inf, math.log(3.0), -np.inf]) == pytest.approx(0.0)
    assert numerics.log_mean_exp([[-np.inf, -np.inf]]).tolist() == [-np.inf]
    assert numerics.log_mean_exp([[np.inf, 0.0]]).tolist() == [np.inf]


@pytest.mark.parametrize("values", [0.0, [], np.zeros((3, 0))])
def test_of_nothing_there_is_no_mean(values):
    with pytest.raises(ValueError, match="at least one value to average"):
        numerics.log_mean_exp(values)


def test_bits_are_nats_over_log_2_for_each_dimension():
    assert numerics.bits_per_dim(12 * math.log(256), (2, 3, 2)) == pytest.approx(8.0)
    assert numerics.bits_per_dim(0.0, (5,), levels=256) == 8.0
    found = numerics.bits_per_dim(np.array([0.0, 4 * math.log(2)]), (4,), levels=2)
    np.testing.assert_allclose(found, [1.0, 2.0])
    assert numerics.bits_per_dim(math.log(2), (1,)) == pytest.approx(1.0)


def test_numbers_stay_numbers_and_tensors_tensors():
    assert type(numerics.bits_per_dim(1.0, (3,))) is float
    assert keras.ops.is_tensor(numerics.bits_per_dim(keras.ops.ones((2,)), (3,)))
    assert isinstance(numerics.bits_per_dim([1.0, 2.0], (3,)), np.ndarray)


@pytest.mark.parametrize(
    ("values", "axis"), [([1.0], 1), ([1.0], -2), (VALUES, 3), (VALUES, -4), ([1.0], 9)]
)
def test_an_axis_that_is_not_there_is_refused(values, axis):
    with pytest.raises(ValueError, match="Expected axis"):
        numerics.log_mean_exp(values, axis=axis)


@pytest.mark.parametrize(("shape", "levels"), [((0,), 1), ((3, 0), 256), ((3,), 0), ((3,), -1)])
def test_events_without_elements_and_no_levels_are_refused(shape, levels):
    with pytest.raises(ValueError, match="Expected .*(event_shape|levels)"):
        numerics.bits_per_dim(1.0, shape, levels)


# Noise and chunks.


def test_the_standard_error_is_that_of_the_delta_method():
    weights = np.random.default_rng(1).normal(size=(2, 50))
    found = likelihood._standard_error(weights + [[0.0], [1e4]])
    w = np.exp(weights)
    np.testing.assert_allclose(found, w.std(axis=1) / w.mean(axis=1) / math.sqrt(50), rtol=1e-9)


def test_noise_depends_on_seed_example_and_sample_alone():
    def noise(rows, size, samples, chunk, seed):
        parts = likelihood._noise(rows, size, (2, 3), samples, chunk, seed)
        return np.concatenate(list(parts), axis=1)

    whole = noise(range(5), 5, 12, 12, 7)
    assert whole.shape == (5, 12, 2, 3) and whole.dtype == "float32"
    np.testing.assert_array_equal(noise(range(5), 5, 12, 4, 7), whole)
    np.testing.assert_array_equal(noise(range(3, 5), 2, 12, 12, 7), whole[3:])
    assert not np.array_equal(noise(range(5), 5, 12, 12, 8), whole)
    assert np.unique(whole).size == whole.size
    # A batch that is not full has rows of zeros.
    assert not noise(range(5), 6, 12, 12, 7)[5].any()
    for row, found in enumerate(whole):
        philox = np.random.Generator(np.random.Philox(key=np.array([7, row], "uint64")))
        np.testing.assert_array_equal(found.ravel(), philox.standard_normal(72, dtype="float32"))
    noise(range(1), 1, 1, 1, -1)  # Any integer is a seed.


@pytest.mark.parametrize(
    ("numbers", "samples", "chunk"),
    [(2**21, 5000, 8), (2**20, 20, 7), (1, 5000, 5000), (2**18, 9, 5), (2**18, 8, 8), (1, 1, 1)],
)
def test_chunks_are_nearly_full_and_hold_two_million_numbers_or_eight_samples(
    numbers, samples, chunk
):
    assert likelihood._chunk(numbers, samples) == chunk


def test_bounds_are_asked_for_once_each_in_rising_order():
    assert likelihood._sort_counts([10, 1, 10, 5]) == [1, 5, 10]
    for wrong in ([], [0], [3, -1]):
        with pytest.raises(ValueError, match="Expected.*samples"):
            likelihood._sort_counts(wrong)


# Densities of codes.


def test_log_densities_of_pairs_are_sums_over_scipys_normals():
    random = np.random.default_rng(2)
    z, mean, log_var = (random.normal(size=(n, 3)) for n in (4, 5, 5))
    expected = [
        [
            scipy.stats.norm(m, np.exp(v / 2)).logpdf(row).sum()
            for m, v in zip(mean, log_var, strict=True)
        ]
        for row in z
    ]
    np.testing.assert_allclose(codes._log_pairs(z, mean, log_var), expected, rtol=1e-10)


@pytest.mark.parametrize("at_once", [1, 7, 10**9])
def test_each_example_has_its_codes_once_for_each_sample(at_once, monkeypatch):
    monkeypatch.setattr(codes, "DENSITIES_AT_ONCE", at_once)
    mean, log_var = np.arange(10.0)[:, None] * [1.0, 10.0], np.full((10, 2), -60.0)
    found = list(codes._draws(mean, log_var, 3, seed=0))
    assert len(found) == 3 * (1 if at_once > 100 else 10)
    np.testing.assert_allclose(
        np.concatenate([z for z, _ in found]), np.tile(mean, (3, 1)), atol=1e-9
    )
    for z, rows in found:
        np.testing.assert_allclose(z, mean[rows], atol=1e-9)


def test_codes_have_the_spread_of_their_posterior():
    mean, log_var = np.zeros((9000, 1)), np.full((9000, 1), math.log(4.0))
    z = np.concatenate([z for z, _ in codes._draws(mean, log_var, 1, seed=0)])
    assert scipy.stats.kstest(z[:, 0], scipy.stats.norm(0.0, 2.0).cdf).pvalue > 1e-3


def test_units_are_active_whose_mean_varies_by_more_than_a_hundredth():
    signs = np.where(np.arange(100) % 2, 1.0, -1.0)[:, None]
    assert codes.count_active(signs * np.sqrt([0.0, 0.0099, 0.0101, 1.0]) + 5.0) == 2
