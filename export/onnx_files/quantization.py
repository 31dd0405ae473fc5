"""Weights, or weights and activations, as integers of 8 bits."""

import functools
import tempfile
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.export.onnx_files.logs import silence_root
from keras_vae.quiet import silence_stderr

Quantizer = Callable[[Any, Mapping[str, np.ndarray]], Any]

# Ops with weights. All others, such as those of a score, stay in float32.
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# Weights with fewer elements save nothing.
SMALLEST = 256
LEVELS = 127


def variants(quantize: str | None) -> Sequence[Quantizer]:
    """Return functions that quantize a file, from the smallest one to the most exact one.

    Each takes an `onnx.ModelProto` and rows by input name, and returns a new one.
    """
    if quantize == "dynamic":
        return (
            lambda proto, rows: quantize_weights(_dynamic(proto)),
            lambda proto, rows: quantize_weights(proto),
        )
    if quantize == "int8":
        return (
            functools.partial(_static, per_channel=False),
            functools.partial(_static, per_channel=True),
            functools.partial(_static, per_channel=True, keep_float=True),
        )
    return (lambda proto, rows: proto,)


def quantize_weights(proto: Any) -> Any:
    """Return a file whose weights are int8, and become float32 as it is loaded.

    Each output channel has a scale of its own.
    """
    import onnx

    new = onnx.ModelProto()
    new.CopyFrom(proto)
    axes = _channel_axes(new.graph)
    kept = []
    for tensor in list(new.graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if tensor.name not in axes or values.size < SMALLEST or values.dtype != np.float32:
            kept.append(tensor)
            continue
        axis = axes[tensor.name]
        others = tuple(i for i in range(values.ndim) if i != axis)
        scale = np.maximum(np.abs(values).max(axis=others) / LEVELS, np.finfo("float32").tiny)
        shape = [-1 if i == axis else 1 for i in range(values.ndim)]
        levels = np.rint(values / scale.reshape(shape)).astype(np.int8)
        names = [f"{tensor.name}_{part}" for part in ("levels", "scale")]
        kept += [
            onnx.numpy_helper.from_array(levels, names[0]),
            onnx.numpy_helper.from_array(scale.astype(np.float32), names[1]),
        ]
        node = onnx.helper.make_node("DequantizeLinear", names, [tensor.name], axis=axis)
        new.graph.node.insert(0, node)
    del new.graph.initializer[:]
    new.graph.initializer.extend(kept)
    return new


def _channel_axes(graph: Any) -> dict[str, int]:
    """Return the axis of the output channels of each weight by name."""
    axes = {}
    for node in graph.node:
        if node.op_type in WEIGHTED and len(node.input) > 1:
            transposed = any(a.name == "transB" and a.i for a in node.attribute)
            axis = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0 if transposed else 1}
            axes[node.input[1]] = axis.get(node.op_type, -1)
    ranks = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    return {name: axis % ranks[name] for name, axis in axes.items() if ranks.get(name, 0) > 1}


def _dynamic(proto: Any) -> Any:
    """Return a file that multiplies matrices in int8.

    Convolutions stay in float32: ONNX Runtime 1.32 has no fast ones in int8 whose range is found
    while they run.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    options = {"op_types_to_quantize": ["MatMul", "Gemm"], "weight_type": QuantType.QInt8}
    return _in_folder(
        proto, lambda source, target: quantize_dynamic(source, target, per_channel=True, **options)
    )


def _static(
    proto: Any, rows: Mapping[str, np.ndarray], per_channel: bool, keep_float: bool = False
) -> Any:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    weights = _channel_axes(proto.graph)
    weighted = [node.name for node in proto.graph.node if {*node.input} & {*weights}]
    chosen = weighted[1:-1] if keep_float else weighted
    if not chosen:  # An empty list means all nodes to ONNX Runtime.
        return proto
    return _in_folder(
        proto,
        lambda source, target: quantize_static(
            source,
            target,
            _one_by_one(rows),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(WEIGHTED),
            nodes_to_quantize=chosen,
            per_channel=per_channel,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        ),
    )


def _one_by_one(rows: Mapping[str, np.ndarray]) -> Any:
    """Return the rows of an endpoint as ONNX Runtime's calibration asks for them."""
    count = len(next(iter(rows.values())))
    each = ({name: array[i : i + 1] for name, array in rows.items()} for i in range(count))
    return types.SimpleNamespace(get_next=lambda: next(each, None))


def _in_folder(proto: Any, run: Callable[[str, str], None]) -> Any:
    """Return what `run` makes of a file, given the paths of both."""
    import onnx

    with tempfile.TemporaryDirectory() as folder, silence_root(), silence_stderr():
        paths = [str(Path(folder, name)) for name in ("float.onnx", "integers.onnx")]
        onnx.save(proto, paths[0])
        run(*paths)
        return onnx.load(paths[1])
