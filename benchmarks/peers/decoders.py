"""Runtimes that decode: each unit makes as many calls as fit in a fraction of a second."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import network

SECONDS = 0.4  # Duration of one unit.
MIN_CALLS = 5

Decode = Callable[[], Any]


def repeat_calls(decode: Decode) -> Callable[[], float]:
    """Return a unit of many calls, whose value is the median time of one, in seconds."""
    decode()
    begin = time.perf_counter()
    decode()
    count = max(MIN_CALLS, int(SECONDS / (time.perf_counter() - begin)))

    def unit() -> float:
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            decode()
            times.append(time.perf_counter() - begin)
        return float(np.median(times))

    return unit


def _codes(batch: int) -> np.ndarray:
    codes = np.random.default_rng(0).standard_normal((batch, network.LATENT))
    return codes.astype("float32")


def keras_call(folder: str, batch: int, how: str) -> Callable[[], float]:
    """Decode with the model in Python: "decode", "predict", "tf.function" or "compiled"."""
    import tensorflow as tf

    import keras_vae as kv

    model = kv.ConvVAE(network.IMAGE_SHAPE, network.LATENT, activation="relu", seed=0)
    codes, fast = _codes(batch), kv.Compiled(model)
    function = tf.function(model.decode)
    ways: dict[str, Decode] = {
        "decode": lambda: model.decode(codes).numpy(),
        "predict": lambda: model.decoder.predict(codes, batch_size=batch, verbose=0),
        "tf.function": lambda: function(tf.constant(codes)).numpy(),
        "compiled": lambda: fast.decode(codes).numpy(),
    }
    return repeat_calls(ways[how])


def saved_model(folder: str, batch: int) -> Callable[[], float]:
    """Decode with the SavedModel's signature in Python."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(Path(folder) / "saved_model"))
    decode = loaded.signatures["decode"]
    codes = _codes(batch)
    return repeat_calls(lambda: decode(z=tf.constant(codes))["reconstruction"].numpy())


def litert(folder: str, batch: int, kind: str, threads: int) -> Callable[[], float]:
    """Decode with a LiteRT file in its interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    path = Path(folder) / f"{kind}-{batch}.tflite"
    runner = Interpreter(str(path), num_threads=threads).get_signature_runner("decode")
    codes = _codes(batch)
    return repeat_calls(lambda: runner(z=codes))


def onnx(folder: str, batch: int, threads: int) -> Callable[[], float]:
    """Decode with ONNX Runtime and the file that Keras exports."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        _onnx(folder), options, providers=["CPUExecutionProvider"]
    )
    given = {session.get_inputs()[0].name: _codes(batch)}
    return repeat_calls(lambda: session.run(None, given))


def openvino(folder: str, batch: int, threads: int) -> Callable[[], float]:
    """Decode with OpenVINO and the same ONNX file."""
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(_onnx(folder), "CPU", settings)
    request, codes = compiled.create_infer_request(), _codes(batch)
    return repeat_calls(lambda: request.infer([codes]))


def torch(folder: str, batch: int, threads: int) -> Callable[[], float]:
    """Decode with PyTorch in inference mode."""
    import torch

    from benchmarks.peers import torch_peers

    torch.set_num_threads(threads)
    decoder = torch_peers.vae().decoder.eval()
    codes = torch.from_numpy(_codes(batch))

    def decode() -> Any:
        with torch.inference_mode():
            return torch.sigmoid(decoder(codes)).numpy()

    return repeat_calls(decode)


def _onnx(folder: str) -> str:
    path = Path(folder) / "decoder.onnx"
    if not path.is_file():
        raise ImportError("no ONNX file without tf2onnx", name="tf2onnx")
    return str(path)
