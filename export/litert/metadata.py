"""The metadata of a .tflite file: one block of JSON inside it, named `keras_vae`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.export.litert.allowed_ops import pack, schema, unpack
from keras_vae.export.sealing import HASH_KEY, NAME, NO_HASH, fill_in_hash, open_description
from keras_vae.validation import arguments


def add_metadata(content: bytes, description: Mapping[str, Any]) -> bytes:
    """Return a .tflite with `description` and the SHA-256 of all the rest in it.

    Its signatures are in the order of the endpoints in `description`.
    """
    model = unpack(content)
    order_signatures(model, list(description["endpoints"]))
    buffer, entry = schema().BufferT(), schema().MetadataT()
    text = json.dumps({**description, "sha256": NO_HASH}, allow_nan=False)
    buffer.data = np.frombuffer(text.encode(), np.uint8)
    entry.name, entry.buffer = NAME.encode(), len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    blank = pack(model)
    return fill_in_hash(blank)


def order_signatures(model: Any, names: Sequence[str]) -> None:
    """Put the graphs of the signatures `names` first, in this order.

    The converter sorts them by name. Callers that know no signatures run the first graph.

    Args:
        model: The objects of a file, from `unpack`.
        names: Names of all signatures.
    """
    of = {signature.signatureKey.decode(): signature for signature in model.signatureDefs}
    model.signatureDefs = [of[name] for name in names]
    order = [signature.subgraphIndex for signature in model.signatureDefs]
    order += [index for index in range(len(model.subgraphs)) if index not in order]
    model.subgraphs = [model.subgraphs[index] for index in order]
    calls = [op for graph in model.subgraphs for op in graph.operators or ()]
    options = [o for op in calls for o in (op.builtinOptions, op.builtinOptions2) if o is not None]
    for owner in (*model.signatureDefs, *options):  # Loops and conditions call other graphs.
        for key, index in vars(owner).items():
            if key.lower().endswith("subgraphindex"):
                setattr(owner, key, order.index(index))


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the metadata of a .tflite file that keras_vae wrote.

    Example:
        >>> model.export("decoder.tflite", format="litert", endpoints=["decode"])
        >>> about = keras_vae.export.litert.writer.read_metadata("decoder.tflite")
        >>> about["endpoints"]["decode"]["inputs"]["z"]["shape"]
        [1, 16]

    Args:
        path: A file that `model.export(path, format="litert")` wrote.

    Returns:
        The entries of the metadata:

        - `model`: class, name and number of parameters.
        - `likelihood`, `labels`, `quantization`, `io`, `batch_size`, `versions` and `sha256`.
        - `endpoints`: inputs and outputs with shape, dtype and range. int8 ones also have scale
          and zero_point.
        - `latent`: shape, range and statistics of the codes.
        - `verification`: differences from the Keras model.

    Raises:
        OSError: If the file cannot be read.
        TypeError: If `path` is neither text nor a path.
        ValueError: If it is no .tflite, has no such metadata, or was changed after the export.
    """
    path = arguments.path("path", path)
    content = path.read_bytes()
    model = unpack(content, path)
    blocks = [entry.buffer for entry in model.metadata or [] if entry.name == NAME.encode()]
    try:
        block = bytes(model.buffers[blocks[-1]].data) if blocks else None
    except (TypeError, LookupError):  # The place of the block was changed.
        block = b""
    return open_description(block, content, path)


def is_described(content: bytes, model: Any) -> bool:
    """Return whether a .tflite has metadata of keras_vae, be it under a changed name."""
    names = {entry.name for entry in model.metadata or []}
    return NAME.encode() in names or HASH_KEY in content


def signatures(content: bytes) -> dict[str, dict[str, dict[str, Any]]]:
    """Return shape, dtype and, if quantized, scale and zero point of each tensor by name."""
    model = unpack(content)
    types = {v: k.lower() for k, v in vars(schema().TensorType).items() if isinstance(v, int)}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for signature in model.signatureDefs:
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        found[signature.signatureKey.decode()] = {
            side: {t.name.decode(): _tensor(tensors[t.tensorIndex], types) for t in maps}
            for side, maps in (("inputs", signature.inputs), ("outputs", signature.outputs))
        }
    return found


def _tensor(tensor: Any, types: Mapping[int, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "shape": [int(size) for size in tensor.shape],
        "dtype": types[tensor.type],
    }
    if tensor.quantization is not None and tensor.quantization.scale is not None:
        entry["scale"] = float(tensor.quantization.scale[0])
        entry["zero_point"] = int(tensor.quantization.zeroPoint[0])
    return entry
