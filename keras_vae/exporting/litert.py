"""LiteRT (.tflite), for phones, microcontrollers and browsers: fixed batch, builtin ops only."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.autoencoder import Endpoint
from keras_vae.exporting.endpoints import float32_policy, write_archive

QUANTIZATIONS = (None, "float16", "dynamic", "int8")

# Codes are calibrated at least this far from 0, the range of a slider in standard deviations.
LATENT_RANGE = 3.0
CALIBRATION_EXAMPLES = 256


def write_litert(
    model: Any,
    path: Path,
    endpoints: Mapping[str, Endpoint],
    quantize: str | None = None,
    calibration: Any = None,
    batch_size: int = 1,
) -> Path:
    """Write a .tflite file with one signature an endpoint.

    Args:
        model: The built model.
        path: A new file.
        endpoints: What to write, from `chosen_endpoints`.
        quantize: None for float32, "float16" weights, "dynamic" for int8 weights, "int8" for
            int8 weights and activations with float inputs and outputs.
        calibration: For "int8", examples like the training data: an array `(n, *event_shape)`
            or a data set of batches of them.
        batch_size: The fixed batch; a dynamic one is ten times slower on device.

    Returns:
        `path`.

    Raises:
        ValueError: If `quantize` is unknown, calibration data are missing or of the wrong shape,
            or the file would need ops that a device does not have.
    """
    import tensorflow as tf

    if quantize not in QUANTIZATIONS:
        raise ValueError(f"Expected quantize to be one of {QUANTIZATIONS}. Received: {quantize!r}.")
    if (quantize == "int8") != (calibration is not None):
        raise ValueError(
            "Expected calibration data with quantize='int8', and only then. Received: "
            f"quantize={quantize!r}, calibration={'none' if calibration is None else 'given'}."
        )
    with tempfile.TemporaryDirectory() as folder:
        with float32_policy(model):
            write_archive(endpoints, folder, batch_size)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=list(endpoints)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if quantize is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantize == "int8":
            examples = _examples(model, calibration)
            converter.representative_dataset = _calibrator(model, endpoints, examples, batch_size)
        content = _converted(converter)
    refuse_unrunnable(content)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    os.rename(partial, path)
    return path


def refuse_unrunnable(content: bytes) -> None:
    """Raise ValueError if a .tflite holds an op that a device cannot run or repeat.

    Those are Flex ops (the interpreter of TensorFlow 2.21 has none), random ops (which differ
    from runtime to runtime) and reads of variables (whose weights are then not in the file).
    """
    bad = [name for name in op_names(content) if _unrunnable(name)]
    if bad:
        raise ValueError(
            "Expected builtin ops without state or randomness. Received: "
            f"{', '.join(sorted(set(bad)))}. (Replace the layer that needs them; "
            "docs/export.md lists the layers that convert.)"
        )


def op_names(content: bytes) -> list[str]:
    """Names of the ops that a .tflite uses, such as "CONV_2D" or "FlexErf"."""
    schema = _schema()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    builtin = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    return [
        code.customCode.decode() if code.customCode else builtin[code.builtinCode]
        for code in model.operatorCodes
    ]


def _unrunnable(name: str) -> bool:
    variables = ("READ_VARIABLE", "VAR_HANDLE", "ASSIGN_VARIABLE")
    return name.startswith("Flex") or "RANDOM" in name or name in variables


def _schema() -> Any:
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise ImportError(
            "Expected the package ai-edge-litert, which checks what is exported. "
            "(pip install 'keras-vae[litert]')"
        ) from error
    return schema_py_generated


def _converted(converter: Any) -> bytes:
    try:
        return converter.convert()
    except Exception as error:
        raise ValueError(
            "Expected a graph of builtin ops. Received one that the converter refuses: "
            f"{str(error).strip().splitlines()[-1]}. (docs/export.md lists the layers that convert.)"
        ) from error


def _examples(model: Any, calibration: Any) -> np.ndarray:
    """Up to CALIBRATION_EXAMPLES examples, `(n, *event_shape)`, float32."""
    if hasattr(calibration, "shape"):
        rows = np.asarray(calibration[:CALIBRATION_EXAMPLES], "float32")
    else:
        batches, count = [], 0
        for batch in calibration:
            batch = np.asarray(batch[0] if isinstance(batch, tuple) else batch, "float32")
            batches.append(batch)
            count += len(batch)
            if count >= CALIBRATION_EXAMPLES:
                break
        rows = np.concatenate(batches)[:CALIBRATION_EXAMPLES] if batches else np.zeros((0,))
    if len(rows) == 0 or tuple(rows.shape[1:]) != tuple(model.event_shape):
        raise ValueError(
            f"Expected calibration data of shape {('batch', *model.event_shape)}. "
            f"Received: {rows.shape}."
        )
    return rows


def _calibrator(
    model: Any, endpoints: Mapping[str, Endpoint], examples: np.ndarray, batch_size: int
) -> Callable[[], Iterator[tuple[str, dict[str, np.ndarray]]]]:
    """A function that gives named inputs for each endpoint, as the converter wants them."""
    codes = np.asarray(model.encode(examples))
    spread = np.maximum(np.abs(codes).max(axis=0, keepdims=True), LATENT_RANGE)
    wide = np.random.default_rng(0).uniform(-1.0, 1.0, codes.shape) * spread
    inputs = {
        "x": examples,
        "z": np.concatenate([codes, wide.astype("float32")]),
        "seed": np.arange(len(examples), dtype="int32"),
    }

    def batches() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        for name, endpoint in endpoints.items():
            rows = inputs[endpoint.inputs[0].name]
            for start in range(0, len(rows) - batch_size + 1, batch_size):
                yield name, {endpoint.inputs[0].name: rows[start : start + batch_size]}

    return batches
