"""Noise that is a function of integers: is it normal, and the same wherever it is computed?"""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats

from keras_vae import random

SEEDS = np.arange(-1000, 1000, dtype="int32")
SIZE = 64

KNOWN = [[0.8142264, -1.1110479, -0.14673097], [0.7135498, -2.413036, 0.69456965]]
KNOWN_ROWS = [-1421836991, -1946843739, -844362466]


@pytest.fixture(scope="module")
def noise():
    """2,000 rows of 64 numbers, from seeds that follow each other."""
    return numbers(random.standard_normal(SEEDS, SIZE))


def numbers(x):
    return keras.ops.convert_to_numpy(x)


def test_a_tensor_of_seeds_gives_the_noise_of_their_array():
    """PyTorch has no shift of unsigned integers, so a tensor gave NaN there."""
    seeds = np.array([0, 1, -1, 7, 2**31 - 1, -(2**31)], "int32")
    found = numbers(random.standard_normal(keras.ops.convert_to_tensor(seeds), 5))
    np.testing.assert_allclose(found, numbers(random.standard_normal(seeds, 5)), atol=1e-6)


def test_each_number_is_the_documented_function_of_its_integers():
    """The hash and Box-Muller once more, in Python integers and float64."""

    def mix(x):
        x = ((x ^ (x >> 16)) * 0x7FEB352D) % 2**32
        x = ((x ^ (x >> 15)) * 0x846CA68B) % 2**32
        return x ^ (x >> 16)

    def uniform(seed, column):
        place = mix((mix(column) + 0x9E3779B9) % 2**32)
        return ((mix(mix(seed % 2**32) ^ place) >> 8) + 0.5) / 2**24

    seeds = [0, 1, -1, 7, 2**31 - 1, -(2**31)]
    size = 3
    expected = [
        [
            np.sqrt(-2 * np.log(uniform(seed, column)))
            * np.cos(2 * np.pi * uniform(seed, size + column))
            for column in range(1, size + 1)
        ]
        for seed in seeds
    ]
    found = numbers(random.standard_normal(np.array(seeds, "int32"), size))
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_known_numbers_stay_what_they_are():
    """Files that were exported draw these; a change here would change their pictures."""
    found = numbers(random.standard_normal(np.array([0, 7], "int32"), 3))
    np.testing.assert_allclose(found, KNOWN, atol=2e-6)
    assert random.row_seeds(3, -5).tolist() == KNOWN_ROWS


def test_the_numbers_are_standard_normal(noise):
    """Mean, variance, skewness and kurtosis within 4 standard errors; the rest by its quantiles."""
    flat = noise.ravel().astype("float64")
    count = flat.size
    assert abs(flat.mean()) < 4 * np.sqrt(1 / count)
    assert abs(flat.var() - 1) < 4 * np.sqrt(2 / count)
    assert abs(scipy.stats.skew(flat)) < 4 * np.sqrt(6 / count)
    assert abs(scipy.stats.kurtosis(flat)) < 4 * np.sqrt(24 / count)
    assert scipy.stats.kstest(flat, "norm").pvalue > 0.001
    assert np.abs(flat).max() < 6


@pytest.mark.parametrize("of", ["columns", "rows", "adjacent seeds", "squares of columns"])
def test_nothing_correlates(noise, of):
    """The largest of many correlations stays where the largest of as many normals would."""
    x = noise.astype("float64")
    if of == "columns":
        found, count = off_diagonal(np.corrcoef(x.T)), len(x)
    elif of == "squares of columns":
        found, count = off_diagonal(np.corrcoef(x.T**2)), len(x)
    elif of == "rows":
        found, count = off_diagonal(np.corrcoef(x[::4])), SIZE
    else:
        found, count = np.array([np.corrcoef(x[:-1].ravel(), x[1:].ravel())[0, 1]]), x.size
    largest = scipy.stats.norm.isf(0.0005 / found.size) / np.sqrt(count)
    assert np.abs(found).max() < largest


def off_diagonal(matrix):
    return matrix[np.triu_indices(len(matrix), k=1)]


@pytest.mark.only_on("tensorflow", "jax")  # PyTorch has no uint32 shifts.
def test_a_graph_computes_what_the_host_computes(noise):
    """TensorFlow and JAX on tensors, NumPy on arrays: equal but for the last bits of the cosine."""
    seeds = keras.ops.convert_to_tensor(SEEDS)
    np.testing.assert_allclose(numbers(random.standard_normal(seeds, SIZE)), noise, atol=1e-6)


def test_a_row_depends_on_its_own_seed_alone(noise):
    np.testing.assert_allclose(
        numbers(random.standard_normal(SEEDS[5:8], SIZE)), noise[5:8], atol=1e-6
    )


def test_row_seeds_are_distinct_repeatable_and_of_32_bits():
    seeds = random.row_seeds(100_000, 3)
    assert seeds.dtype == np.int32
    assert len(set(seeds.tolist())) == len(seeds)
    np.testing.assert_array_equal(seeds[:10], random.row_seeds(10, 3))


@pytest.mark.parametrize("seed", [-(2**31), -5, 0, 2**31, 2**32 - 2])
def test_row_seeds_take_integers_of_32_bits(seed):
    assert random.row_seeds(3, seed).shape == (3,)
    assert set(random.row_seeds(3, seed)).isdisjoint(random.row_seeds(3, seed + 1))


def test_rows_of_adjacent_seeds_do_not_correlate():
    """`sample(..., seed=0)` and `sample(..., seed=1)` share nothing."""
    first, second = (
        numbers(random.standard_normal(random.row_seeds(500, seed), SIZE)).ravel()
        for seed in (0, 1)
    )
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(first.size)
