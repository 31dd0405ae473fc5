"""The runtimes that read SavedModels, and Keras itself."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.export.runtimes.base import Arrays, Opened, Runtime
from keras_vae.export.serving.signatures import DEFAULT, read_signatures


class KerasRuntime(Runtime):
    """The Keras model itself, called eagerly, in float32 as it is exported."""

    name, title, reads, packages = "keras", "Keras", ("keras",), ("keras",)

    def open(self, path: Path) -> Opened:
        """Load the model of a run directory or a .keras file."""
        import keras

        from keras_vae.export.endpoints import float32_policy
        from keras_vae.export.saved_model.writer import served_endpoints
        from keras_vae.training.runs import run_directory

        opened = run_directory.open_run(path)
        model = opened.model()
        endpoints = served_endpoints(model, model.endpoints())

        def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
            endpoint = endpoints[signature]
            tensors = [keras.ops.convert_to_tensor(inputs[spec.name]) for spec in endpoint.inputs]
            with float32_policy(model):
                return {k: np.asarray(v) for k, v in endpoint.answer(*tensors).items()}

        size = opened.model_path.stat().st_size
        return Opened(keras.__version__, dict.fromkeys(endpoints), run, size)


class PythonRuntime(Runtime):
    """TensorFlow's Python: `tf.saved_model.load`."""

    name, title = "python", "SavedModel, Python"

    def open(self, path: Path) -> Opened:
        """Load a SavedModel."""
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))

        def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
            tensors = {k: tf.constant(_to_plain(v)) for k, v in inputs.items()}
            return {k: v.numpy() for k, v in loaded.signatures[signature](**tensors).items()}

        return Opened(tf.__version__, dict.fromkeys(loaded.signatures), run, folder_size(path))


class CppRuntime(Runtime):
    """TensorFlow's C++ loader, which TF Serving links."""

    name, title = "cpp", "SavedModel, C++"

    def open(self, path: Path, libraries: Path | None = None) -> Opened:
        """Load a SavedModel.

        Args:
            path: The version folder.
            libraries: Folder of the shared libraries of another version of TensorFlow.
        """
        from keras_vae.export.runtimes.cpp_loader import SavedModel

        model = SavedModel(path, libraries)
        return Opened(model.version, dict.fromkeys(model.signatures), model.run, folder_size(path))


class CliRuntime(Runtime):
    """The program `saved_model_cli`, for the default signature; each call loads the file again."""

    name, title = "cli", "saved_model_cli"

    def open(self, path: Path) -> Opened:
        """Prepare calls of the program."""
        import contextlib
        import io

        import tensorflow as tf
        from tensorflow.python.tools import saved_model_cli

        def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
            with tempfile.TemporaryDirectory() as folder:
                words = ["run", "--dir", str(path), "--tag_set", "serve"]
                words += ["--signature_def", signature]
                files = []
                for name, array in inputs.items():
                    np.save(Path(folder, f"{name}.npy"), array)
                    files.append(f"{name}={folder}/{name}.npy")
                words += ["--inputs", ";".join(files), "--outdir", folder, "--overwrite"]
                sys.argv = ["saved_model_cli", *words]
                with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
                    saved_model_cli.main()
                outputs = read_signatures(path)[signature].outputs
                return {name: np.load(Path(folder, f"{name}.npy")) for name in outputs}

        return Opened(tf.__version__, {DEFAULT: None}, run, folder_size(path), timed=False)


def folder_size(path: Path) -> int:
    """Return the number of bytes of all files in a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _to_plain(array: np.ndarray) -> Any:
    """Return byte strings as a list, in which NumPy does not cut off zero bytes."""
    return array.tolist() if array.dtype.kind in "SO" else array
