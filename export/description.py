"""The description of a model and its endpoints in the metadata of exported files."""

import importlib.metadata
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_vae.base.endpoint import Endpoint
from keras_vae.base.parameters import count_parameters
from keras_vae.export.calibration import latent_range
from keras_vae.export.verification.comparison import Differences
from keras_vae.latents import kl_per_dimension
from keras_vae.typing import LatentModel

FORMAT = 1
PACKAGES = (
    *("keras-vae", "keras", "tensorflow", "tensorflow-cpu", "ai-edge-litert", "numpy"),
    *("tf2onnx", "onnx", "onnxruntime", "openvino", "torch"),
)
# Codes with more elements, such as large maps, get no statistics of each element.
LARGEST_CODE = 1024
SEED_RANGE = [-(2**31), 2**31 - 1]


def describe(
    model: Any,
    endpoints: Mapping[str, Endpoint],
    tensors: Mapping[str, Any],
    examples: Sequence[np.ndarray],
    from_data: bool,
    labels: Sequence[str] | None,
) -> dict[str, Any]:
    """Return the part of the metadata that depends on the model and its data.

    Args:
        model: The built model.
        endpoints: The exported endpoints.
        tensors: Shape and dtype of each tensor of the file, by endpoint, side and name.
        examples: An array for each input of the model.
        from_data: Whether the examples are real ones; only then there are statistics of codes.
        labels: Names of the classes of the data.
    """
    x = examples[0] if len(examples) == 1 else tuple(examples)
    answers = model.encode_endpoint(x)
    encoded = {name: keras.ops.convert_to_numpy(values) for name, values in answers.items()}
    latent = _latent(model, encoded, x if from_data else None)
    return {
        "format": FORMAT,
        "model": {
            "class": type(model).__name__,
            "name": model.name,
            "parameters": count_parameters(model),
        },
        "likelihood": _likelihood(model),
        "labels": None if labels is None else [str(label) for label in labels],
        "endpoints": _endpoints(model, endpoints, tensors, latent),
        "latent": latent,
        "versions": _versions(),
        **model.metadata(),
    }


def _endpoints(
    model: Any, endpoints: Mapping[str, Endpoint], tensors: Mapping[str, Any], latent: Any
) -> dict[str, Any]:
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


def describe_each(
    model: Any,
    endpoints: Mapping[str, Endpoint],
    tensors: Mapping[str, Any],
    examples: Sequence[np.ndarray],
    from_data: bool,
    labels: Sequence[str] | None,
    found: Differences,
    settings: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """Return the metadata of files of one endpoint each, by endpoint.

    Args:
        model: As in `describe`.
        endpoints: As in `describe`.
        tensors: As in `describe`.
        examples: As in `describe`.
        from_data: As in `describe`.
        labels: As in `describe`.
        found: The differences of all files from the model.
        settings: The settings of the export, which all files have.
    """
    return {
        name: {
            **describe(model, {name: endpoint}, {name: tensors[name]}, examples, from_data, labels),
            **settings,
            "verification": describe_differences({name: found[name]}, from_data),
        }
        for name, endpoint in endpoints.items()
    }


def describe_differences(found: Differences, from_data: bool) -> dict[str, Any]:
    """Return the differences of a file from the model, for the metadata."""
    return {
        "on": "calibration data" if from_data else "generated data",
        "differences": {e: {k: vars(d) for k, d in o.items()} for e, o in found.items()},
    }
