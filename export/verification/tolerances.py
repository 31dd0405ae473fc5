"""Tolerances for the differences between an exported file and its Keras model."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from keras_vae.errors import ToleranceError
from keras_vae.export.verification.comparison import DATA_OUTPUT, Difference, Differences

File = TypeVar("File")

# Largest error of float32, as a fraction of the largest value.
RELATIVE_ERROR = 1e-5
# An error that rounding to float32 explains, as that fraction. It is small next to the values, but
# large next to their range where all are almost equal, as scores may be.
ROUNDING = 1e-6
# Smallest PSNR of decoded codes against the model, in dB.
MIN_PSNR = {None: 100.0, "float16": 80.0, "dynamic": 50.0, "int16x8": 50.0, "int8": 40.0}
DECODED = (f"decode/{DATA_OUTPUT}", f"sample/{DATA_OUTPUT}")
# By how many dB the PSNR of other outputs may be lower. Codes and scores are no images, and in
# `reconstruct` the errors of encoder and decoder add up.
ALLOWANCE = 10.0
SET_PSNR = (
    "set min_psnr, in dB. Decoded codes must reach it, and other outputs, such as scores, "
    f"{ALLOWANCE:g} dB less."
)
# Smallest fraction of equal integer codes, which have no PSNR. A code changes where two codebook
# entries are almost equally near; both reconstruct about as well.
MIN_EQUAL = {None: 0.999, "float16": 0.99, "dynamic": 0.95, "int16x8": 0.95, "int8": 0.95}
# By how many nats an int8 file may score true examples worse than the model.
MAX_NATS = 0.3


def first_within(
    attempts: Sequence[Callable[[], tuple[File, Differences]]],
    quantize: str | None,
    min_psnr: float | None,
) -> tuple[File, Differences]:
    """Return the first file that is within its tolerances, and its differences from the model.

    Args:
        attempts: Functions that make a file and compare it, from the smallest file to the most
            exact one.
        quantize: As in `write_litert`.
        min_psnr: As in `write_litert`.

    Raises:
        ToleranceError: If none of them is.
    """
    accepted = None
    for attempt in attempts:
        file, found = attempt()
        try:
            refuse_differences(found, quantize, min_psnr)
        except ToleranceError:
            if attempt is attempts[-1] and accepted is None:
                raise
            continue
        accepted = file, found
        # Worse scores alone are accepted: few examples are compared here, export.verify uses more.
        if not has_worse_scores(found, quantize):
            break
    assert accepted is not None
    return accepted


def refuse_differences(
    found: Mapping[str, Mapping[str, Difference]], quantize: str | None, min_psnr: float | None
) -> None:
    """Raise ToleranceError if an output differs from the model by more than its tolerance.

    Args:
        found: Differences by endpoint and output.
        quantize: As in `write_litert`.
        min_psnr: As in `write_litert`.

    Raises:
        ToleranceError: If one is outside of its tolerance, with the numbers.
    """
    bad = [
        f"{name} with {_numbers(difference)} where "
        f"{describe_tolerance(name, difference, quantize, min_psnr)}"
        for name, difference in differences_by_name(found).items()
        if not is_close(name, difference, quantize, min_psnr)
    ]
    if bad:
        raise ToleranceError(
            f"Expected a file that answers as the model does. Received: {'; '.join(bad)} is "
            f"needed. ({_advice(quantize)})"
        )


def has_worse_scores(found: Mapping[str, Mapping[str, Difference]], quantize: str | None) -> bool:
    """Return whether an int8 file scores the compared examples more than MAX_NATS worse."""
    score = found.get("score", {}).get("score")
    return quantize == "int8" and score is not None and not score.bias <= MAX_NATS


def differences_by_name(found: Mapping[str, Mapping[str, Difference]]) -> dict[str, Difference]:
    """Return the differences in one dictionary, with keys "endpoint/output"."""
    return {f"{e}/{name}": d for e, outputs in found.items() for name, d in outputs.items()}


def is_close(
    name: str, difference: Difference, quantize: str | None, min_psnr: float | None = None
) -> bool:
    """Return whether an output, "endpoint/output", is within its tolerance; NaN never is."""
    return margin(name, difference, quantize, min_psnr) >= 0


def margin(
    name: str, difference: Difference, quantize: str | None, min_psnr: float | None = None
) -> float:
    """Return the distance of an output to its tolerance; negative outside of it.

    It is in dB for a PSNR, and otherwise a fraction. An error within `ROUNDING` is never outside of
    the tolerance of a quantization.
    """
    if difference.equal is not None and min_psnr is None:
        return difference.equal - MIN_EQUAL[quantize]
    if quantize is None and min_psnr is None:
        return RELATIVE_ERROR - difference.relative
    found = difference.psnr - _smallest_psnr(name, quantize, min_psnr)
    is_rounded = min_psnr is None and difference.relative <= ROUNDING
    return max(found, 0.0) if is_rounded else found


def describe_tolerance(
    name: str, difference: Difference, quantize: str | None, min_psnr: float | None = None
) -> str:
    """Describe the tolerance of `is_close` in a few words."""
    if difference.equal is not None and min_psnr is None:
        return f"at least {MIN_EQUAL[quantize]:.1%} of equal codes"
    if quantize is None and min_psnr is None:
        return f"a relative error of at most {RELATIVE_ERROR:g}"
    return f"a PSNR of at least {_smallest_psnr(name, quantize, min_psnr):g} dB"


def _smallest_psnr(name: str, quantize: str | None, min_psnr: float | None) -> float:
    smallest = MIN_PSNR[quantize] if min_psnr is None else min_psnr
    return smallest if name in DECODED else smallest - ALLOWANCE


def describe_difference(difference: Difference, quantize: str | None) -> str:
    """Describe the difference that the tolerance of an output limits, in a few words."""
    if difference.equal is not None:
        return f"{difference.equal:.2%} of equal codes"
    if quantize is None:
        return f"a relative error of {difference.relative:.2g}"
    return f"a PSNR of {difference.psnr:.1f} dB"


def _numbers(difference: Difference) -> str:
    if not math.isfinite(difference.psnr):
        return "values that are not finite"
    error = describe_difference(difference, None)
    return (
        error
        if difference.equal is not None
        else f"{describe_difference(difference, 'int8')} and {error}"
    )


def _advice(quantize: str | None) -> str:
    if quantize is None:
        return (
            "Rounding explains errors up to 1e-6 or so; beyond 1e-4 the converter changed the "
            f"model. If the error is good enough, {SET_PSNR}"
        )
    return (
        "Calibrate with data like those in training, or choose a quantize that is more exact, or "
        f"if the error is good enough, {SET_PSNR}"
    )
