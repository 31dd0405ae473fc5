"""Ops that tf2onnx converts otherwise than TensorFlow computes them, or not at all."""

from typing import Any

import numpy as np


def _as_where(_: Any, node: Any, *names: Any) -> None:
    """Convert a choice between two values to Where.

    tf2onnx makes it a sum of products with 0 and 1, in which a NaN that is not chosen stays.
    """
    node.type = "Where"


def _as_erf(graph: Any, node: Any, *_: Any) -> None:
    """Convert Erfc, of which Keras makes GELU and ONNX has none, to 1 - Erf."""
    one = graph.make_const(f"{node.name}_one", np.array(1, np.float32))
    erf = graph.make_node("Erf", node.input)
    node.type = "Sub"
    graph.replace_inputs(node, [one.output[0], erf.output[0]])


def _as_floor_division(graph: Any, node: Any, *_: Any) -> None:
    """Convert a division that rounds down; that of integers in ONNX rounds to 0."""
    if _is_float(graph, node):
        quotient = graph.make_node("Div", node.input)
        node.type = "Floor"
        graph.replace_inputs(node, quotient.output)
        return
    x, divisor = node.input
    rest = graph.make_node("Mod", [x, divisor])
    multiple = graph.make_node("Sub", [x, rest.output[0]])
    node.type = "Div"
    graph.replace_inputs(node, [multiple.output[0], divisor])


def _as_modulo(graph: Any, node: Any, *_: Any) -> None:
    """Convert the rest of a division that rounds down, with the sign of the divisor."""
    if not _is_float(graph, node):
        node.type = "Mod"
        return
    x, divisor = node.input
    quotient = graph.make_node("Div", [x, divisor])
    floor = graph.make_node("Floor", quotient.output)
    multiple = graph.make_node("Mul", [floor.output[0], divisor])
    node.type = "Sub"
    graph.replace_inputs(node, [x, multiple.output[0]])


def _is_float(graph: Any, node: Any) -> bool:
    from onnx import helper

    kind = graph.get_dtype(node.input[0])
    return bool(np.issubdtype(helper.tensor_dtype_to_np_dtype(kind), np.floating))


HANDLERS: dict[str, Any] = {
    "Erfc": (_as_erf, []),
    "FloorDiv": (_as_floor_division, []),
    "FloorMod": (_as_modulo, []),
    "SelectV2": (_as_where, []),
}
