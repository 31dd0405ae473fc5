"""The registry of runtimes that can run an exported artifact.

To add a runtime, write a subclass of `base.Runtime` and add it to `RUNTIMES`. Packages are imported
when a runtime opens an artifact. `keras_vae.export.runtimes.worker` opens each in a process of its
own, so what it measures is this runtime alone.
"""

import importlib.util

from keras_vae.export.runtimes.base import Runtime
from keras_vae.export.runtimes.onnx_models import OnnxRuntime, OpenVinoRuntime
from keras_vae.export.runtimes.saved_models import (
    CliRuntime,
    CppRuntime,
    KerasRuntime,
    PythonRuntime,
)
from keras_vae.export.runtimes.tflite_files import CompiledModelRuntime, LiteRtRuntime
from keras_vae.export.runtimes.torch_programs import TorchRuntime

RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        KerasRuntime(),
        PythonRuntime(),
        CppRuntime(),
        CliRuntime(),
        OnnxRuntime(),
        OpenVinoRuntime(),
        LiteRtRuntime(),
        CompiledModelRuntime(),
        TorchRuntime(),
    )
}


def list_installed() -> list[str]:
    """Return the names of the runtimes whose packages are installed; imports none of them."""
    return [
        name
        for name, runtime in RUNTIMES.items()
        if all(importlib.util.find_spec(package) for package in runtime.packages)
    ]
