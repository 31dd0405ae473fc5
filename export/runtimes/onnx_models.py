"""The runtimes that read ONNX files, and those made of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

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
    """OpenVINO on the CPU. It reads its own and ONNX files, and one signature of a SavedModel."""

    name, title, packages = "openvino", "OpenVINO", ("onnx", "openvino")
    reads = ("openvino", "onnx", "saved_model")

    def open(self, path: Path) -> Opened:
        """Load the files of an export; of a SavedModel, its default signature."""
        from keras_vae.export.openvino_files import representation

        openvino = representation.import_openvino()
        models, outputs, size = _read_models(path, representation.core())
        runs = {n: representation.asker(model, outputs[n]) for n, model in models.items()}
        sizes = {name: model.inputs[0].partial_shape[0] for name, model in models.items()}
        batches = {n: s.get_length() if s.is_static else None for n, s in sizes.items()}

        def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
            return runs[signature](inputs)

        return Opened(openvino.__version__, batches, run, size)


def _read_models(path: Path, core: Any) -> tuple[dict[str, Any], dict[str, list[str]], int]:
    """Return the models of an export in OpenVINO, the names of their outputs, and their bytes."""
    from keras_vae.export import endpoint_files
    from keras_vae.export.onnx_files import files as onnx
    from keras_vae.export.openvino_files import files

    if (path / "saved_model.pb").is_file():
        names = [*read_signatures(path)[DEFAULT].outputs]
        return {DEFAULT: core.read_model(path)}, {DEFAULT: names}, folder_size(path)
    if path.suffix.lower() == onnx.SUFFIX or endpoint_files.is_folder(path, onnx.SUFFIX):
        read = onnx.read(path)
        outputs = {n: [one.name for one in f.proto.graph.output] for n, f in read.items()}
        size = _size(file.path for file in read.values())
        return {name: core.read_model(file.path) for name, file in read.items()}, outputs, size
    own = {name: file.content for name, file in files.read(path).items()}
    models = {name: core.read_model(one.xml, one.weights) for name, one in own.items()}
    outputs = {n: [port.get_any_name() for port in m.outputs] for n, m in models.items()}
    return models, outputs, sum(one.size for one in own.values())


def _size(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)
