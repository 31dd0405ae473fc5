"""Exported artifacts on disk: their kind, their quantization, and a check of their content."""

from dataclasses import dataclass
from pathlib import Path

from keras_vae.errors import UsageError
from keras_vae.export import endpoint_files
from keras_vae.export.onnx_files import files as onnx
from keras_vae.export.openvino_files import files as openvino
from keras_vae.export.openvino_files.representation import SUFFIX as XML
from keras_vae.export.saved_model import versions
from keras_vae.export.torch_files import files as torch
from keras_vae.export.verification import integrity


@dataclass(frozen=True)
class Artifact:
    """An exported file or folder.

    Attributes:
        path: Path of the file or folder.
        kind: "saved_model", "tflite", "onnx", "openvino" or "torch".
        quantization: None for float32, "float16", "dynamic", "int8" or "int16x8".
    """

    path: Path
    kind: str
    quantization: str | None


def identify(path: Path) -> Artifact:
    """Return the artifact at `path`, after a check that it is unchanged since its export.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ValueError: If it is no artifact, was changed, or has ops that a server or a device cannot
            run or repeat.
    """
    if path.is_dir() and not versions.is_saved_model(path) and (known := versions.versions(path)):
        raise UsageError(
            f"Expected a version folder. Received: {path}, a model with the versions {known}. "
            f"(Give {path / str(known[-1])}.)"
        )
    if versions.is_saved_model(path):
        from keras_vae.export.saved_model.writer import refuse_unservable

        if not integrity.check(path):
            print(f"{path} has no {integrity.FILE}: no hash says whether it was changed.")
        refuse_unservable(path)
        return Artifact(path, "saved_model", None)
    if path.is_file() and path.suffix == ".tflite":
        return Artifact(path, "tflite", _checked_quantization(path))
    if _is_of(path, onnx.SUFFIX):
        return Artifact(path, "onnx", onnx.check(onnx.read(path)))
    if _is_of(path, XML):
        return Artifact(path, "openvino", openvino.check(openvino.read(path)))
    if _is_of(path, torch.SUFFIX):
        torch.read(path)
        return Artifact(path, "torch", None)
    if not path.exists():
        raise FileNotFoundError(f"Expected an artifact. Received: {path}, which does not exist.")
    raise UsageError(
        "Expected a folder with saved_model.pb, a .tflite file, .onnx files, .xml files of "
        f"OpenVINO, or .pt2 files. Received: {path}."
    )


def _is_of(path: Path, suffix: str) -> bool:
    """Return whether a path is a file with this suffix, or a folder of such files."""
    is_file = path.is_file() and path.suffix.lower() == suffix
    return is_file or endpoint_files.is_folder(path, suffix)


def _checked_quantization(path: Path) -> str | None:
    from keras_vae.export.litert.allowed_ops import refuse_unrunnable, unpack
    from keras_vae.export.litert.metadata import is_described, read_metadata

    content = path.read_bytes()
    # Check this first: in a changed file, any op may have become another one.
    if is_described(content, unpack(content, path)):
        read_metadata(path)
    refuse_unrunnable(content)
    return quantization(content)


def quantization(content: bytes) -> str | None:
    """Return the quantization of a .tflite, by the types of its tensors.

    If results of ops are int8 or int16, the arithmetic is. If only constants are int8 or float16,
    they are converted to float while the file runs.
    """
    from keras_vae.export.litert.allowed_ops import schema, unpack

    types = schema().TensorType
    model = unpack(content)
    constants: set[int] = set()
    results: set[int] = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            (results if data is None or len(data) == 0 else constants).add(tensor.type)
    if types.INT16 in results:
        return "int16x8"
    if types.INT8 in results:
        return "int8"
    if types.INT8 in constants:
        return "dynamic"
    return "float16" if types.FLOAT16 in constants else None
