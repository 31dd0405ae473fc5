"""ReLU in int8 files without an op of its own: the op before it saturates."""

from collections import Counter
from typing import Any

import numpy as np

from keras_vae.export.litert.allowed_ops import pack, schema, unpack

LOWEST = -128  # The least int8.
# The largest result of each op that cuts off what is below 0.
RECTIFIERS = {"RELU": np.inf, "RELU6": 6.0, "RELU_0_TO_1": 1.0}
# Ops that round their results to any scale and offset.
ROUNDING = (
    *("ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MUL", "SUB"),
    "TRANSPOSE_CONV",
)


def saturate_at_zero(content: bytes) -> bytes:
    """Return an int8 file whose ops write the result of the ReLU after them.

    If 0 is the least int8 of a result, whatever is below becomes 0 as it is rounded. So ReLU has
    nothing left to do. The converter leaves ReLU out after most ops, but not after a transposed
    convolution. LiteRT has no fast ReLU of int8: in a decoder it takes most of the time.

    Args:
        content: The bytes of a .tflite.

    Returns:
        The bytes of a file with the same signatures. Its results differ by at most a step, since
        they are rounded once in place of twice.
    """
    model = unpack(content)
    codes = {getattr(schema().BuiltinOperator, name): name for name in (*RECTIFIERS, *ROUNDING)}
    changes = [_saturate(model, graph, codes) for graph in model.subgraphs]
    return pack(model) if any(changes) else content


def _saturate(model: Any, graph: Any, codes: dict[int, str]) -> bool:
    """Take ReLU out of a graph where the op before it saturates, and return whether one was."""
    makers = {index: op for op in graph.operators for index in op.outputs}
    uses = Counter([*graph.outputs, *(index for op in graph.operators for index in op.inputs)])
    dropped = []
    for op in graph.operators:
        name = codes.get(model.operatorCodes[op.opcodeIndex].builtinCode)
        maker = makers.get(op.inputs[0]) if name in RECTIFIERS else None
        if name is None or maker is None or uses[op.inputs[0]] > 1:
            continue
        rounds = codes.get(model.operatorCodes[maker.opcodeIndex].builtinCode) in ROUNDING
        plain = getattr(maker.builtinOptions, "fusedActivationFunction", 0) == 0
        if rounds and plain and _begins_at_zero(graph.tensors[op.outputs[0]], RECTIFIERS[name]):
            maker.outputs = op.outputs
            dropped.append(op)
    graph.operators = [op for op in graph.operators if not any(op is other for other in dropped)]
    return bool(dropped)


def _begins_at_zero(tensor: Any, largest: float) -> bool:
    """Return whether the int8 of a tensor stand for numbers from 0 to at most `largest`."""
    if tensor.type != schema().TensorType.INT8 or len(tensor.quantization.scale) != 1:
        return False
    end = 255.0 * tensor.quantization.scale[0]
    return tensor.quantization.zeroPoint[0] == LOWEST and end <= largest * (1.0 + 1e-5)
