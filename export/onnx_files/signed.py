"""Hashes of unsigned integers, written with signed ones that have the same bits.

OpenVINO 2026.4 has no unsigned integers: constants of 2^31 and more become 2^31 - 1, and a shift is
a division in float32. Products, sums, and logic have the same bits in both. A shift to the right by
8 bits or more is a quotient without remainder, once the bits that drop out are cleared. It has at
most 24 bits, as many as float32. The bits that it fills with the sign are cleared afterwards.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

ALL = 2**32 - 1
# Bits of a shift that is exact in float32, and whose divisor is a positive number.
FEWEST, MOST = 8, 30
# Ops whose results have the same bits, or the same elements, with and without sign.
ALIKE = {
    *("Add", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Mul", "Sub"),
    *("Concat", "Expand", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Tile"),
    *("Transpose", "Unsqueeze"),
}


def use_signed(proto: Any) -> None:
    """Replace the unsigned integers in the graph of a file.

    The graph stays as it is if it uses them in another way than a hash does.
    """
    import onnx

    graph = proto.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    unsigned = {name for name, one in constants.items() if one.data_type == onnx.TensorProto.UINT32}
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if _target(node) == onnx.TensorProto.UINT32:
            unsigned |= {*node.output}
        elif unsigned & {*node.input} and node.op_type not in ("Cast", "Shape"):
            if node.op_type not in ALIKE and _bits(node, constants, makers) is None:
                return
            unsigned |= {*node.output}
        elif unsigned & {*node.input} and _target(node) not in (None, onnx.TensorProto.INT32):
            return
    if unsigned & {tensor.name for tensor in (*graph.input, *graph.output)}:
        return
    nodes = [new for node in graph.node for new in _sign(node, graph, constants, makers)]
    for name in unsigned & {*constants}:
        values = onnx.numpy_helper.to_array(constants[name])
        constants[name].CopyFrom(onnx.numpy_helper.from_array(values.view(np.int32), name))
    used = {name for node in nodes for name in node.input} | {out.name for out in graph.output}
    del graph.node[:]
    graph.node.extend(node for node in nodes if node.op_type != "Expand" or used & {*node.output})


def _target(node: Any) -> int | None:
    """Return the type that a node casts to, or None for any other node."""
    return node.attribute[0].i if node.op_type == "Cast" else None


def _bits(node: Any, constants: dict[str, Any], makers: dict[str, Any]) -> int | None:
    """Return by how many bits a node shifts all elements to the right, if it does."""
    import onnx

    if node.op_type != "BitShift" or any(one.s == b"LEFT" for one in node.attribute):
        return None
    name = node.input[1]
    if name in makers and makers[name].op_type == "Expand":
        name = makers[name].input[0]
    if name not in constants:
        return None
    low, high = (f(onnx.numpy_helper.to_array(constants[name])) for f in (np.min, np.max))
    return int(low) if low == high and FEWEST <= low <= MOST else None


def _sign(
    node: Any, graph: Any, constants: dict[str, Any], makers: dict[str, Any]
) -> Iterator[Any]:
    """Yield the nodes that do the same with signed integers."""
    import onnx

    if _target(node) == onnx.TensorProto.UINT32:
        node.attribute[0].i = onnx.TensorProto.INT32
    bits = _bits(node, constants, makers)
    if bits is None:
        yield node
        return
    cleared, quotient = (f"{node.output[0]}_{part}" for part in ("cleared", "quotient"))
    steps = [
        ("BitwiseAnd", node.input[0], cleared, ALL ^ (2**bits - 1)),
        ("Div", cleared, quotient, 2**bits),
        ("BitwiseAnd", quotient, node.output[0], ALL >> bits),
    ]
    for op, source, target, number in steps:
        name = f"integer_{number}"
        if name not in constants:
            value = np.array(number, np.uint32).view(np.int32)
            constants[name] = onnx.numpy_helper.from_array(value, name)
            graph.initializer.append(constants[name])
        yield onnx.helper.make_node(op, [source, name], [target], name=target)
