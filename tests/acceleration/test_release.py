"""What TensorFlow keeps of functions that are compiled for one call is released with them."""

import gc

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.acceleration.batching import CompiledFunction
from keras_vae.backend import release
from tests.support.models import dense, uniform


def test_kernels_are_cleared_once_a_compiled_function_is_gone(monkeypatch):
    cleared = []
    monkeypatch.setattr(release, "clear_kernels", lambda: cleared.append(1))
    model = kv.Autoencoder(*dense(), seed=1)
    compiled = CompiledFunction(model, model.encode)
    compiled.predict_on_batch((uniform(3, 6),))
    gc.collect()
    assert cleared == []
    del compiled
    gc.collect()
    assert cleared == [1]


@pytest.mark.tensorflow
def test_functions_answer_as_before_when_their_kernels_were_cleared():
    model = kv.Autoencoder(*dense(), seed=1)
    compiled = CompiledFunction(model, model.encode)
    before = compiled.predict_on_batch((uniform(3, 6),))
    release.release_now()
    np.testing.assert_array_equal(compiled.predict_on_batch((uniform(3, 6),)), before)
    assert keras.ops.convert_to_numpy(model.encode(uniform(3, 6))).shape == before.shape
