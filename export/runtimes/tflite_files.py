"""The runtimes that read .tflite files."""

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.export.litert.quantization import dequantize, quantize
from keras_vae.export.runtimes.base import Arrays, Opened, Runtime


class LiteRtRuntime(Runtime):
    """LiteRT's interpreter with its defaults: one thread, XNNPACK."""

    name, title, reads, packages = "litert", "LiteRT", ("tflite",), ("ai_edge_litert",)

    def open(self, path: Path) -> Opened:
        """Load a .tflite file."""
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(path))
        names = list(interpreter.get_signature_list())
        runners = {name: interpreter.get_signature_runner(name) for name in names}
        batches: dict[str, int | None] = {
            name: next(int(d["shape"][0]) for d in runner.get_input_details().values())
            for name, runner in runners.items()
        }

        def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
            runner = runners[signature]
            takes, gives = runner.get_input_details(), runner.get_output_details()
            answer = runner(**{name: quantize(a, takes[name]) for name, a in inputs.items()})
            return {name: dequantize(array, gives[name]) for name, array in answer.items()}

        return Opened(_version(), batches, run, path.stat().st_size)


class CompiledModelRuntime(Runtime):
    """LiteRT's CompiledModel on the CPU, with one thread, which Android and iOS have too."""

    name, title = "compiled_model", "CompiledModel"
    reads, packages = ("tflite",), ("ai_edge_litert",)

    def open(self, path: Path) -> Opened:
        """Load a .tflite file."""
        from ai_edge_litert.compiled_model import CompiledModel

        from keras_vae.export.litert.metadata import read_metadata

        model, endpoints = CompiledModel.from_file(str(path)), read_metadata(path)["endpoints"]
        signatures = model.get_signature_list()
        takes = {name: model.get_input_tensor_details(name) for name in signatures}
        gives = {name: model.get_output_tensor_details(name) for name in signatures}
        places = {
            name: (
                {key: model.create_input_buffer_by_name(name, key) for key in takes[name]},
                {key: model.create_output_buffer_by_name(name, key) for key in gives[name]},
            )
            for name in signatures
        }

        def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
            about, (given, found) = endpoints[signature], places[signature]
            for name, array in inputs.items():
                given[name].write(quantize(array, _tensor(about["inputs"][name])))
            model.run_by_name(signature, given, found)
            outputs = {name: _read(found[name], gives[signature][name]) for name in found}
            # It lists a tensor that has two names twice by the same one.
            listed = signatures[signature]["outputs"]
            twice = [name for name in found if listed.count(name) > 1]
            for name in about["outputs"].keys() - found.keys() if len(twice) == 1 else ():
                outputs[name] = outputs[twice[0]]
            types = {name: _tensor(entry) for name, entry in about["outputs"].items()}
            return {name: dequantize(array, types[name]) for name, array in outputs.items()}

        batches: dict[str, int | None] = {
            name: next(int(tensor["shape"][0]) for tensor in takes[name].values())
            for name in signatures
        }
        return Opened(_version(), batches, run, path.stat().st_size)


def _tensor(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the type of a tensor of the metadata, as the interpreter has it."""
    scale = about.get("scale", 0.0), about.get("zero_point", 0)
    return {"dtype": np.dtype(about["dtype"]), "quantization": scale}


def _read(buffer: Any, tensor: Mapping[str, Any]) -> np.ndarray:
    shape, dtype = tuple(tensor["shape"]), np.dtype(tensor["dtype"])
    return np.reshape(buffer.read(int(np.prod(shape)), dtype), shape)


def _version() -> str:
    return importlib.metadata.version("ai-edge-litert")
