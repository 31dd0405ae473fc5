"""Conversion of a SavedModel to the bytes of a .tflite.

This module imports nothing of keras_vae, so it can also run as a script. The process of a script
imports TensorFlow once, and a crash there does not end the caller:

    python converter.py JOB.json CALIBRATION.npz OUTPUT
    python converter.py --serve     (see `serve`)
"""

import json
import os
import re
import select
import sys
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

# Exit code of the script if the converter reports an error, whose message is in OUTPUT.
REFUSED = 3

# Seconds without a job after which a server ends, to free its memory.
IDLE = 60

# Ops that scores and noise end with. Networks of int8 do not need them in float.
ARITHMETIC = (
    *("ABS", "ADD", "COS", "DIV", "EXP", "LOG", "LOG_SOFTMAX", "MEAN", "MUL", "NEG", "POW"),
    *("RSQRT", "SIN", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SUB", "SUM"),
)
# Further ops of recurrent layers, whose errors add up over the steps.
RECURRENT_GATES = ("LOGISTIC", "TANH")
# Ops of attention: half a level of error in a logit changes the weights by several percent.
ATTENTION = ("BATCH_MATMUL", "SELECT_V2", "SOFTMAX")
# Ops whose second input is the weights.
WEIGHTED, WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"), 1
# Size of biases, layers that return codes, and the like: few bytes that much depends on.
SMALL = 1024

# Beyond this logit a sigmoid is within 3.4e-4 of 0 or 1, so no levels are needed there.
SATURATED_LOGIT = 8.0
# A logit this far below the largest one of a softmax has a weight under 1.2e-7.
SOFTMAX_RANGE = 16.0

Batches = Mapping[str, Mapping[str, np.ndarray]]


def convert(job: Mapping[str, Any], calibration: Batches) -> bytes:
    """Convert as `job` says, and return the bytes of the .tflite.

    Args:
        job: `folder` of the SavedModel, its `signatures`, `quantize` (None, "dynamic", "int8" or
            "int16x8") and `io` as in `write_litert`, `batch_size`, the names of all `layers` and of
            the `float_layers` among them, and `per_channel` and `keep_float`. With `per_channel`,
            each unit of a dense layer has its own scale. That is more exact and costs 12 bytes a
            unit: half of the file for a decoder that begins with a wide layer. With `keep_float`,
            int8 files compute in integers only where an op has more than `SMALL` weights.
        calibration: For int8 and int16x8, arrays of rows by signature and by name of the input.

    Raises:
        Exception: Whatever the converter raises.
    """
    import tensorflow as tf

    folder, quantize = job["folder"], job["quantize"]
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=job["signatures"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "dynamic":
        private = "_experimental_disable_per_channel_quantization_for_dense_layers"
        setattr(converter, private, not job["per_channel"])
    if quantize in ("int8", "int16x8"):
        converter.representative_dataset = lambda: _batches(calibration, job["batch_size"])
    if quantize == "int16x8":
        wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [wide]
    if quantize == "int8":
        # Calibrate only: before the next step, the ops that stay in float are chosen.
        converter._experimental_calibrate_only = True
    content = converter.convert()
    return _quantize(_narrow_logit_ranges(content), job) if quantize == "int8" else content


def _narrow_logit_ranges(calibrated: bytes) -> bytes:
    """Narrow the calibrated input ranges of sigmoid and softmax to their steep part.

    Logits of black pixels reach -30. With 256 levels over all of that, few are left for the slope.
    An attention mask adds -1e9 to the logits of padding, which leaves no level for the others.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(calibrated, 0)
    for graph in model.subgraphs:
        for op in graph.operators:
            code = model.operatorCodes[op.opcodeIndex].builtinCode
            ranges = graph.tensors[op.inputs[0]].quantization if len(op.inputs) else None
            if ranges is None or ranges.min is None:  # Tensors in a loop have no range.
                continue
            if code == schema.BuiltinOperator.LOGISTIC:
                ranges.min = np.maximum(ranges.min, -SATURATED_LOGIT).astype("float32")
                ranges.max = np.minimum(ranges.max, SATURATED_LOGIT).astype("float32")
            if code == schema.BuiltinOperator.SOFTMAX:
                lowest = np.subtract(ranges.max, SOFTMAX_RANGE)
                ranges.min = np.maximum(ranges.min, lowest).astype("float32")
    builder = flatbuffers.Builder(len(calibrated))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _quantize(calibrated: bytes, job: Mapping[str, Any]) -> bytes:
    """Quantize the networks to int8; the arithmetic of noise and scores stays in float."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    io = tf.int8 if job["io"] == "int8" else tf.float32
    floats = _float_results(calibrated, job)
    return mlir_quantize(
        _without_ranges(calibrated, floats),
        disable_per_channel_for_dense_layers=not job["per_channel"],
        input_data_type=io,
        output_data_type=io,
        denylisted_nodes=floats,
    )


def _without_ranges(calibrated: bytes, floats: set[str]) -> bytes:
    """Return the file without ranges of tensors that no op in integers makes or takes.

    The quantizer rounds a tensor that has a range, and leaves that in where ops in float ask for
    different ranges.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(calibrated, 0)
    for graph in model.subgraphs:
        kept: set[int] = set()
        for op in graph.operators:
            if not {graph.tensors[index].name.decode() for index in op.outputs} <= floats:
                kept |= {*op.inputs, *op.outputs}
        for index, tensor in enumerate(graph.tensors):
            if index not in kept and tensor.quantization is not None:
                tensor.quantization.min = tensor.quantization.max = None
    builder = flatbuffers.Builder(len(calibrated))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _float_results(content: bytes, job: Mapping[str, Any]) -> set[str]:
    """Return the names of the results that stay in float.

    These are the results of ops that belong to no layer, or to one of `float_layers`. With
    `keep_float`, those of all ops with few weights or none are added.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    codes = {getattr(schema.BuiltinOperator, name) for name in ARITHMETIC}
    all_of_them = (*ARITHMETIC, *RECURRENT_GATES, *ATTENTION)
    without_weights = {getattr(schema.BuiltinOperator, name) for name in all_of_them}
    weighted = {getattr(schema.BuiltinOperator, name) for name in WEIGHTED}
    floats = {None, *job["float_layers"]}
    found = set()
    for graph in model.subgraphs:
        for op in graph.operators:
            names = [graph.tensors[index].name.decode() for index in op.outputs]
            # The last op of a network has the name of the output, not that of its layer.
            code = model.operatorCodes[op.opcodeIndex].builtinCode
            # The answer of a table is made outside of layers, in the units of its columns.
            last = code in weighted if job["float_layers"] else code not in codes
            light = code in weighted and np.prod(graph.tensors[op.inputs[WEIGHTS]].shape) <= SMALL
            if job["keep_float"] and (light or code in without_weights):
                found |= set(names)
            elif not (last and set(op.outputs) & set(graph.outputs)):
                found |= {name for name in names if layer_of(name, job["layers"]) in floats}
    return found


def layer_of(node: str, layers: Collection[str]) -> str | None:
    """Return the innermost of `layers` in the name of a node, or None.

    TensorFlow numbers each use of a layer, so a number at the end of a name is ignored.
    """
    for scope in reversed(node.split(";")[0].split("/")[:-1]):
        for name in (scope, re.sub(r"_\d+$", "", scope)):
            if name in layers:
                return name
    return None


def _batches(calibration: Batches, size: int) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield all rows in batches of exactly `size`, the last filled up with the first rows."""
    for signature, inputs in calibration.items():
        count = min(len(rows) for rows in inputs.values())
        for start in range(0, count, size):
            chosen = np.arange(start, start + size) % count
            yield signature, {name: rows[chosen] for name, rows in inputs.items()}


def main(job_path: str, calibration_path: str, output: str) -> int:
    """Convert in this process, which may crash, and return its exit code."""
    with open(job_path, encoding="utf-8") as file:
        job = json.load(file)
    calibration: dict[str, dict[str, np.ndarray]] = {}
    with np.load(calibration_path, allow_pickle=False) as arrays:
        for key in arrays.files:
            signature, name = key.split("/")
            calibration.setdefault(signature, {})[name] = arrays[key]
    try:
        content, code = convert(job, calibration), 0
    except Exception as error:
        content, code = str(error).encode(), REFUSED
    with open(output, "wb") as target:
        target.write(content)
    return code


def serve() -> int:
    """Import TensorFlow once, then convert in a fork for each line of standard input.

    A line is a JSON list: the arguments of `main`, and a file for the output of the fork. The
    answer is the exit code of the fork, or minus the number of the signal that ended it. The server
    returns 0 at the end of the input, or if no line comes for `IDLE` seconds.
    """
    import tensorflow as tf

    _ = tf.lite.TFLiteConverter  # Imported when it is asked for.
    while select.select([sys.stdin], [], [], IDLE)[0] and (line := sys.stdin.readline()):
        *paths, printed = json.loads(line)
        print(_convert_in_fork(paths, printed), flush=True)
    return 0


def _convert_in_fork(paths: Sequence[str], printed: str) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        with open(printed, "wb") as file:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
        code = main(*paths)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1:] == ["--serve"] else main(*sys.argv[1:]))
