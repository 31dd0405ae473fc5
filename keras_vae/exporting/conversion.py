"""Where the converter runs, and what its failures mean in terms of the model's layers."""

import json
import os
import re
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.exporting import converter, converter_process
from keras_vae.exporting.constants import halved, restored
from keras_vae.exporting.gates import unrunnable_ops
from keras_vae.exporting.graph import graph_ops, who_needs

Batches = Mapping[str, Mapping[str, np.ndarray]]

LOOPS = ("While", "StatelessWhile", "TensorListReserve")


def converted(model: Any, job: Mapping[str, Any], calibration: Batches) -> bytes:
    """The bytes of a .tflite with builtin ops only.

    Args:
        model: The Keras model, to name its layers in errors.
        job: See `keras_vae.exporting.converter.convert`.
        calibration: Rows by signature and by input name; used for int8 only.

    Raises:
        ValueError: If a layer needs an op that a device does not have, or the converter fails.
    """
    graph = graph_ops(job["folder"])
    exact = {**job, "quantize": None}
    if job["quantize"] == "float16":
        content = halved(_run(model, exact, calibration, graph))
    else:
        content = _run(model, job, calibration, graph)
    if job["quantize"] == "dynamic" and job["keep_float"]:
        content = restored(content, _run(model, exact, calibration, graph))
    bad = unrunnable_ops(content)
    if bad:
        raise ValueError(_refusal(who_needs(model, [_type(name) for name in bad], graph)))
    return content


def _run(model: Any, job: Mapping[str, Any], calibration: Batches, graph: Any) -> bytes:
    # The first process costs an import of TensorFlow, 4 s where a float conversion takes 0.3 s. The
    # known crashes are of loops, and of int8, whose calibration also runs an interpreter in it.
    apart = job["quantize"] == "int8" or any(op in graph for op in LOOPS)
    try:
        return _in_a_process(job, calibration) if apart else converter.convert(job, calibration)
    except ChildProcessError as error:
        loops = who_needs(model, [op for op in ("While", "StatelessWhile") if op in graph], graph)
        hint = f" The likely cause: {loops}." if loops else ""
        raise ValueError(
            f"Expected the converter to finish. Received: it {error} with quantize="
            f"{job['quantize']!r}.{hint} (Another quantize, such as 'dynamic', may work; this "
            "process and its files are as they were.)"
        ) from error
    except Exception as error:
        raise ValueError(_explained(model, str(error), graph)) from error


def _explained(model: Any, message: str, graph: Mapping[str, list[str]]) -> str:
    """The converter's words, or if they are about ops, which layers need them."""
    ops = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", message)))
    if ops:
        return _refusal(who_needs(model, ops, graph))
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line] or lines or ["no message"]
    return f"Expected a graph that converts. Received: {errors[0][:500]}"


def _refusal(needs: str) -> str:
    return f"Expected ops that a device has, without state or randomness. Received: {needs}."


def _type(name: str) -> str:
    """The op of TensorFlow that becomes an op of a .tflite, "RandomUniform" of "RANDOM_UNIFORM"."""
    if not name.isupper():
        return name.removeprefix("Flex").removeprefix("custom:")
    return "".join(part.capitalize() for part in name.split("_"))


def _in_a_process(job: Mapping[str, Any], calibration: Batches) -> bytes:
    """Run the converter in another process; raises ChildProcessError if that dies."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("job.json", "rows.npz", "output")]
        Path(paths[0]).write_text(json.dumps(dict(job)), encoding="utf-8")
        arrays: dict[str, Any] = {
            f"{s}/{name}": rows for s, named in calibration.items() for name, rows in named.items()
        }
        np.savez(paths[1], **arrays)
        code, printed = converter_process.run(*paths)
        if code not in (0, converter.REFUSED):
            raise ChildProcessError(_death(code, printed))
        content = Path(paths[2]).read_bytes()
    if code == converter.REFUSED:
        raise RuntimeError(content.decode())
    return content


def _death(code: int, printed: str) -> str:
    if code < 0:
        return f"crashed ({signal.Signals(-code).name})"
    last = (printed.strip().splitlines() or ["no message"])[-1]
    return f"stopped with exit code {code} ({last})"
