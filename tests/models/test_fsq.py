"""Finite scalar quantization: its codebook, its gradient and its limit."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.quantization.quantizers import FiniteScalarQuantizer
from tests.support.models import array
from tests.support.objectives import loss_and_gradients

X = np.random.default_rng(0).random((9, 6)).astype("float32")
# The sizes of Table 1 of the paper.
PUBLISHED = {
    (8, 6, 5): 240,
    (8, 5, 5, 5): 1000,
    (7, 5, 5, 5, 5): 4375,
    (8, 8, 8, 6, 5): 15360,
    (8, 8, 8, 5, 5, 5): 64000,
}


@pytest.mark.parametrize("levels", PUBLISHED)
def test_there_are_as_many_codes_as_the_product_of_levels_and_each_comes_back(levels):
    """Anchor row 20: over the whole codebook."""
    quantizer = FiniteScalarQuantizer(levels)
    assert quantizer.size == PUBLISHED[levels]
    codes = np.arange(quantizer.size, dtype="int32")
    vectors = array(quantizer.lookup(codes))
    assert np.abs(vectors).max() == 1.0 and len(np.unique(vectors, axis=0)) == quantizer.size
    np.testing.assert_array_equal(array(quantizer.index(vectors)), codes)


@pytest.mark.parametrize("levels", [2, 3, 4, 5, 8, 255, 256])
def test_all_levels_are_reached_and_none_beyond(levels):
    quantizer = FiniteScalarQuantizer((levels, 3))
    z = np.linspace(-12, 12, 20_001)[:, None] + [0.0, -30.0]
    z = np.concatenate([z, [[-1e30, 0.0], [1e30, 0.0]]]).astype("float32")
    codes = array(quantizer.codes(z))
    assert set(codes[:-1] % levels) == set(range(levels))
    assert list(codes[-2:]) == [levels, levels + levels - 1]
    np.testing.assert_array_equal(
        array(quantizer.round_to_levels(z)), array(quantizer.lookup(codes))
    )


def test_levels_are_the_nearest_integers_of_the_bounded_vectors():
    """Odd numbers of levels are symmetric and have a zero; even ones are shifted by a half."""
    z = np.array([[-3.0, -3.0], [-0.4, -0.4], [0.0, 0.0], [0.4, 0.4], [3.0, 3.0]], "float32")
    found = array(FiniteScalarQuantizer((5, 4)).round_to_levels(z))
    np.testing.assert_array_equal(found[:, 0] * 2, np.round(2 * np.tanh(z[:, 0])))
    shifted = 1.5 * np.tanh(z[:, 1] + np.arctanh(1 / 3)) - 0.5
    np.testing.assert_array_equal(found[:, 1] * 2, np.round(shifted))


def linear(levels, **kwargs):
    keras.utils.set_random_seed(3)
    encoder, decoder = kv.nets.dense((6,), len(levels), hidden=())
    return kv.FSQ(encoder, decoder, levels=levels, **kwargs)


def test_the_gradient_goes_straight_through_the_rounding():
    """dL/dz = dL/dv (1 - tanh^2) for an odd number of levels, up to the 0.1 % of overshoot."""
    model = linear((5, 7))
    a, a_bias, b, b_bias = (array(v).astype("float64") for v in model.trainable_variables)
    _, gradients = loss_and_gradients(model, X)
    half = np.array([2.0, 3.0])
    t = np.tanh(X @ a + a_bias)
    v = np.round(1.001 * half * t) / half
    error = (v @ b + b_bias - X) / len(X)
    of_z = error @ b.T * 1.001 * (1.0 - np.square(t))
    wanted = [X.T @ of_z, of_z.sum(0), v.T @ error, error.sum(0)]
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_with_many_levels_it_is_an_autoencoder_with_bounded_codes():
    model = linear((255, 255))
    squashed = keras.layers.Activation("tanh")(model.encoder.outputs[0])
    plain = kv.Autoencoder(keras.Model(model.encoder.inputs[0], squashed), model.decoder)
    reached = np.abs(array(model.decoder.weights[0])).sum(axis=0).max()
    difference = np.abs(array(model(X)) - array(plain(X))).max()
    assert 0.0 < difference < 1.3 * reached / 254


def test_the_codes_in_use_are_logged_and_measured_alike():
    model = linear((3, 4), seed=0)
    model.compile()
    logs = model.evaluate(X, batch_size=4, return_dict=True, verbose=0)
    usage = kv.metrics.codebook_usage(array(model.encode(X)), model.codebook_size)
    assert logs["perplexity"] == pytest.approx(usage["codebook_perplexity"], rel=1e-5)
    assert 1.0 < logs["perplexity"] <= model.codebook_size == 12


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ((), "Expected levels of at least one integer"),
        ((1, 5), r"Received: \(1, 5\)"),
        ((300, 2), "Expected levels to be integers from 2 to 256"),
        ((256,) * 4, "whose product is below 2.31"),
        ((5, 5, 5), None),
    ],
)
def test_levels_that_do_not_fit_are_refused(levels, message):
    networks = kv.nets.dense((6,), 2, hidden=())
    with pytest.raises(ValueError, match=message or "Expected codes with 3 elements"):
        kv.FSQ(*networks, levels=levels)
    with pytest.raises(TypeError, match="each of levels of at least 1, an integer.*5.0"):
        kv.FSQ(*networks, levels=(5.0, 5))
