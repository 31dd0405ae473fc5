"""Conversion to .tflite, in a process of its own if it may crash, and errors that name layers."""

import json
import os
import re
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import ConversionError, UsageError
from keras_vae.export.formats import CALIBRATED
from keras_vae.export.litert import converter, converter_process
from keras_vae.export.litert.allowed_ops import unrunnable_ops
from keras_vae.export.litert.constants import halve_constants, restore_weights
from keras_vae.export.litert.graph_ops import explain_ops, graph_ops
from keras_vae.quiet import silence_stderr
from keras_vae.typing import LatentModel

Batches = Mapping[str, Mapping[str, np.ndarray]]

LOOPS = ("While", "StatelessWhile", "TensorListReserve")


def convert_checked(model: LatentModel, job: Mapping[str, Any], calibration: Batches) -> bytes:
    """Convert to a .tflite file that has builtin ops only, and return its bytes.

    Args:
        model: The Keras model, to name its layers in errors.
        job: See `keras_vae.export.litert.converter.convert`.
        calibration: Rows by signature and by input name; used for int8 and int16x8 only.

    Raises:
        ValueError: If a layer needs an op that a device does not have, or the converter fails.
    """
    graph = graph_ops(job["folder"])
    exact = {**job, "quantize": None}
    if job["quantize"] == "float16":
        content = halve_constants(_run(model, exact, calibration, graph))
    else:
        content = _run(model, job, calibration, graph)
    if job["quantize"] == "dynamic" and job["keep_float"]:
        # One other code changes all that a sampler draws after it.
        drawing = getattr(getattr(model, "sampler", None), "weights", {})
        exact_content = _run(model, exact, calibration, graph)
        content = restore_weights(content, exact_content, drawing.values())
    bad = unrunnable_ops(content)
    if bad:
        raise UsageError(
            _refusal(explain_ops(model, [_tensorflow_op(name) for name in bad], graph))
        )
    return content


def _run(model: LatentModel, job: Mapping[str, Any], calibration: Batches, graph: Any) -> bytes:
    # The first process imports TensorFlow, which takes 4 s; a float conversion takes 0.3 s. The
    # known crashes are those of loops and of calibration, which runs an interpreter.
    apart = job["quantize"] in CALIBRATED or any(op in graph for op in LOOPS)
    try:
        if apart:
            return _convert_in_process(job, calibration)
        with silence_stderr():
            return converter.convert(job, calibration)
    except ChildProcessError as error:
        loops = explain_ops(model, [op for op in ("While", "StatelessWhile") if op in graph], graph)
        hint = f" The likely cause: {loops}." if loops else ""
        raise UsageError(
            f"Expected the converter to finish. Received: it {error} with quantize="
            f"{job['quantize']!r}.{hint} (Another quantize, such as 'dynamic', may work; this "
            "process and its files are as they were.)"
        ) from error
    except Exception as error:
        raise UsageError(_explain(model, str(error), graph, job["signatures"])) from error


def _explain(
    model: LatentModel, message: str, graph: Mapping[str, list[str]], endpoints: Sequence[str]
) -> str:
    """Return the layers that need unsupported ops, or else the converter's message."""
    ops = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", message)))
    if ops:
        return _refusal(explain_ops(model, ops, graph))
    if few := sorted(set(re.findall(r"16x8-bit not yet supported for op: '(\w+)'", message))):
        others = [name for name in endpoints if name not in ("encode", "decode")]
        advice = "Choose int8 or dynamic."
        if others and not any("_3D" in op for op in few):
            advice = f"Leave out the endpoints {', '.join(others)}, or choose int8."
        return (
            "Expected endpoints of layers that convert to 16 bits, for int16x8. Received: the ops "
            f"{', '.join(few)} in {', '.join(endpoints)}. ({advice})"
        )
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line] or lines or ["no message"]
    return f"Expected a graph that converts. Received: {errors[0][:500]}"


def _refusal(needs: str) -> str:
    return f"Expected ops that a device has, without state or randomness. Received: {needs}."


def _tensorflow_op(name: str) -> str:
    """Return the TensorFlow op of an op of a .tflite: "RandomUniform" for "RANDOM_UNIFORM"."""
    if not name.isupper():
        return name.removeprefix("Flex").removeprefix("custom:")
    return "".join(part.capitalize() for part in name.split("_"))


def _convert_in_process(job: Mapping[str, Any], calibration: Batches) -> bytes:
    """Run the converter in another process; raises ChildProcessError if that crashes."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("job.json", "rows.npz", "output")]
        Path(paths[0]).write_text(json.dumps(dict(job)), encoding="utf-8")
        arrays: dict[str, Any] = {
            f"{s}/{name}": rows for s, named in calibration.items() for name, rows in named.items()
        }
        np.savez(paths[1], **arrays)
        code, printed = converter_process.run(*paths)
        if code not in (0, converter.REFUSED):
            raise ChildProcessError(_describe_exit(code, printed))
        content = Path(paths[2]).read_bytes()
    if code == converter.REFUSED:
        raise ConversionError(content.decode())
    return content


def _describe_exit(code: int, printed: str) -> str:
    if code < 0:
        return f"crashed ({signal.Signals(-code).name})"
    last = (printed.strip().splitlines() or ["no message"])[-1]
    return f"stopped with exit code {code} ({last})"
