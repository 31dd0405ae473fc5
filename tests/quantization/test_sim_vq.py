"""A frozen codebook behind a learned map, against NumPy."""

import keras
import numpy as np

import keras_vae as kv
from keras_vae.quantization import SimVectorQuantizer
from tests.support.models import array
from tests.support.objectives import loss_and_gradients

X = np.random.default_rng(0).normal(size=(7, 5)).astype("float32")
MAP = np.array([[1.0, 0.4, 0.0], [-0.3, 0.8, 0.2], [0.1, 0.0, -1.2]], "float32")


def test_codes_are_nearest_behind_the_map_which_the_codebook_term_alone_moves():
    networks = kv.nets.dense((5,), 3, hidden=())
    model = kv.VQVAE(*networks, quantizer=SimVectorQuantizer(6, seed=0), seed=0)
    q = model.quantizer
    start = array(q.map)
    np.testing.assert_array_equal(start, np.eye(3))
    q.map.assign(MAP)
    frozen = array(q.codebook)
    z, book = array(model.encoder(X)), frozen @ MAP
    codes = np.square(z[:, None] - book).sum(axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(array(model.encode(X)), codes)
    np.testing.assert_allclose(array(q.lookup(codes)), book[codes], atol=1e-6)
    _, terms = q.approximate(*map(keras.ops.convert_to_tensor, (z, codes)))
    far = np.square(z - book[codes]).sum(axis=1)
    for name in ("commitment", "codebook"):
        np.testing.assert_allclose(array(terms[name]), far, rtol=1e-5)
    _, gradients = loss_and_gradients(model, X)
    place = [v is q.map for v in model.trainable_variables].index(True)
    expected = -2.0 * frozen[codes].T @ (z - book[codes]) / len(X)
    np.testing.assert_allclose(gradients[place], expected, rtol=1e-4, atol=1e-5)


def test_the_codebook_is_frozen_and_as_long_as_a_unit_vector():
    q = SimVectorQuantizer(2000, seed=0)
    q.build((None, 4))
    assert [v.name for v in q.trainable_variables] == ["map"]
    lengths = np.square(array(q.codebook)).sum(axis=1)
    assert abs(lengths.mean() - 1.0) < 0.05
