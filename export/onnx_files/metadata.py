"""The metadata of an ONNX file: one property with a block of JSON, named `keras_vae`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.export.onnx_files.files import parse
from keras_vae.export.sealing import HASH_KEY, NAME, NO_HASH, fill_in_hash, is_unchanged


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

    return read(arguments.path("path", path))


def read(path: Path) -> dict[str, Any]:
    """Do what `read_metadata` does, without Keras."""
    content = path.read_bytes()
    blocks = [entry.value for entry in parse(content, path).metadata_props if entry.key == NAME]
    if not blocks and HASH_KEY not in content:
        raise UsageError(
            f"Expected an ONNX file that keras_vae wrote. Received: {path}, without metadata "
            f"named {NAME!r}."
        )
    try:
        description = dict(json.loads(blocks[-1]))
        changed = not is_unchanged(content, description)
    except (ValueError, TypeError, LookupError):  # The metadata are damaged.
        changed = True
    if changed:
        raise UsageError(
            f"Expected the file as it was exported. Received: {path}, which was changed since. "
            "(Export it again.)"
        )
    return description


def is_described(path: Path) -> bool:
    """Return whether a file has metadata of keras_vae, be it under a changed name."""
    content = path.read_bytes()
    keys = {entry.key for entry in parse(content, path).metadata_props}
    return NAME in keys or HASH_KEY in content


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
