"""ONNX files of integers: their tolerances, and weights against NumPy."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from onnx import numpy_helper

from keras_vae.export.onnx_files import files, quantization, writer
from tests.support.litert_files import VARIATIONAL, digits, psnr, trained_conv_vae
from tests.support.onnx_models import ask

pytestmark = pytest.mark.tensorflow


@pytest.mark.slow
@pytest.mark.parametrize(("quantize", "decibels"), [("dynamic", 50), ("int8", 40)])
def test_files_of_integers_are_within_the_tolerance(quantize, decibels, tmp_path):
    model, x = trained_conv_vae(), digits(256)
    path = model.export(tmp_path / "m", format="onnx", quantize=quantize, calibration=x)
    z = np.asarray(model.encode(digits(300)[256:]))
    found = ask(path / "decode.onnx", z=z)["reconstruction"]
    assert psnr(found, np.asarray(model.decode(z))) > decibels
    assert files.check(files.read(path)) == quantize
    assert files.quantization(files.read(path / "decode.onnx")["decode"].proto) == quantize
    found = writer.verify(model, path, digits(300)[256:])
    assert set(found) == set(VARIATIONAL)


def dense_and_convolutions():
    """A decoder with a weight of every kind that is quantized."""
    z = keras.Input((8,), name="z")
    h = keras.layers.Reshape((4, 4, 4))(keras.layers.Dense(64)(z))
    h = keras.layers.Conv2DTranspose(24, 3, strides=2, padding="same")(h)
    h = keras.layers.Conv2D(12, 3, padding="same")(h)
    return keras.Model(z, keras.layers.Dense(30)(h))


def test_int8_weights_are_within_half_a_step_of_their_channel():
    network = dense_and_convolutions()
    function = tf.function(
        lambda z: {"y": network(z)}, input_signature=[tf.TensorSpec((None, 8), name="z")]
    )
    import tf2onnx

    proto, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=18)
    smaller = quantization.quantize_weights(proto)
    onnx.checker.check_model(smaller, full_check=True)
    parts = {t.name: numpy_helper.to_array(t) for t in smaller.graph.initializer}
    weights = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
    nodes = {n.output[0]: n for n in smaller.graph.node if n.op_type == "DequantizeLinear"}
    assert len(nodes) == 4
    for name, node in nodes.items():
        axis = node.attribute[0].i % weights[name].ndim
        others = tuple(i for i in range(weights[name].ndim) if i != axis)
        levels, scale = (parts[part] for part in node.input)
        largest = np.abs(weights[name]).max(axis=others)
        np.testing.assert_allclose(scale, largest / 127, rtol=1e-6)
        step = np.expand_dims(scale, others)
        assert np.abs(levels * step - weights[name]).max(axis=others).max() <= scale.max() / 2
        assert (np.abs(levels).max(axis=others) == 127).all()
    size = sum(t.nbytes for t in parts.values())
    assert size < 0.3 * sum(t.nbytes for t in weights.values())
    # Output channels: 64 of the dense layer, 24, 12, and 30.
    assert sorted(len(parts[node.input[1]]) for node in nodes.values()) == [12, 24, 30, 64]
    z = np.random.default_rng(0).normal(size=(4, 8)).astype("float32")
    run = onnxruntime.InferenceSession(smaller.SerializeToString()).run(None, {"z": z})[0]
    exact = np.asarray(network(z))
    assert 0 < np.abs(run - exact).max() < 0.02 * np.abs(exact).max()
