"""Integers of 64 bits: what 32 bits cannot hold is refused, and never wraps."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae import random
from keras_vae.errors import UsageError, UsageTypeError

pytestmark = pytest.mark.tensorflow
BEYOND = [2**32 + 1, -(2**31) - 1]


@pytest.fixture(scope="module")
def vae():
    return kv.VAE(*kv.nets.dense((6,), 2, hidden=(4,), heads=2), seed=0)


@pytest.fixture(scope="module")
def fsq():
    return kv.FSQ(*kv.nets.dense((6,), 3, hidden=(4,)), levels=(3, 3, 3), seed=0)


SEEDED = {
    "standard_normal": lambda model, seeds: random.standard_normal(seeds, 2),
    "prior": lambda model, seeds: model.sample_prior_from_seeds(seeds),
    "codes": lambda model, seeds: model.sample_codes_from_seeds(seeds),
    "endpoint": lambda model, seeds: model.endpoints()["sample"].answer(seeds)["z"],
    "Compiled": lambda model, seeds: kv.Compiled(model).call("sample", seeds)["z"],
}


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("name", SEEDED)
def test_seeds_beyond_32_bits_are_refused_and_others_are_the_same(vae, name, as_tensor):
    def ask(seeds):
        seeds = np.array(seeds, "int64")
        given = ops.convert_to_tensor(seeds) if as_tensor or name == "endpoint" else seeds
        return ops.convert_to_numpy(SEEDED[name](vae, given))

    for bad in BEYOND:
        with pytest.raises(UsageError, match="seeds of integers of 32 bits.*Received: .*row_seeds"):
            ask([bad, 3])
    wanted = ops.convert_to_numpy(SEEDED[name](vae, ops.convert_to_tensor([1, 3], "int32")))
    np.testing.assert_allclose(ask([1, 3]), wanted, atol=1e-6)


def test_seeds_of_64_bits_in_a_graph_are_told_to_be_cast():
    import tensorflow as tf

    function = tf.function(lambda s: random.standard_normal(s, 2), autograph=False)
    with pytest.raises(UsageTypeError, match="int64.*keras.ops.cast"):
        function(tf.constant([1, 2], "int64"))


@pytest.mark.parametrize("code", [2**32 + 1, -(2**32) + 1, 27])
def test_codes_of_64_bits_are_checked_in_tensors_too(fsq, code):
    codes = np.full((2,), code, "int64")
    for decode in (fsq.decode, kv.Compiled(fsq).decode):
        for given in (codes, ops.convert_to_tensor(codes)):
            with pytest.raises(UsageError, match="from 0 to 26|32 bits"):
                decode(given)


def test_codes_of_a_compressive_model_have_32_bits():
    model = kv.CompressiveAutoencoder(*kv.nets.dense((6,), 3, hidden=(4,)))
    codes = np.full((2, 3), 2**32 + 1, "int64")
    for decode in (model.decode, kv.Compiled(model).decode):
        for given in (codes, ops.convert_to_tensor(codes)):
            with pytest.raises(UsageError, match="z of integers of 32 bits"):
                decode(given)
    assert keras.backend.standardize_dtype(model.decode(codes % 3).dtype) == "float32"
