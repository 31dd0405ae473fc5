"""Series of one feature in LiteRT and ONNX, where Keras takes `(1, time, 1)` for a bias."""

import threading

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.backend.keras_private import plain_addition
from keras_vae.export.litert import writer

pytestmark = pytest.mark.tensorflow

SHAPE = (12, 1)
SMALL = {"filters": (2,), "hidden": 4, "seed": 0}


def own_model():
    """Return an autoencoder whose decoder adds two series."""
    z = keras.Input((2,))
    lines = [keras.layers.Dense(12)(z) for _ in range(2)]
    total = keras.layers.Add()([keras.layers.Reshape(SHAPE)(line) for line in lines])
    decoder = keras.Model(z, ops.add(total, 0.5))
    return kv.Autoencoder(kv.nets.dense_encoder(SHAPE, 2, hidden=()), decoder)


FAST = {
    "TimeVAE": lambda: kv.TimeVAE(SHAPE, 2, seasons=[(4, 1)], **SMALL),
    "sum of an own network": own_model,
}
SERIES = {
    "TimeVAE": lambda: kv.TimeVAE(SHAPE, 2, masked="features", **SMALL),
    "LSTMVAE": lambda: kv.LSTMVAE(SHAPE, 2, units=(3,), unroll=True, seed=0),
    "TCNVAE": lambda: kv.TCNVAE(SHAPE, 2, width=4, blocks=1, seed=0),
    "TCNVAE of one channel": lambda: kv.TCNVAE(SHAPE, 2, width=1, blocks=1, seed=0),
    "TransformerVAE": lambda: kv.TransformerVAE(
        SHAPE, 2, width=8, blocks=1, attention_heads=2, seed=0
    ),
    "ConvVAE": lambda: kv.ConvVAE(SHAPE, 2, likelihood="normal", **SMALL),
}


@pytest.mark.parametrize("name", FAST)
def test_a_sum_of_series_of_one_feature_converts(tmp_path, name):
    path = FAST[name]().export(tmp_path / "m.tflite", "litert", endpoints=["decode"])
    assert list(writer.read_metadata(path)["endpoints"]) == ["decode"]


def test_such_a_sum_converts_to_onnx_of_one_row(tmp_path):
    pytest.importorskip("tf2onnx")
    options = {"endpoints": ["decode"], "batch_size": 1}
    path = own_model().export(tmp_path / "m.onnx", "onnx", **options)
    assert path.is_file()


@pytest.mark.slow
@pytest.mark.parametrize("quantize", [None, "int8"])
@pytest.mark.parametrize("name", SERIES)
def test_every_series_model_of_one_feature_converts(tmp_path, name, quantize):
    model = SERIES[name]()
    x = np.random.default_rng(0).normal(size=(64, *SHAPE)).astype("float32")
    data = (x, np.ones_like(x)) if len(model.encoder.inputs) > 1 else x
    options = {"quantize": quantize, "calibration": data, "min_psnr": quantize and 5.0}
    path = model.export(tmp_path / "m.tflite", "litert", **options)
    assert set(model.endpoints()) == set(writer.read_metadata(path)["endpoints"])


def test_threads_that_overlap_leave_the_sums_of_keras_as_they_were():
    from keras.src.backend.tensorflow import numpy as formulas

    before, inside, leave = formulas.add, threading.Event(), threading.Event()

    def second():
        with plain_addition():
            inside.set()
            leave.wait(5.0)

    thread = threading.Thread(target=second)
    with plain_addition():
        thread.start()
        inside.wait(0.2)  # Without a lock, the second begins here and keeps what the first made.
        assert formulas.add is not before
    inside.wait(5.0)
    leave.set()
    thread.join()
    assert formulas.add is before
