"""The graph to convert, searched for the layers that need ops that a device does not have."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from keras_vae.backend.keras_private import flatten_layers
from keras_vae.export.litert.converter import layer_of
from keras_vae.typing import LatentModel

NOISE = "use noise in training only, or make it from seeds: keras_vae.random.standard_normal"

# Alternatives by the beginning of an op's type; the first match counts.
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
    "Decode": "serve image files from a SavedModel; on a device, pass pixels",
    "Encode": "serve image files from a SavedModel; on a device, pass pixels",
}
ELSEWHERE = "replace it by layers of Keras that convert"


def graph_ops(folder: str) -> dict[str, list[str]]:
    """Return the names of the nodes of a SavedModel, "decoder_1/dense_1/MatMul", by op type."""
    from tensorflow.core.protobuf import saved_model_pb2

    content = Path(folder, "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    ops: dict[str, list[str]] = {}
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in nodes:
            ops.setdefault(node.op, []).append(node.name)
    return ops


def explain_ops(model: LatentModel, ops: Iterable[str], graph: Mapping[str, list[str]]) -> str:
    """Return a clause for each op: the layers that need it, and an alternative.

    Args:
        model: The Keras model that was traced.
        ops: Types of ops of TensorFlow, such as "Erf".
        graph: From `graph_ops`.
    """
    return "; ".join(_explain_op(model, op, graph.get(op, [])) for op in ops)


def _explain_op(model: LatentModel, op: str, nodes: Iterable[str]) -> str:
    layers = sorted({_layer(model, node) for node in nodes} or {"outside of any layer"})
    return f"{op} in {', '.join(layers)} ({replacement(op)})"


def replacement(op: str) -> str:
    """Return an alternative to a layer that needs `op`."""
    return next((text for start, text in REPLACEMENTS.items() if op.startswith(start)), ELSEWHERE)


def _layer(model: LatentModel, node: str) -> str:
    classes = {layer.name: type(layer).__name__ for layer in flatten_layers(model)}
    name = layer_of(node, classes)
    return (
        f"{node!r}, outside of any layer" if name is None else f"layer {name!r} ({classes[name]})"
    )
