"""ReLU in int8 files: left out after ops that saturate, with the answers of before."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_vae.export.litert.allowed_ops import op_names, pack, schema, unpack
from keras_vae.export.litert.saturation import saturate_at_zero
from tests.support.litert_files import small_conv_vae

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs"),
]

X = np.random.default_rng(0).normal(size=(24, 4, 4, 3)).astype("float32")


def transposed(h, activation=None):
    return layers.Conv2DTranspose(5, 3, 2, "same", activation=activation)(h)


def both_signs(x):
    h = layers.Conv2DTranspose(5, 3, 2, "same")(x)
    return layers.Conv2DTranspose(1, 3, 1, "same")(layers.Add()([h, layers.ReLU()(h)]))


NETWORKS = {
    "relu": lambda x: layers.Conv2DTranspose(1, 3, 2, "same")(transposed(x, "relu")),
    "relu6 at the end": lambda x: layers.ReLU(6.0)(transposed(x)),
    "its input is used twice": both_signs,
    "after an op that cannot round": lambda x: layers.ReLU()(layers.Reshape((48,))(x)),
}


def converted(network):
    """The int8 file of TensorFlow's converter, and what Keras answers."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    keras.utils.set_random_seed(1)
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, network(inputs))
    rows = tf.TensorSpec((1, 4, 4, 3), tf.float32)
    graph = convert_variables_to_constants_v2(
        tf.function(lambda x: model(x)).get_concrete_function(rows)
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[None]] for row in X)
    return converter.convert(), np.asarray(model(X))


def answers(content):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    found = []
    for row in X:
        interpreter.set_tensor(taken["index"], row[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(given["index"])[0])
    return np.stack(found)


def count(content, *names):
    """The number of ops of these names that are in the graph."""
    model = unpack(content)
    codes = {getattr(schema().BuiltinOperator, name) for name in names}
    return sum(
        model.operatorCodes[op.opcodeIndex].builtinCode in codes
        for graph in model.subgraphs
        for op in graph.operators
    )


@pytest.mark.parametrize("name", ["relu", "relu6 at the end"])
def test_a_transposed_convolution_writes_what_its_relu_did(name):
    content, exact = converted(NETWORKS[name])
    assert count(content, "RELU", "RELU6") == 1
    found = saturate_at_zero(content)
    assert count(found, "RELU", "RELU6") == 0
    spread = float(np.ptp(exact))
    np.testing.assert_allclose(answers(found), exact, rtol=0, atol=0.03 * spread)
    np.testing.assert_allclose(answers(found), answers(content), rtol=0, atol=2.5 * spread / 255)
    if name == "relu6 at the end":
        assert answers(found).min() == 0.0 < np.mean(exact == 0.0)


@pytest.mark.parametrize("name", ["its input is used twice", "after an op that cannot round"])
def test_a_relu_that_has_something_to_do_stays(name):
    content, _ = converted(NETWORKS[name])
    assert count(content, "RELU") == 1
    assert saturate_at_zero(content) == content


@pytest.mark.parametrize("change", ["offset", "activation", "type", "limit"])
def test_a_relu_after_an_op_of_another_range_stays(change):
    model = unpack(converted(NETWORKS["relu6 at the end"])[0])
    graph, codes = model.subgraphs[0], {v: k for k, v in vars(schema().BuiltinOperator).items()}
    named = {codes[model.operatorCodes[op.opcodeIndex].builtinCode]: op for op in graph.operators}
    result = graph.tensors[named["RELU6"].outputs[0]]
    if change == "offset":
        result.quantization.zeroPoint = [-127]
    elif change == "activation":
        named["TRANSPOSE_CONV"].builtinOptions.fusedActivationFunction = 1
    elif change == "type":
        result.type = schema().TensorType.INT16
    else:
        result.quantization.scale = [6.1 / 255.0]
    assert count(saturate_at_zero(pack(model)), "RELU6") == 1


def test_exported_decoders_have_no_relu(tmp_path):
    path = small_conv_vae().export(
        tmp_path / "d.tflite",
        format="litert",
        endpoints=["decode"],
        quantize="int8",
        calibration=np.random.default_rng(0).random((16, 8, 8, 1), dtype="float32"),
        min_psnr=20.0,
    )
    content = path.read_bytes()
    assert "TRANSPOSE_CONV" in op_names(content)
    assert count(content, "RELU") == 0
