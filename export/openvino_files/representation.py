"""OpenVINO's intermediate representation of an endpoint: made of ONNX, and asked."""

import functools
import importlib.util
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import ConversionError, UnavailableError
from keras_vae.export.onnx_files.answers import Run

TELEMETRY = "openvino_telemetry"
SUFFIX, WEIGHTS = ".xml", ".bin"
# By default, OpenVINO computes in bfloat16 on CPUs that have it.
PRECISION = {"INFERENCE_PRECISION_HINT": "f32"}


@dataclass(frozen=True)
class Representation:
    """The content of the two files of an endpoint.

    Attributes:
        xml: The graph, with the metadata.
        weights: The weights.
    """

    xml: bytes
    weights: bytes

    @property
    def size(self) -> int:
        """The bytes of both files."""
        return len(self.xml) + len(self.weights)


def import_openvino() -> Any:
    """Return the module openvino.

    With the package `openvino_telemetry`, its import reports itself to a server of its makers. So
    that package cannot be found while it is imported.

    Raises:
        RuntimeError: If it is not installed.
    """
    if importlib.util.find_spec("openvino") is None:
        raise UnavailableError(
            "Expected openvino to be installed for OpenVINO files. Received: no openvino. "
            '(pip install "keras-vae[openvino]")'
        )
    hidden = "openvino" not in sys.modules and TELEMETRY not in sys.modules
    if hidden:
        sys.modules[TELEMETRY] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        if hidden:
            del sys.modules[TELEMETRY]
    return openvino


@functools.cache
def core() -> Any:
    """Return the only `openvino.Core` of the process, which stays.

    For AMX, its plugin for CPUs sets a larger stack for signals, and takes it back once the last
    Core is gone. Then a signal would end a process with Python's `faulthandler`.
    """
    return import_openvino().Core()


def convert(proto: Any, quantize: str | None, mark: str) -> Representation:
    """Return the two files of an endpoint, made of an `onnx.ModelProto`.

    Args:
        proto: The graph. The files have the names of its inputs and outputs.
        quantize: "float16" keeps the weights in float16; else they are as in `proto`.
        mark: Name of an empty entry in the metadata.

    Raises:
        RuntimeError: If OpenVINO cannot read the graph.
    """
    openvino = import_openvino()
    try:
        model = core().read_model(proto.SerializeToString())
    except RuntimeError as error:
        last = str(error).strip().splitlines()[-1]
        raise ConversionError(
            f"Expected a graph that OpenVINO reads. Received: {proto.graph.name}, {last[:500]}"
        ) from error
    names = {tensor.name for tensor in (*proto.graph.input, *proto.graph.output)}
    for port in (*model.inputs, *model.outputs):
        port.get_tensor().set_names(names & port.get_names())
    model.set_rt_info("", mark)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"m{SUFFIX}")
        openvino.save_model(model, str(path), compress_to_fp16=quantize == "float16")
        return Representation(path.read_bytes(), path.with_suffix(WEIGHTS).read_bytes())


def open_representation(content: Representation) -> Run:
    """Return a function that asks the two files of an endpoint."""
    model = core().read_model(content.xml, content.weights)
    return asker(model, [port.get_any_name() for port in model.outputs])


def asker(model: Any, outputs: Iterable[str]) -> Run:
    """Return a function that asks an `openvino.Model` on the CPU for these outputs.

    The function raises RuntimeError if OpenVINO does not answer.
    """
    compiled, names = core().compile_model(model, "CPU", PRECISION), [*outputs]

    def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        try:
            answer = compiled(dict(inputs))
        except (RuntimeError, TypeError) as error:
            last = str(error).strip().splitlines()[-1]
            raise UnavailableError(f"Expected OpenVINO to answer. Received: {last}") from error
        return {name: np.array(answer[name]) for name in names}

    return run
