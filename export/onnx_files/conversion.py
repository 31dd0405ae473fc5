"""Conversion of an endpoint to ONNX by tf2onnx, and errors that name layers."""

from collections.abc import Callable, Mapping
from typing import Any

from keras_vae.base.endpoint import Endpoint
from keras_vae.errors import UnavailableError, UsageError
from keras_vae.export.endpoints import float32_policy, traceable
from keras_vae.export.litert.graph_ops import explain_ops
from keras_vae.export.onnx_files import handlers
from keras_vae.export.onnx_files.files import LARGEST_FILE
from keras_vae.export.onnx_files.logs import import_tf2onnx, silence_tf2onnx
from keras_vae.export.onnx_files.signed import use_signed
from keras_vae.export.sealing import NAME
from keras_vae.export.verification.graph_ops import pure_ops
from keras_vae.quiet import silence_stderr
from keras_vae.typing import LatentModel

PACKAGES = ("onnx", "onnxruntime", "tf2onnx")
# The first opset with ops for the bits of integers, which the noise of `sample` needs.
OPSET = 18
BATCH = "batch"


def convert_all(
    model: LatentModel,
    endpoints: Mapping[str, Endpoint],
    batch_size: int | None,
    keep_nan: bool = True,
) -> dict[str, Any]:
    """Return each endpoint as an `onnx.ModelProto`; see `convert`.

    Raises:
        RuntimeError: If the packages for ONNX are not installed.
    """
    import importlib.util

    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UnavailableError(
            f"Expected {', '.join(PACKAGES)} to be installed, which convert a model. Received: no "
            f'{", no ".join(missing)}. (pip install "keras-vae[onnx]")'
        )
    return {
        name: convert(model, name, endpoint, batch_size, keep_nan)
        for name, endpoint in endpoints.items()
    }


def convert(
    model: LatentModel, name: str, endpoint: Endpoint, batch_size: int | None, keep_nan: bool
) -> Any:
    """Return an endpoint as an `onnx.ModelProto`, whose tensors have the names of the endpoint.

    Args:
        model: The built model, to name its layers in errors.
        name: Name of the endpoint.
        endpoint: The endpoint.
        batch_size: The batch size; None for any.
        keep_nan: Whether rows with inputs that are not finite are answered with NaN.

    Raises:
        ValueError: If an op has no counterpart in ONNX, or the file would be larger than 2 GB.
    """
    import tensorflow as tf

    tf2onnx = import_tf2onnx()
    function, signature = traceable(endpoint, batch_size, keep_nan)
    function = _of_as_many_rows(function)
    with float32_policy(model), silence_tf2onnx(), silence_stderr():
        traced = tf.function(function, input_signature=signature, autograph=False)
        nodes = _nodes(traced.get_concrete_function().graph)
        if impure := sorted({*nodes} - pure_ops()):
            raise UsageError(
                "Expected ops without state or randomness. Received: "
                f"{explain_ops(model, impure, nodes)}."
            )
        try:
            proto, _ = tf2onnx.convert.from_function(
                traced, signature, opset=OPSET, custom_op_handlers=handlers.HANDLERS
            )
        except Exception as error:  # tf2onnx raises many kinds.
            raise UsageError(_explain(model, name, str(error), nodes)) from error
    if unknown := _unknown_ops(proto):
        raise UsageError(
            f"Expected ops that ONNX has. Received: {explain_ops(model, unknown, nodes)}."
        )
    use_signed(proto)
    if proto.ByteSize() > LARGEST_FILE:
        raise UsageError(
            f"Expected a model of at most 2 GB, the largest ONNX file. Received: {name} with "
            f"{proto.ByteSize():,} bytes. (Export a SavedModel.)"
        )
    return _name_tensors(proto, name, endpoint, signature)


def _of_as_many_rows(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that fails without rows, or if inputs have different numbers of them.

    ONNX has no op to assert. But a place outside of an array is an error, and so is another size.
    Some ops of ONNX Runtime 1.32 end the process if there are no rows.
    """
    import tensorflow as tf

    def answer(*inputs: Any) -> Any:
        rows = tf.shape(inputs[0])[:1]
        rows += tf.gather(tf.zeros(rows, tf.int32), [0])
        return function(*(tf.reshape(x, tf.concat([rows, x.shape[1:]], 0)) for x in inputs))

    return answer


def _explain(model: LatentModel, name: str, message: str, nodes: dict[str, list[str]]) -> str:
    """Return the layers that need the ops in the message of tf2onnx, or else the message."""
    ops = sorted(op for op in nodes if op in message.replace(",", " ").replace("'", " ").split())
    if ops:
        return f"Expected ops that ONNX has. Received: {explain_ops(model, ops, nodes)}."
    line = (message.strip().splitlines() or ["no message"])[0]
    return f"Expected a graph that converts to ONNX. Received: {name}, {line[:500]}"


def _unknown_ops(proto: Any) -> list[str]:
    """Return the ops that tf2onnx has left as they are, which it reports in its log alone."""
    import onnx

    return sorted(
        {
            node.op_type
            for node in proto.graph.node
            if node.domain or not onnx.defs.has(node.op_type)
        }
    )


def _nodes(graph: Any) -> dict[str, list[str]]:
    """Return the names of the nodes of a traced graph and of its functions, by op type."""
    definition = graph.as_graph_def()
    functions = definition.library.function
    ops: dict[str, list[str]] = {}
    for nodes in (definition.node, *(function.node_def for function in functions)):
        for node in nodes:
            ops.setdefault(node.op, []).append(node.name)
    for function in functions:  # A function may be called as an op.
        ops.pop(function.signature.name, None)
    return ops


def _name_tensors(proto: Any, name: str, endpoint: Endpoint, signature: Any) -> Any:
    """Return the converted graph with the names of the endpoint, its batch and its producer."""
    from importlib.metadata import version

    proto.graph.name = name
    proto.producer_name, proto.producer_version = NAME, version("keras-vae")
    standard = [entry for entry in proto.opset_import if not entry.domain]
    del proto.opset_import[:]  # tf2onnx names a second set of ops, of which it uses none.
    proto.opset_import.extend(standard)
    inputs = {tensor.name: tensor for tensor in proto.graph.input}
    for spec, declared in zip(endpoint.inputs, signature, strict=True):
        _name_batch(inputs[spec.name], declared.shape[0])
    for tensor in proto.graph.output:
        if tensor.name not in endpoint.constants:
            _name_batch(tensor, signature[0].shape[0])
    return proto


def _name_batch(tensor: Any, size: int | None) -> None:
    sizes = tensor.type.tensor_type.shape.dim
    if sizes and size is None:
        sizes[0].dim_param = BATCH
