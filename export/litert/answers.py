"""The answers of a .tflite file."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.export.litert.quantization import dequantize, quantize
from keras_vae.export.verification.comparison import Answers, Rows
from keras_vae.quiet import silence_stderr


def file_answers(content: bytes, rows: Rows, batch_size: int) -> Answers:
    """Return the outputs of a .tflite file, run batch by batch.

    int8 inputs and outputs are converted with the scales that the file states.

    Raises:
        ValueError: If a signature is missing or its tensors have other names.
    """
    from ai_edge_litert.interpreter import Interpreter

    with silence_stderr():
        interpreter = Interpreter(model_content=content)
        return {
            name: _answers(interpreter, name, inputs, batch_size) for name, inputs in rows.items()
        }


def _answers(
    interpreter: Any, signature: str, inputs: Mapping[str, np.ndarray], size: int
) -> dict[str, np.ndarray]:
    offered = interpreter.get_signature_list()
    if set(offered.get(signature, {}).get("inputs", ())) != set(inputs):
        raise UsageError(
            f"Expected a file with the signature {signature!r} of {sorted(inputs)}. "
            f"Received: one with {offered}."
        )
    runner = interpreter.get_signature_runner(signature)
    takes, gives = runner.get_input_details(), runner.get_output_details()
    count = len(next(iter(inputs.values())))
    batches = []
    for start in range(0, count, size):
        batch = {k: quantize(v[start : start + size], takes[k]) for k, v in inputs.items()}
        batches.append({k: dequantize(v, gives[k]) for k, v in runner(**batch).items()})
    return {name: np.concatenate([batch[name] for batch in batches]) for name in gives}
