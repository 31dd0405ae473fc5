"""The runtimes that read ONNX files."""

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from keras_vae.export.runtimes.base import Arrays, Opened, Runtime
from keras_vae.export.runtimes.saved_models import folder_size
from keras_vae.export.serving.signatures import DEFAULT, read_signatures


class OnnxRuntime(Runtime):
    """ONNX Runtime on the CPU."""

    name, title, reads, packages = "onnxruntime", "ONNX Runtime", ("onnx",), ("onnx", "onnxruntime")

    def open(self, path: Path) -> Opened:
        """Load the files of an export."""
        import onnxruntime

        from keras_vae.export.onnx_files import answers, files

        found = {name: file.path for name, file in files.read(path).items()}
        sessions = {name: answers.open_session(file.read_bytes()) for name, file in found.items()}
        batches = {
            name: next(
                size if isinstance(size := i.shape[0], int) else None for i in s.get_inputs()
            )
            for name, s in sessions.items()
        }

        def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
            return answers.ask(sessions[signature], inputs)

        return Opened(onnxruntime.__version__, batches, run, _size(found.values()))


class OpenVinoRuntime(Runtime):
    """OpenVINO on the CPU, which reads ONNX files, and the default signature of a SavedModel."""

    name, title, packages = "openvino", "OpenVINO", ("onnx", "openvino")
    reads = ("onnx", "saved_model")

    def open(self, path: Path) -> Opened:
        """Load the files of an export."""
        # With this package, an import of OpenVINO reports itself to a server of its makers.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        from keras_vae.export.onnx_files import files

        outputs: dict[str, list[str]]
        if saved := (path / "saved_model.pb").is_file():
            found, outputs = {DEFAULT: path}, {DEFAULT: [*read_signatures(path)[DEFAULT].outputs]}
        else:
            read = files.read(path)
            found = {name: file.path for name, file in read.items()}
            outputs = {n: [one.name for one in f.proto.graph.output] for n, f in read.items()}
        core = openvino.Core()
        # By default it computes in bfloat16 on CPUs that have it.
        precision = {"INFERENCE_PRECISION_HINT": "f32"}
        models = {name: core.read_model(file) for name, file in found.items()}
        compiled = {n: core.compile_model(model, "CPU", precision) for n, model in models.items()}
        sizes = {name: model.inputs[0].partial_shape[0] for name, model in models.items()}
        batches = {n: s.get_length() if s.is_static else None for n, s in sizes.items()}

        def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
            answer = compiled[signature](dict(inputs))
            return {name: np.array(answer[name]) for name in outputs[signature]}

        size = folder_size(path) if saved else _size(found.values())
        return Opened(openvino.__version__, batches, run, size)


def _size(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)
