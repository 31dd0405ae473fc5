"""The answers of ONNX files in ONNX Runtime."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_vae.errors import UnavailableError

# Takes the inputs of a file by name, and returns its outputs by name.
Run = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]
# Of the messages of ONNX Runtime, show errors alone.
ERRORS = 3


def open_session(content: bytes) -> Any:
    """Return an `onnxruntime.InferenceSession` on the CPU for the content of a file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def ask(session: Any, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the outputs of a session by name.

    Raises:
        RuntimeError: If ONNX Runtime does not answer, such as for inputs of another shape.
    """
    names = [output.name for output in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))
    except Exception as error:  # The classes of its errors have no base of their own.
        raise UnavailableError(
            f"Expected ONNX Runtime to answer. Received: {str(error).strip()}"
        ) from error


def file_answers(
    runs: Mapping[str, Run], rows: Mapping[str, Mapping[str, np.ndarray]], batch_size: int | None
) -> dict[str, dict[str, np.ndarray]]:
    """Return the outputs of files by endpoint, run batch by batch, or all at once for None."""
    return {name: _answers(runs[name], inputs, batch_size) for name, inputs in rows.items()}


def _answers(
    run: Run, inputs: Mapping[str, np.ndarray], batch_size: int | None
) -> dict[str, np.ndarray]:
    count = len(next(iter(inputs.values())))
    size = batch_size or count
    batches = [
        run({name: rows[start : start + size] for name, rows in inputs.items()})
        for start in range(0, count, size)
    ]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
