"""ONNX files on disk: which belong to an export, and what a file may hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError

SUFFIX = ".onnx"
# Names of endpoints, under which a file of another one would be taken for it.
ENDPOINTS = ("reconstruct", "encode", "decode", "score", "sample")
# Ops whose answers differ between two runs.
RANDOM = (
    *("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike"),
    *("RandomUniform", "RandomUniformLike"),
)
STANDARD_DOMAINS = ("", "ai.onnx")
# The ops of ONNX Runtime that its quantization writes.
RUNTIME_DOMAIN = "com.microsoft"
# Protocol buffers have no larger messages.
LARGEST_FILE = 2**31 - 1


def paths(path: Path) -> list[Path]:
    """Return the files of an export: a file, or all files of a folder.

    Raises:
        ValueError: If a folder has none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.glob(f"*{SUFFIX}") if file.is_file())
    if not found:
        raise UsageError(f"Expected a folder with {SUFFIX} files. Received: {path}, without any.")
    return found


def endpoints(path: Path) -> dict[str, Path]:
    """Return the files of an export by endpoint: that of their metadata, or else their name.

    Raises:
        ValueError: If two files are of the same endpoint.
    """
    from keras_vae.export.onnx_files.metadata import is_described
    from keras_vae.export.onnx_files.metadata import read as read_about

    found: dict[str, Path] = {}
    for file in paths(path):
        about = read_about(file) if is_described(file) else {"endpoints": [file.stem]}
        name = next(iter(about["endpoints"]))
        if path.is_dir() and file.stem in ENDPOINTS and name != file.stem:
            raise UsageError(
                f"Expected the endpoint {file.stem} in {file.name}. Received: {name}, in {path}. "
                "(Rename the file.)"
            )
        if name in found:
            raise UsageError(
                f"Expected one file for each endpoint. Received: {found[name].name} and "
                f"{file.name} in {path}, both of {name}. (Give one of these files.)"
            )
        found[name] = file
    return found


def check(path: Path) -> str | None:
    """Return the quantization of an export, after a check that it runs and is unchanged.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a file is no ONNX file, was changed since its export, or cannot run or be
            repeated; or if the files have different quantizations.
    """
    from keras_vae.export.onnx_files.metadata import is_described
    from keras_vae.export.onnx_files.metadata import read as read_about

    endpoints(path)  # It refuses files under names of each other.
    found = {}
    for file in paths(path):
        model, described = read(file), is_described(file)
        kind = read_about(file)["quantization"] if described else quantization(model)
        refuse_unrunnable(model)
        found[file.name] = kind
    if len(kinds := set(found.values())) > 1:
        raise UsageError(
            f"Expected files of the same quantization in a folder. Received: {found} in {path}."
        )
    return kinds.pop()


def quantization(model: Any) -> str | None:
    """Return the quantization of a file by its ops: None for float32, "dynamic" or "int8"."""
    ops = {node.op_type for graph in _graphs(model) for node in graph.node}
    if "QuantizeLinear" in ops:
        return "int8"
    return "dynamic" if ops & {"DequantizeLinear", "DynamicQuantizeLinear"} else None


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder of ONNX files."""
    return path.is_dir() and any(file.is_file() for file in path.glob(f"*{SUFFIX}"))


def read(path: Path) -> Any:
    """Return the parsed model of a file, an `onnx.ModelProto`.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no ONNX file.
    """
    return parse(path.read_bytes(), path)


def parse(content: bytes, path: Path) -> Any:
    """Return the parsed model of the content of a file; see `read`."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError:
        model = onnx.ModelProto()
    if not (model.ir_version and model.opset_import and model.graph.output):
        raise UsageError(f"Expected an ONNX file. Received: {path}, which is none, or damaged.")
    return model


def refuse_unrunnable(model: Any) -> None:
    """Raise ValueError if a file needs other files, other libraries of ops, or random numbers."""
    import onnx

    foreign, random, outside = set(), set(), []
    for graph in _graphs(model):
        for node in graph.node:
            if node.op_type in RANDOM or _drops_out(node):
                random.add(node.op_type)
            if node.domain not in (*STANDARD_DOMAINS, RUNTIME_DOMAIN) or (
                node.domain in STANDARD_DOMAINS and not onnx.defs.has(node.op_type)
            ):
                foreign.add(f"{node.domain or 'ai.onnx'}.{node.op_type}")
        outside += [tensor.name for tensor in _tensors(graph) if tensor.external_data]
    bad = [
        *sorted(foreign | random),
        *(f"weights in another file ({name})" for name in outside[:3]),
    ]
    if bad or model.functions:
        received = bad or ["functions of its own"]
        raise UsageError(
            "Expected an ONNX file with its weights inside, and ops of ONNX that give the same "
            f"answer each time. Received: {', '.join(received)}."
        )


def _drops_out(node: Any) -> bool:
    """Return whether a node has the third input of Dropout, which makes it random."""
    return node.op_type == "Dropout" and any(node.input[2:])


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield the weights of a graph and the constants in its nodes."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            sparse = (attribute.sparse_tensor, *attribute.sparse_tensors)
            yield from (attribute.t, *attribute.tensors)
            yield from (part for one in sparse for part in (one.values, one.indices))


def _graphs(model: Any) -> Iterator[Any]:
    """Yield the graph of a model and the graphs of its loops and conditions."""
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                waiting += [attribute.g] if attribute.HasField("g") else []
                waiting += attribute.graphs
