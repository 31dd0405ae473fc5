"""A VQVAE with each quantizer: it trains, is saved with its state, and is exported."""

import keras
import numpy as np
import pytest

from tests.support.models import FAST, array, uniform
from tests.support.small_models import QUANTIZERS, quantized

X = uniform(12, 6)


# The others hold no new kind of state.
FEW = ("sim_vq", "lookup_free")
SOME = [pytest.param(name, marks=[] if name in FEW else [pytest.mark.slow]) for name in QUANTIZERS]


@pytest.mark.parametrize("name", SOME)
def test_it_trains_and_a_saved_one_makes_the_same_next_step(name, tmp_path):
    model = quantized(name)
    model.compile(keras.optimizers.SGD(0.05), **FAST)
    before = array(model.encoder.trainable_variables[0])
    logs = model.fit(X, batch_size=4, verbose=0).history
    assert set(logs) == {"loss", "perplexity", *model.terms}
    assert np.abs(array(model.encoder.trainable_variables[0]) - before).max() > 0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    codes = array(model.encode(X))
    assert codes.shape == (12, *model.quantizer.code_shape) and codes.dtype == "int32"
    np.testing.assert_array_equal(array(loaded.encode(X)), codes)
    np.testing.assert_array_equal(array(model.decode(codes)), array(model(X)))
    for one in (model, loaded):
        one.compile(keras.optimizers.SGD(0.05), **FAST)
        one.train_on_batch(X)
    for one, other in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(array(one), array(other))


@pytest.mark.long
@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["grouped", "sim_vq", "lookup_free", "spherical"])
def test_every_format_answers_as_keras_does(name, tmp_path):
    """Each file is compared with Keras before it is put in place."""
    model = quantized(name)
    for format, file in (("tf_saved_model", "1"), ("litert", "m.tflite"), ("onnx", "onnx")):
        assert model.export(tmp_path / file, format=format).exists()
