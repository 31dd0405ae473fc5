"""Groups of elements against a residual quantizer for each."""

import keras
import numpy as np
import pytest

from keras_vae.quantization import GroupedResidualVectorQuantizer, ResidualVectorQuantizer
from tests.support.models import array

RANDOM = np.random.default_rng(0)
BOOKS = RANDOM.normal(size=(2, 2, 3, 2)).astype("float32")  # Groups, levels, codes, elements.
Z = RANDOM.normal(size=(8, 4)).astype("float32")
WEIGHTS = keras.ops.convert_to_tensor(np.linspace(0.0, 2.0, 8).astype("float32"))


def filled(quantizer, dimensions, books):
    quantizer.build((None, dimensions))
    parts = getattr(quantizer, "parts", [quantizer])
    levels = [level for part in parts for level in part.levels]
    for level, book in zip(levels, books.reshape(-1, 3, 2), strict=True):
        level.codebook.assign(book)
    return quantizer


def test_each_group_is_quantized_on_its_own():
    options = {"decay": 0.5, "restart": 0.0, "seed": 0}
    whole = filled(GroupedResidualVectorQuantizer(2, 2, 3, **options), 4, BOOKS)
    parts = [filled(ResidualVectorQuantizer(2, 3, **options), 2, books) for books in BOOKS]
    z, *halves = map(keras.ops.convert_to_tensor, (Z, Z[:, :2], Z[:, 2:]))
    codes = whole.codes(z)
    apart = [array(q.codes(half)) for q, half in zip(parts, halves, strict=True)]
    assert whole.code_shape == (2, 2) and whole.size == 3 and whole.dimensions == 4
    np.testing.assert_array_equal(array(codes), np.stack(apart, axis=1))
    for levels in (1, 2):
        vectors = [array(q.lookup(c[:, :levels])) for q, c in zip(parts, apart, strict=True)]
        found = array(whole.lookup(codes[..., :levels]))
        np.testing.assert_array_equal(found, np.concatenate(vectors, axis=1))
    e, terms = whole.approximate(z, codes)
    found = [q.approximate(h, q.codes(h))[1] for q, h in zip(parts, halves, strict=True)]
    expected = sum(array(one["commitment"]) for one in found)
    np.testing.assert_allclose(array(terms["commitment"]), expected, rtol=1e-6)
    np.testing.assert_allclose(array(e), array(whole.lookup(codes)), atol=1e-6)
    whole.learn(z, codes, WEIGHTS, 0)
    for q, half, own in zip(parts, halves, whole.parts, strict=True):
        q.learn(half, q.codes(half), WEIGHTS, 0)
        for level, other in zip(q.levels, own.levels, strict=True):
            np.testing.assert_array_equal(array(level.codebook), array(other.codebook))


def test_each_group_starts_from_its_own_vectors():
    whole = GroupedResidualVectorQuantizer(2, 1, 3, seed=0)
    whole.build((None, 4))
    x = np.concatenate([BOOKS[0, 0], BOOKS[1, 0]], axis=1)[np.arange(9) % 3]
    whole.adapt(x, 0)
    found = whole.lookup(whole.codes(keras.ops.convert_to_tensor(x)))
    np.testing.assert_allclose(array(found), x, atol=1e-6)


def test_the_defaults_are_those_of_the_residual_quantizer_in_two_groups():
    found, one = GroupedResidualVectorQuantizer(), ResidualVectorQuantizer()
    assert found.code_shape == (2, 4) and one.code_shape == (4,)
    assert found.size == one.size == 256
    for q in (*found.parts, one):
        assert (q.levels[0].decay, q.levels[0].restart, q.dropout) == (0.99, 0.05, 0.0)
        assert q.gradient == q.levels[0].gradient == "straight_through"


def test_groups_divide_the_elements_of_a_vector():
    with pytest.raises(ValueError, match="divide the 5 elements.*groups=2"):
        GroupedResidualVectorQuantizer(2).build((None, 5))
    with pytest.raises(ValueError, match="groups of at least 1"):
        GroupedResidualVectorQuantizer(0)
