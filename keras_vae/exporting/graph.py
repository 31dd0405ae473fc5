"""The graph that is being converted, to say which layer needs an op that a device does not have."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from keras_vae.exporting.converter import layer_of

NOISE = "keep noise to training, or make it of seeds by keras_vae.random.standard_normal"

# What needs an op, and what to use in its place; the first prefix that fits counts.
REPLACEMENTS = {
    "Stateless": NOISE,
    "Random": NOISE,
    "Multinomial": NOISE,
    "Bitwise": "keras.ops.argmax and argmin need it; use keras.ops.top_k(x, 1)[1], or of -x",
    "Conv2DBackpropInput": "use UpSampling2D and Conv2D in place of a dilated Conv2DTranspose",
    "Conv3DBackpropInput": "use UpSampling3D and Conv3D in place of a dilated Conv3DTranspose",
    "TensorList": "give the recurrent layer unroll=True",
    "While": "give the recurrent layer unroll=True",
    "Erf": "use keras.activations.gelu, or tanh",
    "Matrix": "compute it before the export and keep the result as a weight",
    "Cholesky": "compute it before the export and keep the result as a weight",
    "Decode": "serve encoded pictures from a SavedModel; on a device, pass pixels",
    "Encode": "serve encoded pictures from a SavedModel; on a device, pass pixels",
}
ELSEWHERE = "docs/export.md lists what converts"


def graph_ops(folder: str) -> dict[str, list[str]]:
    """Op types of a SavedModel, each with the names of its nodes, "decoder_1/dense_1/MatMul"."""
    from tensorflow.core.protobuf import saved_model_pb2

    content = Path(folder, "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    ops: dict[str, list[str]] = {}
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in nodes:
            ops.setdefault(node.op, []).append(node.name)
    return ops


def who_needs(model: Any, ops: Iterable[str], graph: Mapping[str, list[str]]) -> str:
    """A sentence for each op: which layers need it, and what to use in its place.

    Args:
        model: The Keras model that was traced.
        ops: Types of ops of TensorFlow, such as "Erf".
        graph: From `graph_ops`.
    """
    return "; ".join(_who_needs(model, op, graph.get(op, [])) for op in ops)


def _who_needs(model: Any, op: str, nodes: Iterable[str]) -> str:
    layers = sorted({_layer(model, node) for node in nodes} or {"outside of any layer"})
    return f"{op} in {', '.join(layers)} ({replacement(op)})"


def replacement(op: str) -> str:
    """What to use in place of a layer that needs `op`."""
    return next((text for start, text in REPLACEMENTS.items() if op.startswith(start)), ELSEWHERE)


def _layer(model: Any, node: str) -> str:
    classes = {layer.name: type(layer).__name__ for layer in model._flatten_layers()}
    name = layer_of(node, classes)
    return (
        f"{node!r}, outside of any layer" if name is None else f"layer {name!r} ({classes[name]})"
    )
