"""The constants of a .tflite file, stored as float16 or float32 depending on their size."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_vae.export.litert.allowed_ops import pack, schema, unpack
from keras_vae.export.litert.converter import SMALL

LARGEST_HALF = float(np.finfo("float16").max)


def halve_constants(content: bytes) -> bytes:
    """Return a float32 file whose constants of more than `SMALL` elements are float16.

    Args:
        content: The bytes of a .tflite with float32 constants.

    Returns:
        The bytes of a file with the same signatures that computes in float32 as before.
    """
    model = unpack(content)
    file = _Constants(model)
    for graph in model.subgraphs:
        full = {}
        for index, tensor in enumerate(list(graph.tensors)):
            values = file.values(tensor)
            if values is None or values.dtype != np.float32 or index in graph.outputs:
                continue
            if values.size > SMALL and np.abs(values).max() <= LARGEST_HALF:
                full[index] = len(graph.tensors)
                graph.tensors.append(_new_computed_tensor(tensor))
                file.put(tensor, values.astype("float16"))
        for operator in graph.operators:
            operator.inputs = [full.get(i, i) for i in operator.inputs]
        graph.operators = [*(file.dequantize(*pair) for pair in full.items()), *graph.operators]
    return file.pack()


def restore_weights(content: bytes, exact: bytes, others: Iterable[np.ndarray] = ()) -> bytes:
    """Return a file of dynamic range whose weights of up to `SMALL` elements are float32 again.

    Args:
        content: The bytes of a .tflite with int8 weights.
        exact: The bytes of the same file in float32.
        others: Larger weights that are float32 again, where only ops read them that can.

    Returns:
        The bytes of a file with the same signatures.
    """
    file, before = _Constants(unpack(content)), _Constants(unpack(exact))
    # The converter transposes the matrix of a product.
    forms = [form for part in others for form in (part, np.ascontiguousarray(part.T))]
    for graph, original in zip(file.model.subgraphs, before.model.subgraphs, strict=True):
        named = {tensor.name: before.values(tensor) for tensor in original.tensors}
        for index, tensor in enumerate(graph.tensors):
            values, wanted = file.values(tensor), named.get(tensor.name)
            if wanted is not None and wanted.size <= SMALL and _rounds_to(wanted, values, tensor):
                tensor.quantization = None
                file.put(tensor, wanted)
                continue
            # Larger ones are found by their numbers, since the names of both files differ.
            for form in forms:
                if _rounds_to(form, values, tensor) and file.read_as_floats(graph, index):
                    tensor.quantization = None
                    file.put(tensor, form)
                    break
    return file.pack()


def _rounds_to(wanted: np.ndarray, values: np.ndarray | None, tensor: Any) -> bool:
    """Return whether a tensor holds the numbers `wanted` in int8.

    Equal names prove nothing, since some names are numbered.
    """
    if values is None or values.dtype != np.int8 or wanted.dtype != np.float32:
        return False
    scales = np.asarray(tensor.quantization.scale)
    axis = tensor.quantization.quantizedDimension
    steps = scales.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    return values.shape == wanted.shape and bool(np.all(np.abs(values * steps - wanted) <= steps))


class _Constants:
    """The constants of a file, to read and to replace; equal ones are stored once.

    Args:
        model: The objects of the file's schema.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._kept: dict[tuple[int, bytes], int] = {}
        kinds = schema().TensorType
        self._types: dict[int, np.dtype] = {
            kinds.FLOAT32: np.dtype("float32"),
            kinds.FLOAT16: np.dtype("float16"),
            kinds.INT8: np.dtype("int8"),
        }

    def values(self, tensor: Any) -> np.ndarray | None:
        """Return the numbers of a tensor; None if it is computed, or of another type."""
        data = self.model.buffers[tensor.buffer].data
        if data is None or len(data) == 0 or tensor.type not in self._types:
            return None
        array = np.frombuffer(np.asarray(data, "uint8").tobytes(), self._types[tensor.type])
        return array.reshape([] if tensor.shape is None else tensor.shape)

    def read_as_floats(self, graph: Any, index: int) -> bool:
        """Let all ops read a tensor as float32 that was int8; False if one of them cannot.

        Dense layers read both, rows that are taken from it are then float32, and no op has to
        compute float32 from it any more. Nothing changes if an op cannot.
        """
        tensors = self._with_rows(graph, index)
        if tensors is None:
            return False
        for tensor in tensors[1:]:
            graph.tensors[tensor].type = schema().TensorType.FLOAT32
            graph.tensors[tensor].quantization = None
        for tensor in tensors:
            for op, code, _ in self._uses(graph, tensor):
                if code == schema().BuiltinOperator.DEQUANTIZE:
                    _replace(graph, op.outputs[0], tensor)
                    graph.operators = [other for other in graph.operators if other is not op]
        return True

    def _with_rows(self, graph: Any, index: int) -> list[int] | None:
        """Return a tensor and those of rows taken from it; None if an op cannot read floats."""
        kinds, found = schema().BuiltinOperator, [index]
        readers = {(kinds.FULLY_CONNECTED, 1), (kinds.DEQUANTIZE, 0), (kinds.GATHER, 0)}
        for op, code, place in self._uses(graph, index):
            # The signature names its outputs by their numbers.
            if (code, place) not in readers or set(op.outputs) & set(graph.outputs):
                return None
            if code == kinds.GATHER:
                rows = self._with_rows(graph, op.outputs[0])
                if rows is None:
                    return None
                found += rows
        return found

    def _uses(self, graph: Any, index: int) -> list[tuple[Any, int, int]]:
        """Return the ops that read a tensor: each with its code, and which input it is."""
        codes = self.model.operatorCodes
        return [
            (op, codes[op.opcodeIndex].builtinCode, place)
            for op in graph.operators
            for place, one in enumerate(op.inputs)
            if one == index
        ]

    def put(self, tensor: Any, values: np.ndarray) -> None:
        """Give a tensor these numbers and their type."""
        tensor.type = next(k for k, dtype in self._types.items() if dtype == values.dtype)
        key = tensor.type, values.tobytes()
        if key not in self._kept:
            self._kept[key] = len(self.model.buffers)
            buffer = schema().BufferT()
            buffer.data = np.frombuffer(key[1], "uint8")
            self.model.buffers.append(buffer)
        tensor.buffer = self._kept[key]

    def dequantize(self, half: int, whole: int) -> Any:
        """Return the op that computes tensor `whole` from tensor `half`."""
        operator = schema().OperatorT()
        operator.opcodeIndex = self._opcode(schema().BuiltinOperator.DEQUANTIZE)
        operator.inputs, operator.outputs = [half], [whole]
        return operator

    def pack(self) -> bytes:
        """Return the bytes of the file, without unused constants."""
        used = {tensor.buffer for graph in self.model.subgraphs for tensor in graph.tensors}
        used |= {entry.buffer for entry in self.model.metadata or ()}
        for index, buffer in enumerate(self.model.buffers):
            if index not in used:
                buffer.data = None
        return pack(self.model)

    def _opcode(self, builtin: int) -> int:
        for index, code in enumerate(self.model.operatorCodes):
            if code.builtinCode == builtin:
                return index
        code = schema().OperatorCodeT()
        # Codes up to 127 are also in the field of the first readers.
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = 3
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1


def _replace(graph: Any, old: int, new: int) -> None:
    """Let all ops and outputs of a graph read tensor `new` in place of `old`."""
    for op in graph.operators:
        op.inputs = [new if one == old else one for one in op.inputs]
    graph.outputs = [new if one == old else one for one in graph.outputs]


def _new_computed_tensor(tensor: Any) -> Any:
    """Return a float32 tensor like this one for an op to compute; buffer 0 is always empty."""
    made = schema().TensorT()
    made.name, made.shape, made.type, made.buffer = tensor.name, tensor.shape, tensor.type, 0
    tensor.name = tensor.name + b"/float16"
    return made
