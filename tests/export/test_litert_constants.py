"""Which constants of a .tflite file are halves, which are floats, and that no other changes."""

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

import keras_vae
from keras_vae.export.litert.constants import (
    SMALL,
    _Constants,
    halve_constants,
    restore_weights,
)
from tests.support.litert_files import run

pytestmark = pytest.mark.tensorflow
WIDE = 48


def model_of_dense_layers():
    """A decoder with weights of 4 * 48 and 48 * 64 numbers: small and large."""
    keras.utils.set_random_seed(0)
    networks = keras_vae.nets.dense((64,), 4, hidden=(WIDE,))
    for weight in networks[1].weights:  # The converter leaves out biases of zeros.
        weight.assign(keras.random.normal(weight.shape, stddev=0.3))
    return keras_vae.Autoencoder(*networks, likelihood="bernoulli")


def exported(model, folder, quantize, **options):
    path = folder / f"{quantize}.tflite"
    return model.export(path, "litert", quantize=quantize, **options)


def parsed(path):
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


def constants(path, graph=0):
    """Types and sizes of the constants of a file, by name."""
    model = parsed(path)
    return {
        (tensor.name, tensor.type): int(np.prod(tensor.shape))
        for tensor in model.subgraphs[graph].tensors
        if model.buffers[tensor.buffer].data is not None
    }


def test_halves_are_the_large_constants_and_no_others(tmp_path):
    path = exported(model_of_dense_layers(), tmp_path, "float16", endpoints=["decode"])
    sizes = {schema.TensorType.FLOAT16: [], schema.TensorType.FLOAT32: []}
    for (_, kind), size in constants(path).items():
        if kind in sizes:
            sizes[kind].append(size)
    assert sorted(sizes[schema.TensorType.FLOAT16]) == [WIDE * 64]
    # Numbers by themselves belong to the check of the input: rows with NaN are answered by NaN.
    large = [size for size in sizes[schema.TensorType.FLOAT32] if size > 1]
    assert sorted(large) == [WIDE, 64, 4 * WIDE]


def test_the_answers_are_those_of_a_model_with_rounded_large_weights(tmp_path):
    model = model_of_dense_layers()
    path = exported(model, tmp_path, "float16", endpoints=["decode"])
    z = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    (first, bias), (last, output) = (layer.get_weights() for layer in model.decoder.layers[1:3])
    linear = z @ first + bias
    hidden = np.where(linear > 0, linear, 0.2 * linear)  # leaky_relu
    wanted = hidden @ last.astype("float16").astype("float32") + output
    answered = run(path, "decode", z=z)["reconstruction"]
    np.testing.assert_allclose(answered, 1 / (1 + np.exp(-wanted)), atol=1e-6)
    assert np.abs(answered - np.asarray(model.decode(z))).max() > 1e-6


@pytest.mark.slow
def test_weights_that_two_signatures_share_are_in_the_file_once(tmp_path):
    model = model_of_dense_layers()
    alone = exported(model, tmp_path, "float16", endpoints=["decode"]).stat().st_size
    (tmp_path / "both").mkdir()
    endpoints = ["decode", "reconstruct"]
    both = exported(model, tmp_path / "both", "float16", endpoints=endpoints).stat().st_size
    encoder, decoder = (2 * n for n in (64 * WIDE, WIDE * 64))
    assert both < alone + encoder + 0.7 * decoder


def test_what_a_half_cannot_hold_stays_a_float(tmp_path):
    model = model_of_dense_layers()
    path = exported(model, tmp_path, None, endpoints=["decode"])
    content = parsed(path)
    file = path.read_bytes()
    kernel = next(
        content.buffers[tensor.buffer]
        for tensor in content.subgraphs[0].tensors
        if tensor.shape is not None and list(tensor.shape) == [64, WIDE]
    )
    huge = np.frombuffer(np.asarray(kernel.data, "uint8").tobytes(), "float32").copy()
    start = file.index(huge.tobytes())
    huge[0] = 1e5
    changed = file[:start] + huge.tobytes() + file[start + huge.nbytes :]
    again = schema.ModelT.InitFromPackedBuf(halve_constants(changed), 0)
    assert schema.TensorType.FLOAT16 not in {t.type for t in again.subgraphs[0].tensors}


def int8_sizes(path):
    return {size for (_, t), size in constants(path).items() if t == schema.TensorType.INT8}


@pytest.mark.slow
def test_small_weights_of_a_dynamic_file_are_floats_again_and_large_ones_stay(tmp_path):
    model = keras_vae.Autoencoder(*keras_vae.nets.dense((64,), 16, hidden=(64,)))
    (tmp_path / "new").mkdir()
    paths = [exported(model, tmp_path, q, endpoints=["decode"]) for q in ("dynamic", None)]
    content, exact = (path.read_bytes() for path in paths)
    assert int8_sizes(paths[0]) == {SMALL, 64 * 64}
    path = tmp_path / "new" / "m.tflite"
    path.write_bytes(restore_weights(content, exact))
    assert int8_sizes(path) == {64 * 64}
    z = np.random.default_rng(0).normal(size=(16, 16)).astype("float32")
    wanted = np.asarray(model.decode(z))

    def error(file):
        runner = Interpreter(model_content=file).get_signature_runner("decode")
        rows = [runner(z=z[i : i + 1])["reconstruction"] for i in range(len(z))]
        return np.sqrt(np.mean((np.concatenate(rows) - wanted) ** 2))

    assert error(path.read_bytes()) < 0.9 * error(content)


@pytest.mark.slow
def test_a_weight_is_not_restored_from_another_one_of_the_same_name(tmp_path):
    model = keras_vae.Autoencoder(*keras_vae.nets.dense((64,), 16, hidden=(64,)))
    path = exported(model, tmp_path, "dynamic", endpoints=["decode"])
    for weight in model.decoder.weights:
        weight.assign(keras.random.normal(weight.shape))
    other = exported(model, tmp_path, None, endpoints=["decode"])
    assert set(constants(path)) & {(n, schema.TensorType.INT8) for n, _ in constants(other)}
    again = tmp_path / "again.tflite"
    again.write_bytes(restore_weights(path.read_bytes(), other.read_bytes()))
    assert int8_sizes(again) == int8_sizes(path) == {SMALL, 64 * 64}


def graph_of_rows(readers):
    """A graph of int8 numbers from which two ops take rows, each read by one of `readers`."""
    codes = [schema.BuiltinOperator.GATHER, *readers]
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.operatorCodes, model.buffers = [], []
    for code in codes:
        model.operatorCodes.append(schema.OperatorCodeT())
        model.operatorCodes[-1].builtinCode = code
    graph.tensors = [schema.TensorT() for _ in range(6)]  # numbers, indices, rows, results
    for tensor in graph.tensors:
        tensor.type = schema.TensorType.INT8
    graph.operators = [schema.OperatorT() for _ in range(4)]
    wires = [(0, [0, 1], [2]), (0, [0, 1], [3]), (1, [2], [4]), (2, [3], [5])]
    for op, wire in zip(graph.operators, wires, strict=True):
        op.opcodeIndex, op.inputs, op.outputs = wire
    graph.outputs = []
    return model, graph


def test_rows_stay_as_they_are_where_one_reader_takes_no_floats():
    kinds = schema.BuiltinOperator
    model, graph = graph_of_rows([kinds.DEQUANTIZE, kinds.ADD])
    assert not _Constants(model).read_as_floats(graph, 0)
    assert [tensor.type for tensor in graph.tensors] == [schema.TensorType.INT8] * 6
    assert [op.inputs for op in graph.operators] == [[0, 1], [0, 1], [2], [3]]

    model, graph = graph_of_rows([kinds.DEQUANTIZE, kinds.DEQUANTIZE])
    graph.operators.append(schema.OperatorT())
    graph.operators[-1].opcodeIndex, graph.operators[-1].inputs = 0, [5, 1]
    graph.operators[-1].outputs = []
    assert _Constants(model).read_as_floats(graph, 0)
    assert [graph.tensors[rows].type for rows in (2, 3)] == [schema.TensorType.FLOAT32] * 2
    assert [op.inputs for op in graph.operators] == [[0, 1], [0, 1], [3, 1]]  # The rows themselves.
