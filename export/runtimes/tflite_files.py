"""The runtime that reads .tflite files."""

from pathlib import Path

import numpy as np

from keras_vae.export.litert.quantization import dequantize, quantize
from keras_vae.export.runtimes.base import Arrays, Opened, Runtime


class LiteRtRuntime(Runtime):
    """LiteRT's interpreter with its defaults: one thread, XNNPACK."""

    name, title, reads, packages = "litert", "LiteRT", ("tflite",), ("ai_edge_litert",)

    def open(self, path: Path) -> Opened:
        """Load a .tflite file."""
        import importlib.metadata

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

        version = importlib.metadata.version("ai-edge-litert")
        return Opened(version, batches, run, path.stat().st_size)
