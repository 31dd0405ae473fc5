"""Quantizers on their own, without a model: loops in NumPy, and the formulas of the papers."""

import itertools
import math

import keras
import numpy as np
import pytest
import scipy.stats

from keras_vae.quantization import quantizers
from keras_vae.quantization.code_use import CodeUse
from keras_vae.quantization.quantizers import FiniteScalarQuantizer, VectorQuantizer
from tests.support.differentiation import gradient

BOOK = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [-3.0, 1.0]], "float32")
Z = np.random.default_rng(0).normal(size=(9, 2)).astype("float32")
WEIGHTS = np.linspace(0.0, 2.0, 9).astype("float32")


def numbers(x):
    return keras.ops.convert_to_numpy(x)


def quantizer(**options):
    made = VectorQuantizer(**{"size": 4, "restart": 0.0, "seed": 0, **options})
    made.build((None, 2))
    made.codebook.assign(BOOK[: made.size])
    return made


def nearest(z):
    return np.square(z[:, None] - BOOK).sum(axis=-1).argmin(axis=1)


def test_codes_are_the_nearest_and_look_up_their_vectors():
    q = quantizer()
    for z in (Z, Z.reshape(3, 3, 2)):
        codes = numbers(q.codes(keras.ops.convert_to_tensor(z)))
        assert codes.dtype == "int32" and codes.shape == z.shape[:-1]
        np.testing.assert_array_equal(codes.ravel(), nearest(Z))
        np.testing.assert_array_equal(numbers(q.lookup(codes)), BOOK[codes])


def test_a_new_codebook_is_small_and_has_counted_nothing():
    q = VectorQuantizer(8, seed=0)
    assert (q.decay, q.restart) == (0.99, 0.05)
    q.build((None, 3, 5))
    book = numbers(q.codebook)
    assert book.shape == (8, 5) and 0.1 < np.abs(book).max() <= 1 / 8
    assert book.min() < 0 < book.max()
    assert numbers(q.sums).tolist() == np.zeros((8, 5)).tolist()
    assert numbers(q.counts).tolist() == 8 * [0.0]
    assert q.trainable_variables == [] and q.built


def learn(q, z=Z, weights=WEIGHTS, codes=None, seed=0):
    z = keras.ops.convert_to_tensor(z)
    q.learn(z, q.codes(z) if codes is None else codes, keras.ops.convert_to_tensor(weights), seed)


@pytest.mark.parametrize("decay", [0.0, 0.75])
def test_codes_become_running_means_of_their_vectors(decay):
    q = quantizer(decay=decay)
    counts, sums, book = np.zeros(4), np.zeros((4, 2)), BOOK.astype("float64")
    for z in (Z, Z + 0.5):
        codes = np.square(z[:, None] - book).sum(axis=-1).argmin(axis=1)
        for k in range(4):
            own = codes == k
            counts[k] = decay * counts[k] + (1 - decay) * WEIGHTS[own].sum()
            sums[k] = decay * sums[k] + (1 - decay) * (WEIGHTS[own, None] * z[own]).sum(axis=0)
        book = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1e-9)[:, None], book)
        learn(q, z)
    np.testing.assert_allclose(numbers(q.counts), counts, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(numbers(q.sums), sums, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(numbers(q.codebook), book, rtol=1e-4, atol=1e-5)


def test_maps_of_vectors_are_learned_from_as_lists_are():
    flat, maps = quantizer(), quantizer()
    learn(flat)
    z = keras.ops.convert_to_tensor(Z.reshape(3, 3, 2))
    maps.learn(z, maps.codes(z), keras.ops.convert_to_tensor(WEIGHTS.reshape(3, 3)), 0)
    np.testing.assert_array_equal(numbers(flat.codebook), numbers(maps.codebook))


def test_clusters_are_where_the_codebook_starts_as_if_they_were_one_batch():
    q = quantizer(decay=0.75)
    q.start(2 * BOOK, np.array([4.0, 0.0, 8.0, 2.0], "float32"))
    np.testing.assert_array_equal(numbers(q.codebook), 2 * BOOK)
    np.testing.assert_allclose(numbers(q.counts), [1.0, 0.0, 2.0, 0.5])
    np.testing.assert_allclose(numbers(q.sums), 2 * BOOK * [[1.0], [0.0], [2.0], [0.5]])


def test_a_dead_code_restarts_at_a_row_that_counts_with_the_mean_count(monkeypatch):
    draws = np.array([0.0, 0.3, 0.5, 0.95], "float32")
    asked = {}

    def uniform(shape, low, high, seed=None, dtype=None):
        asked.update(shape=shape, low=low, high=high, seed=seed)
        return keras.ops.convert_to_tensor(draws)

    monkeypatch.setattr(keras.random, "uniform", uniform)
    q = quantizer(restart=0.5, decay=0.0)
    z = np.array([[0.1, 0.0], [1.1, 0.0], [0.0, 2.2], [0.2, 0.0]], "float32")
    learn(q, z, np.array([0.0, 3.0, 1.0, 4.0], "float32"), seed=5)
    # Counts are 4, 3, 1 and 0, their mean is 2, and below the half of it is the last alone.
    assert asked == {"shape": (4,), "low": 0.0, "high": 0.999999, "seed": 5}
    np.testing.assert_allclose(numbers(q.counts), [4.0, 3.0, 1.0, 2.0])
    # Heights are 0, 3, 4 and 8, of which 0.95 lies in the last row.
    expected = [[0.2, 0.0], [1.1, 0.0], [0.0, 2.2], [0.2, 0.0]]
    np.testing.assert_allclose(numbers(q.codebook), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(numbers(q.sums)[3], [0.4, 0.0], rtol=1e-5)


def test_rows_are_drawn_by_their_weights_and_never_those_of_weight_zero():
    z = keras.ops.convert_to_tensor(np.arange(4.0)[:, None], "float32")
    weights = np.array([0.0, 1.0, 0.0, 3.0], "float32")
    rows = quantizers._sample_rows(z, keras.ops.convert_to_tensor(weights), 4000, 0)
    counts = np.bincount(numbers(rows)[:, 0].astype(int), minlength=4)
    assert counts[0] == counts[2] == 0
    assert scipy.stats.chisquare(counts[[1, 3]], [1000, 3000]).pvalue > 1e-3


def test_a_batch_without_weight_restarts_no_code_and_moves_none():
    q = quantizer(restart=0.9)
    learn(q, weights=0 * WEIGHTS)
    np.testing.assert_allclose(numbers(q.codebook), BOOK, atol=1e-7)
    rows = quantizers._sample_rows(keras.ops.ones((3, 2)), keras.ops.zeros((3,)), 5, 0)
    assert np.isfinite(numbers(rows)).all()


@pytest.mark.parametrize(
    "options", [{"decay": 1.0}, {"restart": 1.0}, {"decay": -0.1}, {"size": 0}]
)
def test_settings_outside_their_range_are_refused(options):
    with pytest.raises(ValueError, match=f"Expected.*{next(iter(options))}|codebook"):
        quantizer(**options)


# Levels.

LEVELS = (2, 3, 8, 5)


def every_digit():
    return np.array(list(itertools.product(*map(range, LEVELS))))


def test_the_index_counts_the_levels_with_the_first_element_as_the_lowest_digit():
    q = FiniteScalarQuantizer(LEVELS)
    assert q.size == math.prod(LEVELS)
    half = np.array([1, 1, 4, 2])
    digits = every_digit()
    index = digits @ np.array([1, 2, 6, 48])
    vectors = numbers(q.lookup(keras.ops.convert_to_tensor(index)))
    np.testing.assert_allclose(vectors, (digits - half) / half, atol=1e-6)
    found = numbers(q.index(keras.ops.convert_to_tensor(vectors)))
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found, index)


def bounds(z):
    """Equation of appendix A.1, in float64: f(z) = tanh(z + shift) * reach - offset."""
    levels = np.array(LEVELS, "float64")
    reach, offset = 1.001 * (levels - 1) / 2, np.where(levels % 2 == 0, 0.5, 0.0)
    return np.tanh(z + np.arctanh(offset / reach)) * reach - offset


def test_vectors_are_bounded_as_in_the_paper_and_rounded_to_the_nearest_level():
    z = np.random.default_rng(1).normal(size=(50, 4)) * 2
    q, x = FiniteScalarQuantizer(LEVELS), keras.ops.convert_to_tensor(z, "float32")
    np.testing.assert_allclose(numbers(q.bound(x)), bounds(z), atol=2e-5)
    levels = np.round(bounds(z)) / np.array([1, 1, 4, 2])
    np.testing.assert_allclose(numbers(q.round_to_levels(x)), levels, atol=1e-6)
    digits = np.round(bounds(z)).astype(int) + np.array([1, 1, 4, 2])
    np.testing.assert_array_equal(numbers(q.codes(x)), digits @ np.array([1, 2, 6, 48]))


def test_zero_is_bounded_to_zero_and_its_gradient_is_that_of_the_bound():
    q = FiniteScalarQuantizer(LEVELS)
    zero = np.zeros((1, 4), "float32")
    np.testing.assert_allclose(numbers(q.bound(keras.ops.convert_to_tensor(zero))), 0, atol=1e-6)
    slope = numbers(gradient(lambda z: keras.ops.sum(q.round_to_levels(z)), zero))[0]
    step = 1e-5
    expected = (bounds(zero + step) - bounds(zero - step)) / (2 * step) / [1, 1, 4, 2]
    np.testing.assert_allclose(slope, expected, rtol=1e-3)


@pytest.mark.parametrize("levels", [(), (1, 5), (257,), (256,) * 4, (2,) * 31])
def test_levels_outside_their_range_are_refused(levels):
    with pytest.raises(ValueError, match="Expected.*levels"):
        FiniteScalarQuantizer(levels)


@pytest.mark.parametrize("levels", [(2,), (256,), (256, 256, 256, 127), (2,) * 30])
def test_levels_at_the_ends_of_their_range_are_taken(levels):
    q = FiniteScalarQuantizer(levels)
    q.build((None, len(levels)))
    assert q.built
    assert numbers(q.lookup(q.size - 1))[0] == (levels[0] - 1 - levels[0] // 2) / (levels[0] // 2)


def test_vectors_have_an_element_for_each_entry_of_levels():
    with pytest.raises(ValueError, match=r"codes with 4 elements.*Received: 3"):
        FiniteScalarQuantizer(LEVELS).build((None, 3))


# Perplexity.


def test_perplexity_is_the_exponential_of_scipys_entropy_over_all_batches():
    use = CodeUse(5)
    assert use.name == "perplexity" and float(numbers(use.result())) == pytest.approx(1.0)
    counts = np.zeros(5)
    for codes, weights in (([[0, 1], [1, 3]], [[1.0, 2.0], [0.5, 1.0]]), ([[4]], [[0.25]])):
        use.update_state(np.array(codes), keras.ops.convert_to_tensor(weights))
        np.add.at(counts, np.ravel(codes), np.ravel(weights))
        expected = np.exp(scipy.stats.entropy(counts))
        assert float(numbers(use.result())) == pytest.approx(expected, rel=1e-5)
    use.reset_state()
    assert float(numbers(use.result())) == pytest.approx(1.0)


def test_the_perplexity_of_several_codebooks_is_their_mean():
    use = CodeUse(4, codebooks=2)
    codes = np.array([[[0, 3], [1, 3]], [[2, 3], [1, 0]]])
    weights = np.array([[1.0, 2.0], [0.5, 1.0]], "float32")
    use.update_state(codes, keras.ops.convert_to_tensor(weights))
    counts = [np.bincount(codes[..., i].ravel(), weights.ravel(), minlength=4) for i in (0, 1)]
    expected = np.mean([np.exp(scipy.stats.entropy(one)) for one in counts])
    assert float(numbers(use.result())) == pytest.approx(expected, rel=1e-5)
