"""The rotation trick, against the matrix of the paper in NumPy."""

import keras
import numpy as np
import pytest

from keras_vae.quantization import VectorQuantizer
from keras_vae.quantization.gradients import pass_through, rotate
from tests.support.differentiation import gradient
from tests.support.models import array

RANDOM = np.random.default_rng(0)
Z, E, SLOPES = (RANDOM.normal(size=(6, 3)).astype("float32") for _ in range(3))


def matrix(z, e):
    """lambda R of the paper: a scaled rotation in the plane of z and e that takes z to e."""
    start, end = z / np.linalg.norm(z), e / np.linalg.norm(e)
    middle = (start + end) / np.linalg.norm(start + end)
    rotation = np.eye(len(z)) - 2 * np.outer(middle, middle) + 2 * np.outer(end, start)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(len(z)), atol=1e-6)
    assert np.linalg.det(rotation) == pytest.approx(1.0, abs=1e-5)
    return rotation * np.linalg.norm(e) / np.linalg.norm(z)


def slopes_of(function, z, e):
    e, slopes = map(keras.ops.convert_to_tensor, (e, SLOPES[: len(z)]))
    return gradient(lambda z: keras.ops.sum(function(z, e) * slopes), z)[0]


def test_the_vector_is_that_of_the_code_and_its_jacobian_the_matrix_of_the_paper():
    np.testing.assert_allclose(array(rotate(*map(keras.ops.convert_to_tensor, (Z, E)))), E, 1e-5)
    expected = [matrix(z, e).T @ slope for z, e, slope in zip(Z, E, SLOPES, strict=True)]
    np.testing.assert_allclose(slopes_of(rotate, Z, E), expected, rtol=1e-4, atol=1e-5)


def test_maps_of_vectors_are_rotated_as_lists_are():
    z, e = (keras.ops.convert_to_tensor(one[:, None].repeat(2, axis=1)) for one in (Z, E))
    slopes = keras.ops.convert_to_tensor(SLOPES[:, None].repeat(2, axis=1))
    found = gradient(lambda z: keras.ops.sum(rotate(z, e) * slopes), array(z))[0]
    np.testing.assert_allclose(found[:, 1], slopes_of(rotate, Z, E), rtol=1e-5, atol=1e-6)


def test_a_gradient_keeps_its_angle_to_the_vector_and_straight_through_its_numbers():
    turned = slopes_of(rotate, Z, E)
    np.testing.assert_allclose((turned * Z).sum(axis=1), (SLOPES * E).sum(axis=1), rtol=1e-4)
    np.testing.assert_array_equal(slopes_of(pass_through, Z, E), SLOPES)


@pytest.mark.parametrize("kind", ["z is 0", "e is 0"])
def test_without_a_direction_the_gradient_passes_unchanged(kind):
    z, e = (0 * Z[:1], E[:1]) if kind == "z is 0" else (Z[:1], 0 * E[:1])
    np.testing.assert_array_equal(slopes_of(rotate, z, e), SLOPES[:1])
    found = rotate(*map(keras.ops.convert_to_tensor, (z, e)))
    np.testing.assert_allclose(array(found), e, atol=1e-7)


def test_opposite_vectors_have_a_finite_gradient_of_the_right_length():
    found = slopes_of(rotate, Z[:1], -2 * Z[:1])
    assert np.linalg.norm(found) == pytest.approx(2 * np.linalg.norm(SLOPES[:1]), rel=1e-4)


def test_a_quantizer_uses_the_gradient_that_it_was_given():
    q = VectorQuantizer(4, seed=0, gradient="rotation")
    q.build((None, 3))
    q.codebook.assign(E[:4])
    codes = array(q.codes(keras.ops.convert_to_tensor(Z)))
    slopes = keras.ops.convert_to_tensor(SLOPES)

    def loss(z):
        return keras.ops.sum(q.approximate(z, q.codes(z))[0] * slopes)

    expected = [matrix(*pair).T @ slope for *pair, slope in zip(Z, E[codes], SLOPES, strict=True)]
    np.testing.assert_allclose(gradient(loss, Z)[0], expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="gradient.*straight_through.*'none'"):
        VectorQuantizer(4, gradient="none")
