"""What walks in latent space and seeds of noise refuse, in this package's words."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import latents, random
from keras_vae.errors import KerasVAEError
from tests.support.models import FEATURES, dense, uniform

X = uniform(8, *FEATURES)
MODEL = kv.VAE(*dense(2), seed=1)
VQ = kv.VQVAE(*kv.nets.dense(FEATURES, 4, (5,)), codebook_size=4, seed=1)
CODES = np.random.default_rng(0).normal(size=(8, 3))
NAN = np.full_like(CODES, np.nan)
SEEDS = keras.ops.convert_to_tensor


def traverse(dimensions=(1,), values=(0.0,), x=X[0], **kwargs):
    return latents.traverse(MODEL, x, dimensions, values, **kwargs)


BAD = {
    "True as a dimension": (lambda: traverse([True, False]), "each of dimensions"),
    "half a dimension": (lambda: traverse([0.5]), "each of dimensions"),
    "text as a dimension": (lambda: traverse(["a"]), "each of dimensions"),
    "a minus": (lambda: traverse([-1]), "each of dimensions of at least 0"),
    "one dimension": (lambda: traverse(1), "dimensions to be a sequence"),
    "text values": (lambda: traverse(values=["a"]), "real numbers in values"),
    "NaN values": (lambda: traverse(values=[np.nan]), "finite values in values"),
    "one value": (lambda: traverse(values=3.0), "a list of at least one value"),
    "NaN to traverse": (lambda: traverse(x=X[0] * np.nan), "finite values in x"),
    "examples without use": (lambda: traverse(examples=X), "no examples next to dimensions"),
    "integer codes to traverse": (
        lambda: latents.interpolate(VQ, X[:2], X[2:4]),
        "codes are real numbers.*VQVAE, whose codes are int32",
    ),
    "NaN": (lambda: latents.lerp(NAN, CODES, 3), "finite values in start"),
    "NaN on an arc": (lambda: latents.slerp(CODES, NAN, 3), "finite values in end"),
    "text": (lambda: latents.lerp([["a"]], [["a"]], 3), "real numbers in start"),
    "no codes": (lambda: latents.slerp(CODES[:0], CODES[:0], 3), "at least one each"),
    "NaN examples": (lambda: latents.interpolate(MODEL, X * np.nan, X), "finite values in start"),
    "no examples": (lambda: latents.interpolate(MODEL, X[:0], X[:0]), "at least one each"),
    "a list of methods": (
        lambda: latents.interpolate(MODEL, X, X, method=["lerp"]),
        "method to be 'lerp' or 'slerp'",
    ),
    "text to search": (lambda: latents.neighbors([["a"]], CODES, 1), "real numbers in codes"),
    "NaN to search": (lambda: latents.neighbors(CODES, NAN, 1), "finite values in queries"),
    "NaN with an attribute": (lambda: latents.attribute_vector(NAN, [0, 1] * 4), "values in codes"),
    "codes of another size": (lambda: latents.decode(MODEL, CODES[:, :2]), r"shape \('...', 3\)"),
    "a number to decode": (lambda: latents.decode(MODEL, 3.0), r"shape \('...', 3\)"),
    "NaN to decode": (lambda: latents.decode(MODEL, NAN), "finite values in codes"),
    "a seed of 33 bits": (lambda: random.row_seeds(2, 2**32 + 1), r"seed below 2\^32"),
    "a seed of 33 bits with a sign": (lambda: random.row_seeds(2, -(2**31) - 1), "seed of at lea"),
    "fractions as seeds": (lambda: random.standard_normal(np.array([1.5]), 2), "seeds of integers"),
    "seeds of 33 bits": (
        lambda: random.standard_normal(np.array([1, 2**32 + 1]), 2),
        "seeds of integers of 32 bits. Received: 1 to 4294967297",
    ),
    "a list of fractions": (lambda: random.standard_normal([1.5], 2), "seeds of integers"),
    "tensor of fractions": (lambda: random.standard_normal(SEEDS([1.5]), 2), "seeds of integers"),
    "text as seeds": (lambda: random.standard_normal(np.array(["a"]), 2), "real numbers in seeds"),
    "True as a seed": (lambda: random.standard_normal(np.array([True]), 2), "seeds of integers"),
    "one seed": (lambda: random.standard_normal(3, 2), r"seeds of shape \(batch,\)"),
    "seeds in rows": (lambda: random.standard_normal(np.array([[1]]), 2), "seeds of shape"),
    "less than no numbers": (lambda: random.standard_normal([1], -1), "size of at least 0"),
    "half a number": (lambda: random.standard_normal([1], 2.5), "size of at least 0, an integer"),
    "seeds of samples": (
        lambda: MODEL.sample_codes_from_seeds(np.array([1.5])),
        "seeds of integers",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_walk_and_no_seed_is_refused_by_name(name):
    call, message = BAD[name]
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}"):
        call()


@pytest.mark.parametrize("walk", [latents.lerp, latents.slerp])
def test_a_walk_takes_lists(walk):
    np.testing.assert_array_equal(walk(CODES.tolist(), CODES.tolist(), 2), walk(CODES, CODES, 2))


def test_no_queries_have_no_neighbors():
    places, distances = latents.neighbors(CODES, CODES[:0], 2)
    assert places.shape == distances.shape == (0, 2)


def test_integer_codes_are_decoded_as_they_are():
    codes = np.array([[0, 1], [2, 3]])
    wanted = keras.ops.convert_to_numpy(VQ.decode(codes.ravel().astype("int32")))
    np.testing.assert_allclose(latents.decode(VQ, codes).reshape(4, *FEATURES), wanted, rtol=1e-6)
