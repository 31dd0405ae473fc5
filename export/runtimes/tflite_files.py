"""The runtime that reads .tflite files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.export.runtimes.base import Arrays, Opened, Runtime


class LiteRtRuntime(Runtime):
    """LiteRT's interpreter with its defaults: one thread, XNNPACK."""

    name, title, reads, packages = "litert", "LiteRT", "tflite", ("ai_edge_litert",)

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
            answer = runner(**{name: _quantize(a, takes[name]) for name, a in inputs.items()})
            return {name: _dequantize(array, gives[name]) for name, array in answer.items()}

        version = importlib.metadata.version("ai-edge-litert")
        return Opened(version, batches, run, path.stat().st_size)


# These two are written out here, as in any program on a device: importing those of
# keras_vae.export.litert.comparison would import Keras and measure its memory too.
def _quantize(values: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    scale, zero_point = tensor["quantization"]
    if not scale or tensor["dtype"] == np.float32:
        return values.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    steps = np.round(values / scale) + zero_point
    return np.clip(steps, limits.min, limits.max).astype(tensor["dtype"])


def _dequantize(values: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    scale, zero_point = tensor["quantization"]
    if not scale or tensor["dtype"] == np.float32:
        return np.array(values)
    return ((values.astype("float32") - zero_point) * np.float32(scale)).astype("float32")
