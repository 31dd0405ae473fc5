"""What lies at a path: which kind of artifact, how it is quantized, whether it may be run."""

from dataclasses import dataclass
from pathlib import Path

from export import integrity, versions


@dataclass(frozen=True)
class Artifact:
    """Something that was exported.

    Attributes:
        path: Where it is.
        kind: "saved_model" or "tflite".
        quantization: None for float32, "float16", "dynamic" or "int8".
    """

    path: Path
    kind: str
    quantization: str | None


def identify(path: Path) -> Artifact:
    """What is at `path`, after a check that it was not changed since it was exported.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If it is something else, it was changed, or it holds ops that a server or a
            device cannot run or repeat.
    """
    if path.is_dir() and not versions.is_saved_model(path) and (known := versions.versions(path)):
        raise ValueError(
            f"Expected a version folder. Received: {path}, a model with the versions {known}. "
            f"(Give {path / str(known[-1])}.)"
        )
    if versions.is_saved_model(path):
        from keras_vae.exporting.saved_model import refuse_unservable

        if not integrity.check(path):
            print(f"{path} has no {integrity.FILE}: no hash says whether it was changed.")
        refuse_unservable(path)
        return Artifact(path, "saved_model", None)
    if path.is_file() and path.suffix == ".tflite":
        return Artifact(path, "tflite", _checked_quantization(path))
    if not path.exists():
        raise FileNotFoundError(f"Expected an artifact. Received: {path}, which does not exist.")
    raise ValueError(f"Expected a folder with saved_model.pb or a .tflite file. Received: {path}.")


def _checked_quantization(path: Path) -> str | None:
    from keras_vae.exporting.gates import refuse_unrunnable, unpacked
    from keras_vae.exporting.litert import read_metadata

    content = path.read_bytes()
    # First, because in a file that was changed any op may have become another one.
    if any(entry.name == b"keras_vae" for entry in unpacked(content, path).metadata or []):
        read_metadata(path)
    refuse_unrunnable(content)
    return quantization(content)


def quantization(content: bytes) -> str | None:
    """How a .tflite is quantized, by the types of its tensors.

    int8 results of ops mean int8 arithmetic; int8 constants alone, that weights are made float
    again while it runs; float16 constants the same.
    """
    from keras_vae.exporting.gates import schema, unpacked

    types = schema().TensorType
    model = unpacked(content)
    constants: set[int] = set()
    results: set[int] = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            (results if data is None or len(data) == 0 else constants).add(tensor.type)
    if types.INT8 in results:
        return "int8"
    if types.INT8 in constants:
        return "dynamic"
    return "float16" if types.FLOAT16 in constants else None
