"""The runtimes that an artifact can be run in, each behind the same small interface.

Nothing is imported before a runtime is opened, and each is opened in a process of its own (see
`export.worker`), so what is measured is the runtime and not its neighbors.
"""

import importlib.util
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.signatures import DEFAULT, read_signatures

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Opened:
    """A loaded artifact.

    Attributes:
        version: Of the runtime.
        batches: The batch that each signature takes, None for any.
        run: Outputs by name, of a signature and its inputs by name.
        size: Bytes of the artifact as this runtime wants it.
        timed: Whether the time of `run` says anything about the runtime.
    """

    version: str
    batches: dict[str, int | None]
    run: Callable[[str, Arrays], dict[str, np.ndarray]]
    size: int
    timed: bool = True


@dataclass(frozen=True)
class Runtime:
    """A way to run artifacts.

    Attributes:
        title: For people.
        open: Loads an artifact.
        reads: "keras", "saved_model" or "tflite".
        packages: What must be installed.
    """

    title: str
    open: Callable[..., Opened]
    reads: str
    packages: tuple[str, ...]


def open_keras(path: Path) -> Opened:
    """The model itself, called eagerly, in float32 as it is exported."""
    import keras

    from keras_vae.exporting.endpoints import float32_policy
    from keras_vae.exporting.saved_model import served_endpoints
    from training import runs

    model = runs.open_run(path).model()
    endpoints = served_endpoints(model.endpoints())

    def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
        endpoint = endpoints[signature]
        tensors = [keras.ops.convert_to_tensor(inputs[spec.name]) for spec in endpoint.inputs]
        with float32_policy(model):
            return {k: np.asarray(v) for k, v in endpoint.function(*tensors).items()}

    size = runs.open_run(path).model_path.stat().st_size
    return Opened(keras.__version__, dict.fromkeys(endpoints), run, size)


def open_python(path: Path) -> Opened:
    """`tf.saved_model.load`."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))

    def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
        tensors = {k: tf.constant(_plain(v)) for k, v in inputs.items()}
        return {k: v.numpy() for k, v in loaded.signatures[signature](**tensors).items()}

    return Opened(tf.__version__, dict.fromkeys(loaded.signatures), run, folder_size(path))


def open_cpp(path: Path, libraries: Path | None = None) -> Opened:
    """TensorFlow's C++ loader, of the installed version unless `libraries` are of another one."""
    from export.cpp_loader import SavedModel

    model = SavedModel(path, libraries)
    return Opened(model.version, dict.fromkeys(model.signatures), model.run, folder_size(path))


def open_cli(path: Path) -> Opened:
    """The program `saved_model_cli`, for the default signature; each call starts anew."""
    import contextlib
    import io

    import tensorflow as tf
    from tensorflow.python.tools import saved_model_cli

    def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            words = ["run", "--dir", str(path), "--tag_set", "serve", "--signature_def", signature]
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


def open_litert(path: Path) -> Opened:
    """LiteRT's interpreter, as it comes: one thread, XNNPACK."""
    import importlib.metadata

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    names = list(interpreter.get_signature_list())
    runners = {name: interpreter.get_signature_runner(name) for name in names}
    batches = {
        name: next(int(d["shape"][0]) for d in runner.get_input_details().values())
        for name, runner in runners.items()
    }

    def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
        runner = runners[signature]
        takes, gives = runner.get_input_details(), runner.get_output_details()
        answer = runner(**{name: _quantized(array, takes[name]) for name, array in inputs.items()})
        return {name: _dequantized(array, gives[name]) for name, array in answer.items()}

    version = importlib.metadata.version("ai-edge-litert")
    return Opened(version, dict(batches), run, path.stat().st_size)


def open_onnxruntime(path: Path) -> Opened:
    """ONNX Runtime, on what tf2onnx makes of the default signature."""
    import onnxruntime

    # tf2onnx leaves with success and a broken file where it knows an op not; loading it tells.
    content = _as_onnx(path)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]

    def run(_: str, inputs: Arrays) -> dict[str, np.ndarray]:
        return dict(zip(outputs, session.run(outputs, dict(inputs)), strict=True))

    return Opened(onnxruntime.__version__, {DEFAULT: None}, run, len(content))


def open_openvino(path: Path) -> Opened:
    """OpenVINO, which reads the default signature of a SavedModel."""
    import openvino

    core = openvino.Core()
    # Its default on CPUs with bfloat16 is to compute in that.
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names = sorted(read_signatures(path)[DEFAULT].outputs)

    def run(_: str, inputs: Arrays) -> dict[str, np.ndarray]:
        answer = compiled(dict(inputs))
        return {name: np.array(answer[name]) for name in names}

    return Opened(openvino.__version__, {DEFAULT: None}, run, folder_size(path))


RUNTIMES = {
    "keras": Runtime("Keras", open_keras, "keras", ("keras",)),
    "python": Runtime("SavedModel, Python", open_python, "saved_model", ("tensorflow",)),
    "cpp": Runtime("SavedModel, C++", open_cpp, "saved_model", ("tensorflow",)),
    "cli": Runtime("saved_model_cli", open_cli, "saved_model", ("tensorflow",)),
    "onnxruntime": Runtime(
        "ONNX Runtime", open_onnxruntime, "saved_model", ("tf2onnx", "onnx", "onnxruntime")
    ),
    "openvino": Runtime("OpenVINO", open_openvino, "saved_model", ("openvino",)),
    "litert": Runtime("LiteRT", open_litert, "tflite", ("ai_edge_litert",)),
}


def installed() -> list[str]:
    """Names of the runtimes whose packages are there; imports none of them."""
    return [
        name
        for name, runtime in RUNTIMES.items()
        if all(importlib.util.find_spec(package) for package in runtime.packages)
    ]


def batched(opened: Opened, signature: str, inputs: Arrays, size: int) -> dict[str, np.ndarray]:
    """The answers to all rows, in batches of at most `size`, or of what the signature takes."""
    fixed = opened.batches[signature]
    count = len(next(iter(inputs.values())))
    parts = []
    for rows in _batches(count, size if fixed is None else fixed, whole=fixed is not None):
        parts.append(opened.run(signature, {name: array[rows] for name, array in inputs.items()}))
    return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}


def _batches(count: int, size: int, whole: bool) -> Iterator[np.ndarray]:
    """Row numbers of each batch; the last is filled up with the last row if batches are `whole`."""
    for start in range(0, count, size):
        stop = start + size if whole else min(start + size, count)
        yield np.minimum(np.arange(start, stop), count - 1)


def folder_size(path: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _quantized(values: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    """`values` as the tensor takes them. Written out here because a device has no Keras either."""
    scale, zero_point = tensor["quantization"]
    if not scale or tensor["dtype"] == np.float32:
        return values.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(values / scale) + zero_point, limits.min, limits.max).astype(
        tensor["dtype"]
    )


def _dequantized(values: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    """What the values of a tensor stand for."""
    scale, zero_point = tensor["quantization"]
    if not scale or tensor["dtype"] == np.float32:
        return np.array(values)
    return ((values.astype("float32") - zero_point) * np.float32(scale)).astype("float32")


def _plain(array: np.ndarray) -> Any:
    """Byte strings as a list, in which NumPy does not cut off zero bytes."""
    return array.tolist() if array.dtype.kind in "SO" else array


def _as_onnx(path: Path) -> bytes:
    """The default signature as an ONNX file with the names of the signature."""
    import subprocess

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        command = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", str(path)]
        command += ["--tag", "serve", "--signature_def", DEFAULT, "--opset", "18"]
        done = subprocess.run(
            [*command, "--output", str(file)], capture_output=True, text=True, check=False
        )
        problems = [line for line in done.stderr.splitlines() if "ERROR" in line]
        if done.returncode or problems or not file.is_file():
            raise RuntimeError(
                "Expected tf2onnx to convert the default signature. Received: "
                f"{'; '.join(problems) or done.stderr[-300:]}"
            )
        return file.read_bytes()
