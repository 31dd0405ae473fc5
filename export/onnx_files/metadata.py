"""The metadata of an ONNX file: one property with a block of JSON, named `keras_vae`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.export.sealing import HASH_KEY, NAME, NO_HASH, fill_in_hash, open_description


def add_metadata(proto: Any, description: Mapping[str, Any]) -> bytes:
    """Return a file with `description` and the SHA-256 of all the rest in it."""
    text = json.dumps({**description, "sha256": NO_HASH}, allow_nan=False)
    proto.metadata_props.add(key=NAME, value=text)
    return fill_in_hash(proto.SerializeToString(deterministic=True))


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the metadata of an ONNX file that keras_vae wrote.

    Example:
        >>> model.export("decoder.onnx", format="onnx", endpoints=["decode"])
        >>> about = keras_vae.export.onnx_files.metadata.read_metadata("decoder.onnx")
        >>> about["endpoints"]["decode"]["inputs"]["z"]["shape"]
        [None, 16]

    Args:
        path: A file that `model.export(path, format="onnx")` wrote.

    Returns:
        The entries that `keras_vae.export.litert.writer.read_metadata` has, and `opset`. Sizes that
        may be any are None.

    Raises:
        OSError: If the file cannot be read.
        TypeError: If `path` is neither text nor a path.
        ValueError: If it is no ONNX file, has no such metadata, or was changed after the export.
    """
    from keras_vae.validation import arguments

    path = arguments.path("path", path)
    content = path.read_bytes()
    return open_description(_block(parse(content, path)), content, path)


def read_file(path: Path) -> tuple[Any, dict[str, Any] | None]:
    """Return a parsed file and its metadata, None if they are not of keras_vae.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no ONNX file, or was changed after the export.
    """
    content = path.read_bytes()
    proto = parse(content, path)
    block = _block(proto)
    if block is None and HASH_KEY not in content:
        return proto, None
    return proto, open_description(block, content, path)


def _block(proto: Any) -> str | None:
    blocks = [entry.value for entry in proto.metadata_props if entry.key == NAME]
    return blocks[-1] if blocks else None


def parse(content: bytes, path: Path) -> Any:
    """Return the `onnx.ModelProto` of a file; raise ValueError for anything else."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError:
        model = onnx.ModelProto()
    if not (model.ir_version and model.opset_import and model.graph.output):
        raise UsageError(f"Expected an ONNX file. Received: {path}, which is none, or damaged.")
    return model


def signature(proto: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """Return shape and dtype of the inputs and outputs of a file by name."""
    return {
        "inputs": {tensor.name: _tensor(tensor) for tensor in proto.graph.input},
        "outputs": {tensor.name: _tensor(tensor) for tensor in proto.graph.output},
    }


def _tensor(tensor: Any) -> dict[str, Any]:
    import onnx

    kind = tensor.type.tensor_type
    return {
        "shape": [
            size.dim_value if size.HasField("dim_value") else None for size in kind.shape.dim
        ],
        "dtype": onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name,
    }
