"""Comparison of an exported file with its model: the same rows run through both."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, cast

import keras
import numpy as np

from keras_vae.base.endpoint import Endpoint
from keras_vae.distributions.mixed import Mixed
from keras_vae.errors import UsageError
from keras_vae.export.endpoints import float32_policy
from keras_vae.export.verification.table_outputs import DATA_OUTPUT, split_table
from keras_vae.metrics.pictures import psnr
from keras_vae.samplers import AutoregressiveSampler
from keras_vae.typing import LatentModel

Answers = dict[str, dict[str, np.ndarray]]
Rows = Mapping[str, Mapping[str, np.ndarray]]

# PSNR of equal outputs, since JSON has no infinity.
EXACT_PSNR = 200.0
COMPARED_ROWS = 64
# The endpoint that returns codes, and those that depend on the codes of the same rows.
CODES = "encode"
SAMPLE = "sample"
PICTURES = "reconstruct_png"
ENCODED = ("reconstruct", "serving_default", PICTURES, "score")
# The endpoint whose outputs are columns of a table, which may have names of other outputs.
OF_COLUMNS = "impute_table"
# The output that is a decision, which follows from the file's own score and threshold.
DECISION = "is_anomaly"
# The input that is hashed on the host: PyTorch has no shift of unsigned integers.
SEED = "seed"
# A score this close to the threshold, as a fraction of it, may fall on either side.
UNDECIDED = 1e-4


@dataclasses.dataclass(frozen=True)
class Difference:
    """The difference between one output of a file and that of the model.

    Attributes:
        largest: Largest absolute error.
        mean: Mean absolute error.
        relative: `largest` divided by the model's largest absolute value. For codes and scores the
            divisor is at least 1, since their sums may cancel while their rounding does not. For
            integer codes and texts, the fraction that differs.
        psnr: Peak signal-to-noise ratio in dB. The peak is the range of the data for outputs that
            are data, and otherwise the range of the model's outputs.
        bias: Mean signed error: output of the file minus that of the model.
        equal: Fraction of equal integer codes or texts, between 0 and 1; None for other outputs.
    """

    largest: float
    mean: float
    relative: float
    psnr: float
    bias: float = 0.0
    equal: float | None = None


Differences = dict[str, dict[str, Difference]]


def choose_rows(rows: Rows, batch_size: int) -> dict[str, dict[str, np.ndarray]]:
    """Choose about COMPARED_ROWS of the rows, evenly spaced, in whole batches."""
    chosen = {}
    for endpoint, inputs in rows.items():
        count = len(next(iter(inputs.values())))
        wanted = -(-min(count, COMPARED_ROWS) // batch_size) * batch_size
        indices = np.linspace(0, count - 1, wanted).round().astype(int)
        chosen[endpoint] = {name: values[indices] for name, values in inputs.items()}
    return chosen


def model_answers(model: LatentModel, endpoints: Mapping[str, Endpoint], rows: Rows) -> Answers:
    """Return the outputs of the endpoints in Keras, in float32."""
    answers, to_tensor = {}, keras.ops.convert_to_tensor
    with float32_policy(model):
        for name, endpoint in endpoints.items():
            inputs = [
                rows[name][spec.name] if spec.name == SEED else to_tensor(rows[name][spec.name])
                for spec in endpoint.inputs
            ]
            answers[name] = {
                k: keras.ops.convert_to_numpy(v) for k, v in endpoint.function(*inputs).items()
            }
    return answers


def differences(
    model: LatentModel, expected: Answers, received: Answers, rows: Rows | None = None
) -> Differences:
    """Return the differences by endpoint and output.

    Integer codes that differ are different codes, so their distance means nothing. `equal` says
    what fraction of them is equal. Outputs that depend on `encode` are compared on the rows with
    equal codes only. Samples of integer codes are compared with what follows from the codes that
    the file drew, since one other code changes all that are drawn after it; see `_follow`.

    Args:
        model: The model.
        expected: Its answers by endpoint and output.
        received: Those of the file.
        rows: The inputs by endpoint and name, of which the noise of samples is made again.

    Raises:
        ValueError: If an output is missing or has another shape.
    """
    result = {}
    expected, received = _mark_columns(expected), _mark_columns(received)
    expected = _follow(model, expected, received, rows)
    alike = _rows_of_equal_codes(expected, received)
    for endpoint, outputs in expected.items():
        shapes = {name: values.shape for name, values in outputs.items()}
        given = {name: values.shape for name, values in received[endpoint].items()}
        if shapes != given:
            raise UsageError(f"Expected {endpoint} to answer {shapes}. Received: {given}.")
        chosen = alike if endpoint in ENCODED else slice(None)
        if DECISION in outputs:
            outputs = {**outputs, DECISION: _decisions(received[endpoint])}
        result[endpoint] = {
            part: _difference(model, part, *values)
            for name, wanted in outputs.items()
            for part, values in _parts(
                model, name, wanted[chosen], received[endpoint][name][chosen]
            ).items()
        }
    return result


def _parts(
    model: LatentModel, name: str, expected: np.ndarray, received: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return an output and that of the file by name; rows of a table are two outputs."""
    if name == DATA_OUTPUT and model.family.by_column:
        return split_table(cast(type[Mixed], model.family).columns, expected, received)
    return {name: (expected, received)}


def _mark_columns(answers: Answers) -> Answers:
    """Return answers in which a column has another name than any other output."""
    return {
        endpoint: {f"column {name}": values for name, values in outputs.items()}
        if endpoint == OF_COLUMNS
        else outputs
        for endpoint, outputs in answers.items()
    }


def _follow(model: LatentModel, expected: Answers, received: Answers, rows: Rows | None) -> Answers:
    """Return `expected` with samples that follow from the integer codes that the file drew.

    The picture is that of the codes of the file. Each code is what the model draws after the codes
    before it, for the same noise, if the sampler draws one code after the other.
    """
    codes = received.get(SAMPLE, {}).get("z")
    wanted = expected.get(SAMPLE, {}).get("z")
    if codes is None or wanted is None or wanted.dtype.kind != "i" or wanted.shape != codes.shape:
        return expected
    if not (
        0 <= codes.min(initial=0) and codes.max(initial=0) < getattr(model, "codebook_size", 0)
    ):
        return expected
    followed = dict(expected[SAMPLE])
    with float32_policy(model):
        followed[DATA_OUTPUT] = keras.ops.convert_to_numpy(model.decode(codes))
        if rows is not None and isinstance(model.sampler, AutoregressiveSampler):
            inputs = rows[SAMPLE]
            again = model.sampler.follow(codes, inputs[SEED], inputs.get("label"))
            followed["z"] = keras.ops.convert_to_numpy(again)
    return {**expected, SAMPLE: followed}


def _rows_of_equal_codes(expected: Answers, received: Answers) -> Any:
    """Select the rows whose integer codes are all equal.

    All rows are selected if codes are not integers or no row is equal.
    """
    wanted, given = (answers.get(CODES, {}).get("z") for answers in (expected, received))
    if wanted is None or given is None or wanted.dtype.kind != "i" or wanted.shape != given.shape:
        return slice(None)
    alike = np.equal(wanted, given).reshape(len(wanted), -1).all(axis=1)
    return alike if alike.any() else slice(None)


def _decisions(answers: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the decisions that follow from the scores and the threshold.

    Where both are almost equal, either decision is right, so the given ones are returned.
    """
    score, threshold = answers["score"], answers["threshold"]
    tie = np.abs(score - threshold) <= UNDECIDED * np.abs(threshold)
    return np.where(tie, answers[DECISION], 1 - (score <= threshold).astype("int32"))


def _difference(
    model: LatentModel, name: str, expected: np.ndarray, received: np.ndarray
) -> Difference:
    if expected.dtype.kind in "SO":
        expected, received = _number_texts(expected, received)
    change = received.astype("float64") - expected.astype("float64")
    error = np.abs(change)
    largest, smallest = float(error.max()), 0.0 if name == DATA_OUTPUT else 1.0
    equal = float((error == 0).mean()) if expected.dtype.kind == "i" else None
    relative = largest / (max(float(np.abs(expected).max()), smallest) or 1.0)
    return Difference(
        largest,
        float(error.mean()),
        relative if equal is None else 1.0 - equal,
        _decibels(model, name, expected, received),
        float(change.mean()),
        equal,
    )


def _number_texts(*texts: np.ndarray) -> list[np.ndarray]:
    """Return arrays of as many texts as arrays of integers, the same for the same text."""
    _, numbers = np.unique(np.concatenate(texts).astype("S"), return_inverse=True)
    return np.split(numbers, len(texts))


def _decibels(model: LatentModel, name: str, expected: np.ndarray, received: np.ndarray) -> float:
    """Return the PSNR; that of data is in the unit of the networks, the same for all channels."""
    low, high = (-math.inf, math.inf)
    if name == DATA_OUTPUT and not model.family.by_column:
        low, high = model.family.support
        expected, received = (
            keras.ops.convert_to_numpy(model.preprocess.forward(x)) for x in (expected, received)
        )
    squared = float(np.mean(np.square(received.astype("float64") - expected.astype("float64"))))
    peak = high - low if math.isfinite(high - low) else float(np.ptp(expected)) or 1.0
    return float(psnr(squared, peak, EXACT_PSNR)) if math.isfinite(squared) else -math.inf
