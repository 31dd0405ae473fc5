"""A .tflite file against its model: the same rows through both, and how far apart they are."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_vae.exporting.converter import silent_stderr
from keras_vae.exporting.endpoints import float32_policy
from keras_vae.serving import Endpoint

Answers = dict[str, dict[str, np.ndarray]]
Rows = Mapping[str, Mapping[str, np.ndarray]]

# Equal answers have no PSNR; JSON has no infinity.
EXACT_PSNR = 200.0
COMPARED_ROWS = 64
# The output that is data, in the range of the data.
DATA_OUTPUT = "reconstruction"
# The endpoint that gives codes, and those that decode the codes of the same rows.
CODES = "encode"
ENCODED = ("reconstruct", "serving_default", "reconstruct_png", "score")
# The output that is a decision: what follows from the file's own score and threshold.
DECISION = "is_anomaly"
# Nearer to the threshold, as a fraction of it, a score may fall on either side.
UNDECIDED = 1e-4


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far one output of a file is from the model's.

    Attributes:
        largest: Largest absolute error.
        mean: Mean absolute error.
        relative: `largest` as a fraction of the model's largest absolute value; of at least 1
            for codes and scores, whose sums may cancel to nothing, but not their rounding. The
            fraction of unequal codes where codes are integers.
        psnr: Peak signal to noise ratio in dB; the peak is the range of the data for outputs
            that are data, and otherwise the range of the model's answers.
        bias: Mean error with its sign: by how much the file answers more than the model.
        equal: Which fraction of integer codes is equal, between 0 and 1; None for other outputs.
    """

    largest: float
    mean: float
    relative: float
    psnr: float
    bias: float = 0.0
    equal: float | None = None


def compared_rows(rows: Rows, batch_size: int) -> dict[str, dict[str, np.ndarray]]:
    """About COMPARED_ROWS of the rows, evenly spaced, in whole batches."""
    chosen = {}
    for endpoint, inputs in rows.items():
        count = len(next(iter(inputs.values())))
        wanted = -(-min(count, COMPARED_ROWS) // batch_size) * batch_size
        indices = np.linspace(0, count - 1, wanted).round().astype(int)
        chosen[endpoint] = {name: values[indices] for name, values in inputs.items()}
    return chosen


def model_answers(model: Any, endpoints: Mapping[str, Endpoint], rows: Rows) -> Answers:
    """What the endpoints answer in Keras, in float32."""
    answers = {}
    with float32_policy(model):
        for name, endpoint in endpoints.items():
            inputs = [keras.ops.convert_to_tensor(rows[name][s.name]) for s in endpoint.inputs]
            answers[name] = {k: np.asarray(v) for k, v in endpoint.function(*inputs).items()}
    return answers


def file_answers(content: bytes, rows: Rows, batch_size: int) -> Answers:
    """What a .tflite answers, batch by batch; int8 inputs and outputs are scaled by its own scales.

    Raises:
        ValueError: If a signature is missing or its tensors have other names.
    """
    from ai_edge_litert.interpreter import Interpreter

    with silent_stderr():
        interpreter = Interpreter(model_content=content)
        return {
            name: _answers(interpreter, name, inputs, batch_size) for name, inputs in rows.items()
        }


def _answers(
    interpreter: Any, signature: str, inputs: Mapping[str, np.ndarray], size: int
) -> dict[str, np.ndarray]:
    offered = interpreter.get_signature_list()
    if set(offered.get(signature, {}).get("inputs", ())) != set(inputs):
        raise ValueError(
            f"Expected a file with the signature {signature!r} of {sorted(inputs)}. "
            f"Received: one with {offered}."
        )
    runner = interpreter.get_signature_runner(signature)
    takes, gives = runner.get_input_details(), runner.get_output_details()
    count = len(next(iter(inputs.values())))
    batches = []
    for start in range(0, count, size):
        batch = {k: quantized(v[start : start + size], takes[k]) for k, v in inputs.items()}
        batches.append({k: dequantized(v, gives[k]) for k, v in runner(**batch).items()})
    return {name: np.concatenate([batch[name] for batch in batches]) for name in gives}


def quantized(values: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    """`values` as the tensor of a file takes them."""
    scale, zero_point = tensor["quantization"]
    if not scale or tensor["dtype"] is np.float32:
        return values.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    steps = np.round(values / scale) + zero_point
    return np.clip(steps, limits.min, limits.max).astype(tensor["dtype"])


def dequantized(values: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    """What the values of a file's tensor stand for."""
    scale, zero_point = tensor["quantization"]
    if not scale or tensor["dtype"] is np.float32:
        return np.array(values)
    return ((values.astype("float32") - zero_point) * scale).astype("float32")


def differences(
    model: Any, expected: Answers, received: Answers
) -> dict[str, dict[str, Difference]]:
    """The differences by endpoint and output.

    An integer code that differs is another code, not one with an error: what follows from `encode`
    is compared on the rows whose codes are all equal, and `equal` says how many codes are.

    Raises:
        ValueError: If an output is missing or has another shape.
    """
    result = {}
    alike = _rows_of_equal_codes(expected, received)
    for endpoint, outputs in expected.items():
        shapes = {name: values.shape for name, values in outputs.items()}
        given = {name: values.shape for name, values in received[endpoint].items()}
        if shapes != given:
            raise ValueError(f"Expected {endpoint} to answer {shapes}. Received: {given}.")
        rows = alike if endpoint in ENCODED else slice(None)
        if DECISION in outputs:
            outputs = {**outputs, DECISION: _decided(received[endpoint])}
        result[endpoint] = {
            name: _difference(
                values[rows], received[endpoint][name][rows], *_scales(model, name, values)
            )
            for name, values in outputs.items()
        }
    return result


def _rows_of_equal_codes(expected: Answers, received: Answers) -> Any:
    """Which rows have the same integer codes; all where codes are no integers or none is equal."""
    wanted, given = (answers.get(CODES, {}).get("z") for answers in (expected, received))
    if wanted is None or given is None or wanted.dtype.kind != "i" or wanted.shape != given.shape:
        return slice(None)
    alike = np.equal(wanted, given).reshape(len(wanted), -1).all(axis=1)
    return alike if alike.any() else slice(None)


def _decided(answers: Mapping[str, np.ndarray]) -> np.ndarray:
    """The decisions that follow from scores and threshold, or where these are equal, as given."""
    score, threshold = answers["score"], answers["threshold"]
    tie = np.abs(score - threshold) <= UNDECIDED * np.abs(threshold)
    return np.where(tie, answers[DECISION], 1 - (score <= threshold).astype("int32"))


def _scales(model: Any, name: str, values: np.ndarray) -> tuple[float, float]:
    """What to take the PSNR and the relative error against."""
    low, high = model.family.support
    largest, spread = float(np.abs(values).max()), float(np.ptp(values))
    if name != DATA_OUTPUT:
        return spread or 1.0, max(largest, 1.0)
    return high - low if math.isfinite(high - low) else spread or 1.0, largest or 1.0


def _difference(
    expected: np.ndarray, received: np.ndarray, peak: float, scale: float
) -> Difference:
    change = received.astype("float64") - expected.astype("float64")
    error = np.abs(change)
    noise = float(np.sqrt(np.mean(np.square(error))))
    psnr = EXACT_PSNR if noise == 0 else -math.inf
    if noise > 0 and math.isfinite(noise):
        psnr = min(20 * math.log10(peak / noise), EXACT_PSNR)
    largest = float(error.max())
    equal = float((error == 0).mean()) if expected.dtype.kind == "i" else None
    relative = largest / scale if equal is None else 1.0 - equal
    return Difference(largest, float(error.mean()), relative, psnr, float(change.mean()), equal)
