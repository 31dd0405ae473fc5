"""The inputs and outputs of a SavedModel, read from its bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.export.serving.wire import (
    NUMPY_TYPES,
    STRING,
    TYPE_NUMBERS,
    as_tensor_array,
    fields,
    shape_and_type,
)

DEFAULT = "serving_default"
# Field numbers in tensorflow/core/protobuf/saved_model.proto and meta_graph.proto.
META_GRAPHS = 2
SIGNATURES = 5
INPUTS, OUTPUTS = 1, 2


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature; None in `shape` stands for any size."""

    tensor: str
    shape: tuple[int | None, ...]
    type_number: int

    @property
    def dtype(self) -> str:
        """Name of the NumPy type, or "string"."""
        if self.type_number == STRING:
            return "string"
        return np.dtype(NUMPY_TYPES[self.type_number]).name

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.dtype}[{sizes}]"


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a signature, by name."""

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]

    def __str__(self) -> str:
        inputs, outputs = (
            ", ".join(f"{name}: {info}" for name, info in side.items())
            for side in (self.inputs, self.outputs)
        )
        return f"({inputs}) -> {outputs}"


def check_folder(folder: str | Path) -> Path:
    """Return `folder` as a path; raises FileNotFoundError if it holds no SavedModel."""
    if not (Path(folder) / "saved_model.pb").is_file():
        raise FileNotFoundError(
            f"Expected a folder with saved_model.pb. Received: {folder}. "
            "(Give the version folder, such as serving/vae/1.)"
        )
    return Path(folder)


def read_signatures(folder: str | Path) -> dict[str, Signature]:
    """Read the signatures of a SavedModel from saved_model.pb without loading it.

    Raises:
        FileNotFoundError: If there is no SavedModel.
        ValueError: If the file is damaged.
    """
    content = (check_folder(folder) / "saved_model.pb").read_bytes()
    for number, meta_graph in fields(content):
        if number == META_GRAPHS:
            return parse_signatures(meta_graph)
    raise UsageError(f"Expected a SavedModel in {folder}. Received: a file without any graph.")


def parse_signatures(message: bytes, field_number: int = SIGNATURES) -> dict[str, Signature]:
    """Parse the signatures in a serialized MetaGraphDef, except those for initialization.

    Args:
        message: The serialized message.
        field_number: Number of its field of signatures, if it is another message.
    """
    entries = (_entry(value) for number, value in fields(message) if number == field_number)
    return {
        name: Signature(_tensors(definition, INPUTS), _tensors(definition, OUTPUTS))
        for name, definition in sorted(entries)
        if not name.startswith("__")
    }


def check_inputs(
    signatures: Mapping[str, Signature], name: str, inputs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return `inputs` as arrays that fit the signature `name`.

    Raises:
        ValueError: If there is no such signature, or the inputs are not those it takes.
        TypeError: If they are no dictionary.
    """
    if name not in signatures:
        raise UsageError(f"Expected a signature among {sorted(signatures)}. Received: {name!r}.")
    infos = signatures[name].inputs
    if not isinstance(inputs, Mapping):
        raise UsageTypeError(
            f"Expected the inputs {sorted(infos)} for {name!r} in a dictionary. Received: "
            f"{type(inputs).__name__}. (Give {{{min(infos)!r}: array}}.)"
        )
    if set(infos) != set(inputs):
        raise UsageError(
            f"Expected the inputs {sorted(infos)} for {name!r}. Received: {sorted(inputs)}."
        )
    arrays = {key: as_tensor_array(value) for key, value in inputs.items()}
    for key, array in arrays.items():
        number = STRING if array.dtype == object else TYPE_NUMBERS[array.dtype]
        if number != infos[key].type_number or not fits(array.shape, infos[key].shape):
            dtype = "string" if number == STRING else array.dtype
            raise UsageError(
                f"Expected {key!r} of {name!r} as {infos[key]}. "
                f"Received: {dtype}{list(array.shape)}."
            )
    return arrays


def refuse_8_bit(name: str, array: np.ndarray, info: TensorInfo) -> None:
    """Raise ValueError for whole numbers above 1 where a model takes images in floats."""
    is_image = len(info.shape) == 4 and info.shape[-1] in (1, 3, 4) and info.dtype == "float32"
    if is_image and array.dtype.kind in "ui" and array.max(initial=0) > 1:
        raise UsageError(
            f"Expected {name!r} as floats. Received: {array.dtype} up to {array.max()}. (Divide "
            "8-bit pixels by 255 if the model takes pixels in [0, 1]. If it takes raw pixels, as "
            "one with preprocess=Rescaling(1 / 255) does, send them as floats: "
            f"{name}.astype('float32').)"
        )


def _tensors(definition: bytes, side: int) -> dict[str, TensorInfo]:
    pairs = (_entry(value) for number, value in fields(definition) if number == side)
    return {name: _tensor_info(info) for name, info in sorted(pairs)}


def _entry(message: bytes) -> tuple[str, bytes]:
    """Return key and value of one entry of a map."""
    parts = dict(fields(message))
    return parts[1].decode(), parts.get(2, b"")


def _tensor_info(message: bytes) -> TensorInfo:
    return TensorInfo(dict(fields(message)).get(1, b"").decode(), *shape_and_type(message))


def fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Return whether a shape is one of those expected, in which None stands for any size."""
    return len(shape) == len(expected) and all(
        want in (None, have) for have, want in zip(shape, expected, strict=True)
    )
