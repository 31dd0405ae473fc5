"""ONNX files on disk: which belong to an export, and what a file may hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.export import endpoint_files
from keras_vae.export.onnx_files import metadata

SUFFIX = ".onnx"
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


@dataclass(frozen=True)
class File:
    """A file of an export.

    Attributes:
        path: Its path.
        proto: The parsed file, an `onnx.ModelProto`.
        about: Its metadata; None if they are not of keras_vae.
    """

    path: Path
    proto: Any
    about: dict[str, Any] | None

    @property
    def endpoint(self) -> str:
        """The endpoint in the metadata, or else the name of the file."""
        return self.path.stem if self.about is None else next(iter(self.about["endpoints"]))

    @property
    def quantization(self) -> str | None:
        """The quantization in the metadata, or else that of the ops."""
        return quantization(self.proto) if self.about is None else self.about["quantization"]


def read(path: Path) -> dict[str, File]:
    """Return the files of an export by endpoint.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a file is no ONNX file, was changed since its export, or has the name of
            another endpoint; or if two are of the same one.
    """
    files = [File(one, *metadata.read_file(one)) for one in endpoint_files.paths(path, SUFFIX)]
    return endpoint_files.by_endpoint(path, files)


def check(found: Mapping[str, File]) -> str | None:
    """Return the quantization of the files of an export, after a check that they run.

    Raises:
        ValueError: If a file cannot run or be repeated, or files have different quantizations.
    """
    for file in found.values():
        refuse_unrunnable(file.proto)
    return endpoint_files.the_same(
        "quantization", {f.path.name: f.quantization for f in found.values()}
    )


def quantization(model: Any) -> str | None:
    """Return the quantization of a file by its ops: None for float32, "dynamic" or "int8"."""
    ops = {node.op_type for graph in _graphs(model) for node in graph.node}
    if "QuantizeLinear" in ops:
        return "int8"
    return "dynamic" if ops & {"DequantizeLinear", "DynamicQuantizeLinear"} else None


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
