"""SavedModel to the bytes of a .tflite: the converter and nothing else.

It imports nothing of keras_vae, so that it can also run as a script, in a process of its own that
costs one import of TensorFlow and whose crash is not ours:

    python converter.py JOB.json CALIBRATION.npz OUTPUT
    python converter.py --serve     (see `serve`)
"""

import contextlib
import json
import os
import re
import select
import sys
import tempfile
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

# Exit code of the script for an error that the converter reports; its message is in OUTPUT.
REFUSED = 3

# Seconds after which a server that nobody asks gives its memory back.
IDLE = 60

# What a score or noise may end with, and a network of int8 should not need to.
ARITHMETIC = (
    *("ABS", "ADD", "COS", "DIV", "EXP", "LOG", "LOG_SOFTMAX", "MEAN", "MUL", "NEG", "POW"),
    *("RSQRT", "SIN", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SUB", "SUM"),
)
# What a recurrent layer adds to that in each of its steps, through which errors add up.
GATES = ("LOGISTIC", "TANH")
# A logit of attention is off by half a level, and what is attended to by so many percent.
ATTENTION = ("BATCH_MATMUL", "SELECT_V2", "SOFTMAX")
# Ops whose second input are weights.
WEIGHTED, WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"), 1
# Biases, layers that make a code and the like: few bytes, and many numbers depend on each of them.
SMALL = 1024

# Where a sigmoid is within 3.4e-4 of 0 or 1: logits beyond need no levels of their own.
SATURATED_LOGIT = 8.0
# Below the greatest logit of a softmax by so much, a weight is under 1.2e-7.
SOFTMAX_RANGE = 16.0

Batches = Mapping[str, Mapping[str, np.ndarray]]


def convert(job: Mapping[str, Any], calibration: Batches) -> bytes:
    """Convert as `job` says.

    Args:
        job: `folder` of the SavedModel, its `signatures`, `quantize` (None, "dynamic" or "int8")
            and `io` as in `write_litert`, `batch_size`, the names of all `layers`, and
            `per_channel`: one scale for each unit of a dense layer, which is more exact and costs
            12 bytes a unit, half of the file for a decoder that begins with a wide layer; and
            `keep_float`: whether in int8 only products with more than `SMALL` weights are of
            integers; others, and what has no weights, as in attention, stay in float.
        calibration: For int8, arrays of rows by signature and by name of the input.

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
    if quantize == "int8":
        converter.representative_dataset = lambda: _batches(calibration, job["batch_size"])
        # The two steps of what convert() does, for the list of what stays in float between them.
        converter._experimental_calibrate_only = True
    with silent_stderr():
        content = converter.convert()
        return _quantized(_narrowed(content), job) if quantize == "int8" else content


def _narrowed(calibrated: bytes) -> bytes:
    """A calibrated file in which what enters a sigmoid or softmax has a range without flat ends.

    Logits of black pixels reach -30; with 256 levels over all of that, few are left for the slope.
    A mask of attention adds -1e9 to the logits of padding, which leaves none for the others.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(calibrated, 0)
    for graph in model.subgraphs:
        for op in graph.operators:
            code = model.operatorCodes[op.opcodeIndex].builtinCode
            ranges = graph.tensors[op.inputs[0]].quantization if len(op.inputs) else None
            if ranges is None or ranges.min is None:  # What is in a loop has no range.
                continue
            if code == schema.BuiltinOperator.LOGISTIC:
                ranges.min = np.maximum(ranges.min, -SATURATED_LOGIT).astype("float32")
                ranges.max = np.minimum(ranges.max, SATURATED_LOGIT).astype("float32")
            if code == schema.BuiltinOperator.SOFTMAX:
                least = np.subtract(ranges.max, SOFTMAX_RANGE)
                ranges.min = np.maximum(ranges.min, least).astype("float32")
    builder = flatbuffers.Builder(len(calibrated))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _quantized(calibrated: bytes, job: Mapping[str, Any]) -> bytes:
    """int8 networks; the arithmetic around them, of noise and of scores, stays in float."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    io = tf.int8 if job["io"] == "int8" else tf.float32
    return mlir_quantize(
        calibrated,
        disable_per_channel_for_dense_layers=not job["per_channel"],
        input_data_type=io,
        output_data_type=io,
        denylisted_nodes=_in_float(calibrated, job["layers"], job["keep_float"]),
    )


def _in_float(content: bytes, layers: Sequence[str], cheap: bool) -> set[str]:
    """Names of the results of ops in no layer, or if `cheap`, of all with few weights or none."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    codes = {getattr(schema.BuiltinOperator, name) for name in ARITHMETIC}
    all_of_them = (*ARITHMETIC, *GATES, *ATTENTION)
    without_weights = {getattr(schema.BuiltinOperator, name) for name in all_of_them}
    weighted = {getattr(schema.BuiltinOperator, name) for name in WEIGHTED}
    found = set()
    for graph in model.subgraphs:
        for op in graph.operators:
            names = [graph.tensors[index].name.decode() for index in op.outputs]
            # The last op of a network has the name of the output in place of its layer's.
            code = model.operatorCodes[op.opcodeIndex].builtinCode
            last = code not in codes
            light = code in weighted and np.prod(graph.tensors[op.inputs[WEIGHTS]].shape) <= SMALL
            if cheap and (light or code in without_weights):
                found |= set(names)
            elif not (last and set(op.outputs) & set(graph.outputs)):
                found |= {name for name in names if layer_of(name, layers) is None}
    return found


def layer_of(node: str, layers: Collection[str]) -> str | None:
    """The innermost of `layers` in the name of a node; TensorFlow numbers each use of a layer."""
    for scope in reversed(node.split(";")[0].split("/")[:-1]):
        for name in (scope, re.sub(r"_\d+$", "", scope)):
            if name in layers:
                return name
    return None


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Native code writes to no file descriptor 2 inside; the same text is in what it raises."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def _batches(calibration: Batches, size: int) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    for signature, inputs in calibration.items():
        count = min(len(rows) for rows in inputs.values())
        for start in range(0, count - size + 1, size):
            yield signature, {name: rows[start : start + size] for name, rows in inputs.items()}


def main(job_path: str, calibration_path: str, output: str) -> int:
    """Convert in this process, which may crash; returns its exit code."""
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

    A line is a JSON list: the arguments of `main`, and a file for what the fork prints. The answer
    is the fork's exit code, or less the number of the signal that ended it. It ends, with 0, after
    the input, or when nothing comes for `IDLE` seconds.
    """
    import tensorflow as tf

    _ = tf.lite.TFLiteConverter  # Imported when it is asked for.
    while select.select([sys.stdin], [], [], IDLE)[0] and (line := sys.stdin.readline()):
        *paths, printed = json.loads(line)
        print(_in_a_fork(paths, printed), flush=True)
    return 0


def _in_a_fork(paths: Sequence[str], printed: str) -> int:
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
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1:] == ["--serve"] else main(*sys.argv[1:]))
