"""The metadata of a .tflite file: one block of JSON inside it, named `keras_vae`."""

import hashlib
import importlib.metadata
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_vae.base.endpoint import Endpoint
from keras_vae.errors import UsageError
from keras_vae.export.litert.allowed_ops import pack, schema, unpack
from keras_vae.export.litert.calibration import latent_range
from keras_vae.latents import kl_per_dimension
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments

NAME = "keras_vae"
FORMAT = 1
PACKAGES = ("keras-vae", "keras", "tensorflow", "tensorflow-cpu", "ai-edge-litert", "numpy")
# Codes with more elements, such as large maps, get no statistics of each element.
LARGEST_CODE = 1024
SEED_RANGE = [-(2**31), 2**31 - 1]
# Placeholder for the hash while the file is hashed, of the same length.
NO_HASH = "0" * 64


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
    return blank.replace(_hash_entry(NO_HASH), _hash_entry(hashlib.sha256(blank).hexdigest()), 1)


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
    if not blocks:
        raise UsageError(
            f"Expected a .tflite file that keras_vae wrote. Received: {path}, without metadata "
            f"named {NAME!r}."
        )
    try:
        description = dict(json.loads(bytes(model.buffers[blocks[-1]].data)))
        blank = content.replace(_hash_entry(description["sha256"]), _hash_entry(NO_HASH), 1)
        changed = hashlib.sha256(blank).hexdigest() != description["sha256"]
    except (ValueError, TypeError, LookupError):  # The metadata are damaged.
        changed = True
    if changed:
        raise UsageError(
            f"Expected the file as it was exported. Received: {path}, which was changed since. "
            "(Export it again.)"
        )
    return description


def describe(
    model: Any,
    endpoints: Mapping[str, Endpoint],
    content: bytes,
    examples: Sequence[np.ndarray],
    from_data: bool,
    labels: Sequence[str] | None,
) -> dict[str, Any]:
    """Return the part of the metadata that depends on the model and its data.

    Args:
        model: The built model.
        endpoints: The exported endpoints.
        content: The converted file, for the scales of its int8 tensors.
        examples: An array for each input of the model.
        from_data: Whether the examples are real ones; only then there are statistics of codes.
        labels: Names of the classes of the data.
    """
    x = examples[0] if len(examples) == 1 else tuple(examples)
    encoded = {name: np.asarray(values) for name, values in model.encode_endpoint(x).items()}
    latent = _latent(model, encoded, x if from_data else None)
    return {
        "format": FORMAT,
        "model": {
            "class": type(model).__name__,
            "name": model.name,
            "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        },
        "likelihood": _likelihood(model),
        "labels": None if labels is None else [str(label) for label in labels],
        "endpoints": _endpoints(model, endpoints, content, latent),
        "latent": latent,
        "versions": _versions(),
        **model.metadata(),
    }


def _endpoints(
    model: Any, endpoints: Mapping[str, Endpoint], content: bytes, latent: Mapping[str, Any]
) -> dict[str, Any]:
    tensors = _signatures(content)
    data = model.endpoints()["reconstruct"].inputs[0].name
    ranges = {data: _finite(model.data_range), "seed": SEED_RANGE}
    ranges["reconstruction"] = ranges[data]
    if "range" in latent:
        ranges["z"] = latent["range"]
    return {
        name: {
            side: {
                tensor: {**entry, "range": ranges.get(tensor)}
                for tensor, entry in tensors[name][side].items()
            }
            for side in ("inputs", "outputs")
        }
        for name in endpoints
    }


def _signatures(content: bytes) -> dict[str, dict[str, dict[str, Any]]]:
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


def _latent(model: Any, encoded: Mapping[str, np.ndarray], x: Any) -> dict[str, Any]:
    """Return shape and range of a code.

    For real examples `x`, also statistics and the order of the elements by KL.
    """
    codes = next(iter(encoded.values()))
    latent: dict[str, Any] = {"shape": list(codes.shape[1:])}
    if not np.issubdtype(codes.dtype, np.floating):
        return latent
    low, high = latent_range(model, codes)
    latent["range"] = [float(low.min()), float(high.max())]
    if x is not None and codes[0].size <= LARGEST_CODE:
        flat = codes.reshape(len(codes), -1)
        latent |= {"mean": _numbers(flat.mean(axis=0)), "std": _numbers(flat.std(axis=0))}
        if {"z_mean", "z_log_var"} <= set(encoded):
            latent |= _information(model, x)
    return latent


def _information(model: LatentModel, x: Any) -> dict[str, Any]:
    """Return the mean KL of each element of a code in nats, and the order by it."""
    kl = kl_per_dimension(model, x).ravel()
    return {"kl": _numbers(kl), "order": [int(index) for index in np.argsort(-kl, kind="stable")]}


def _numbers(values: np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values]


def _finite(limits: tuple[float, float]) -> list[float] | None:
    return [float(limit) for limit in limits] if all(map(math.isfinite, limits)) else None


def _likelihood(model: Any) -> str:
    name = model.likelihood
    return name if isinstance(name, str) else keras.saving.get_registered_name(name)


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _hash_entry(digest: str) -> bytes:
    return f'"sha256": "{digest}"'.encode()
