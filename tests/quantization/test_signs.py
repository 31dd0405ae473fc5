"""Signs as codes, and their entropies, by the sums over all codes in NumPy."""

import itertools

import keras
import numpy as np
import pytest

from keras_vae.quantization import BinarySphericalQuantizer, LookupFreeQuantizer
from tests.support.differentiation import gradient
from tests.support.models import array

RANDOM = np.random.default_rng(0)


def corners(bits):
    return np.array(list(itertools.product((-1.0, 1.0), repeat=bits)))


def entropies(z, vectors, temperature):
    """H(p(c | z)) of each vector, and H of the mean of p(c | z), in nats."""
    distance = np.square(z[:, None] - vectors).sum(axis=-1)
    p = np.exp(-distance / temperature)
    p /= p.sum(axis=1, keepdims=True)
    mean = p.mean(axis=0)
    return -(p * np.log(p)).sum(axis=1), -(mean * np.log(mean)).sum()


def sphere(z):
    return z / np.linalg.norm(z, axis=1, keepdims=True)


@pytest.mark.parametrize("bits", [1, 3, 24])
@pytest.mark.parametrize("kind", [LookupFreeQuantizer, BinarySphericalQuantizer])
def test_an_integer_has_the_signs_as_bits_and_gives_them_back(kind, bits):
    q = kind(bits)
    q.build((None, bits))
    z = RANDOM.normal(size=(2, 4, bits)).astype("float32")
    codes = array(q.codes(keras.ops.convert_to_tensor(z)))
    assert q.size == 2**bits and codes.dtype == "int32"
    expected = [int("".join("01"[int(v > 0)] for v in row[::-1]), 2) for row in z.reshape(-1, bits)]
    np.testing.assert_array_equal(codes.ravel(), expected)
    scale = 1.0 if kind is LookupFreeQuantizer else bits**-0.5
    np.testing.assert_allclose(array(q.lookup(codes)), scale * np.sign(z), rtol=1e-6)
    assert array(q.codes(keras.ops.zeros((1, bits)))).tolist() == [0]


def test_entropies_of_lookup_free_quantization_are_sums_over_all_codes():
    q = LookupFreeQuantizer(3, entropy=0.2, temperature=1.5)
    z = RANDOM.normal(size=(6, 3)).astype("float32")
    e, terms = q.approximate(keras.ops.convert_to_tensor(z), q.codes(z))
    each, together = entropies(z, corners(3), 1.5)
    assert dict(q.term_weights) == {"commitment": 0.25, "entropy": 0.2, "diversity": 0.2}
    np.testing.assert_allclose(array(terms["entropy"]), each, rtol=1e-5)
    assert array(terms["diversity"]).mean() == pytest.approx(-together, rel=1e-5)
    np.testing.assert_allclose(array(terms["commitment"]), np.square(z - np.sign(z)).sum(axis=1))
    np.testing.assert_array_equal(array(e), np.sign(z))
    whole = keras.ops.convert_to_tensor(z.reshape(2, 3, 3))
    found = q.approximate(whole, q.codes(whole))[1]
    np.testing.assert_allclose(array(found["entropy"]), each.reshape(2, 3).sum(axis=1), rtol=1e-5)
    assert array(found["diversity"]).mean() == pytest.approx(-3 * together, rel=1e-5)


def test_the_gradient_of_the_entropies_is_that_of_finite_differences():
    q = LookupFreeQuantizer(2)
    z = RANDOM.normal(size=(5, 2)).astype("float32")

    def loss(z):
        return keras.ops.mean(sum(q.entropies(z).values()))

    def by_hand(z):
        each, together = entropies(z, corners(2), 1.0)
        return each.mean() - together

    wanted = np.zeros(z.shape)
    for place in np.ndindex(z.shape):
        step = np.zeros(z.shape)
        step[place] = 1e-5
        wanted[place] = (by_hand(z + step) - by_hand(z - step)) / 2e-5
    np.testing.assert_allclose(gradient(loss, z)[0], wanted, rtol=1e-3, atol=1e-5)


def test_more_than_eight_bits_are_cut_into_groups_whose_entropies_are_added():
    q = LookupFreeQuantizer(9)
    z = RANDOM.normal(size=(4, 9)).astype("float32")
    found = q.entropies(keras.ops.convert_to_tensor(z))
    parts = [entropies(part, corners(part.shape[1]), 1.0) for part in (z[:, :5], z[:, 5:])]
    np.testing.assert_allclose(array(found["entropy"]), sum(p[0] for p in parts), rtol=1e-5)
    together = sum(p[1] for p in parts)
    assert array(found["diversity"]).mean() == pytest.approx(-together, rel=1e-5)


def test_spherical_vectors_are_signs_on_the_sphere_with_the_entropies_of_distances_there():
    q, bits = BinarySphericalQuantizer(4, temperature=2.0), 4
    z = RANDOM.normal(size=(6, bits)).astype("float32")
    e, terms = q.approximate(keras.ops.convert_to_tensor(z), q.codes(z))
    assert set(terms) == {"entropy", "diversity"} == set(q.term_weights)
    np.testing.assert_allclose(array(e), np.sign(z) / 2.0, rtol=1e-6)
    each, together = entropies(sphere(z), corners(bits) / 2.0, 2.0 / bits)
    np.testing.assert_allclose(array(terms["entropy"]), each, rtol=1e-4)
    assert array(terms["diversity"]).mean() == pytest.approx(-together, rel=1e-4)


def test_the_gradient_passes_to_the_sphere_and_through_the_division_by_the_length():
    q = BinarySphericalQuantizer(3)
    z, slopes = (RANDOM.normal(size=(4, 3)).astype("float32") for _ in range(2))
    weights = keras.ops.convert_to_tensor(slopes)

    def loss(z):
        return keras.ops.sum(q.approximate(z, q.codes(z))[0] * weights)

    u = sphere(z)
    across = slopes - u * (u * slopes).sum(axis=1, keepdims=True)
    wanted = across / np.linalg.norm(z, axis=1, keepdims=True)
    np.testing.assert_allclose(gradient(loss, z)[0], wanted, rtol=1e-4, atol=1e-6)
    assert np.isfinite(gradient(loss, 0 * z)[0]).all()


def test_the_entropies_of_lookup_free_quantization_weigh_more():
    assert LookupFreeQuantizer(3).term_weights["diversity"] == 1.0
    assert BinarySphericalQuantizer(3).term_weights["diversity"] == 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 0}, "bits of at least 1"),
        ({"bits": 25}, "bits from 1 to 24.*bits=25"),
        ({"entropy": -1.0}, "entropy of at least 0"),
        ({"temperature": 0.0}, "temperature above 0"),
        ({"temperature": -1.0}, "temperature of at least 0"),
    ],
)
def test_settings_outside_their_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LookupFreeQuantizer(**options)


def test_vectors_have_an_element_for_each_bit():
    with pytest.raises(ValueError, match=r"vectors with 4 elements.*Received: 3"):
        BinarySphericalQuantizer(4).build((None, 3))
