"""How near to its model a .tflite file must be."""

import math
from collections.abc import Mapping

from keras_vae.exporting.comparison import DATA_OUTPUT, Difference

# Largest error of float32, as a fraction of the largest value.
RELATIVE_ERROR = 1e-5
# Least PSNR of what a decoder makes of codes against the model's, in dB.
MIN_PSNR = {None: 100.0, "float16": 80.0, "dynamic": 50.0, "int8": 40.0}
DECODED = (f"decode/{DATA_OUTPUT}", f"sample/{DATA_OUTPUT}")
# The rest may be so much further from the model, in dB: codes and scores are no pictures, and in
# `reconstruct` the decoder adds its errors to those of the encoder.
ALLOWANCE = 10.0
# Least fraction of equal integer codes, between which there is no PSNR. A code changes where two
# are about as near; either is as good, which the distance to the true examples shows.
MIN_EQUAL = {None: 0.999, "float16": 0.99, "dynamic": 0.95, "int8": 0.95}
# How much worse than the model an int8 file may score true examples, in nats.
MAX_NATS = 0.3


def refuse_different(
    found: Mapping[str, Mapping[str, Difference]], quantize: str | None, min_psnr: float | None
) -> None:
    """Raise if an output is further from the model than its quantization explains.

    Args:
        found: Differences by endpoint and output.
        quantize: As in `write_litert`.
        min_psnr: As in `write_litert`.

    Raises:
        ValueError: If one misses its bar, with the numbers.
    """
    bad = [
        f"{name} with {_numbers(difference)} where {bar(name, difference, quantize, min_psnr)}"
        for name, difference in by_name(found).items()
        if not is_close(name, difference, quantize, min_psnr)
    ]
    if bad:
        raise ValueError(
            f"Expected a file that answers as the model does. Received: {'; '.join(bad)} is "
            f"needed. ({_advice(quantize)})"
        )


def scores_worse(found: Mapping[str, Mapping[str, Difference]], quantize: str | None) -> bool:
    """Whether an int8 file scores the compared examples worse than it should, by MAX_NATS."""
    score = found.get("score", {}).get("score")
    return quantize == "int8" and score is not None and not score.bias <= MAX_NATS


def by_name(found: Mapping[str, Mapping[str, Difference]]) -> dict[str, Difference]:
    """The differences by "endpoint/output"."""
    return {f"{e}/{name}": d for e, outputs in found.items() for name, d in outputs.items()}


def is_close(
    name: str, difference: Difference, quantize: str | None, min_psnr: float | None = None
) -> bool:
    """Whether an output, "endpoint/output", is as near to the model's as it must be; NaN is not."""
    return margin(name, difference, quantize, min_psnr) >= 0


def margin(
    name: str, difference: Difference, quantize: str | None, min_psnr: float | None = None
) -> float:
    """By how much an output is nearer to the model's than it must be: in dB, or as a fraction."""
    if difference.equal is not None and min_psnr is None:
        return difference.equal - MIN_EQUAL[quantize]
    if quantize is None and min_psnr is None:
        return RELATIVE_ERROR - difference.relative
    return difference.psnr - _least(name, quantize, min_psnr)


def bar(
    name: str, difference: Difference, quantize: str | None, min_psnr: float | None = None
) -> str:
    """The bar of `is_close` in words."""
    if difference.equal is not None and min_psnr is None:
        return f"at least {MIN_EQUAL[quantize]:.1%} of equal codes"
    if quantize is None and min_psnr is None:
        return f"a relative error of at most {RELATIVE_ERROR:g}"
    return f"a PSNR of at least {_least(name, quantize, min_psnr):g} dB"


def _least(name: str, quantize: str | None, min_psnr: float | None) -> float:
    least = MIN_PSNR[quantize] if min_psnr is None else min_psnr
    return least if name in DECODED else least - ALLOWANCE


def described(difference: Difference, quantize: str | None) -> str:
    """What the bar of an output is about, in words."""
    if difference.equal is not None:
        return f"{difference.equal:.2%} of equal codes"
    if quantize is None:
        return f"a relative error of {difference.relative:.2g}"
    return f"a PSNR of {difference.psnr:.1f} dB"


def _numbers(difference: Difference) -> str:
    if not math.isfinite(difference.psnr):
        return "values that are not finite"
    error = described(difference, None)
    return error if difference.equal is not None else f"{described(difference, 'int8')} and {error}"


def _advice(quantize: str | None) -> str:
    if quantize is None:
        return (
            "Rounding explains errors up to 1e-6 or so; beyond 1e-4 the converter changed the "
            "model. If the error is good enough, set min_psnr, in dB."
        )
    return (
        "Calibrate with data like those in training, or choose a quantize that is more exact, or "
        "if the error is good enough set min_psnr, in dB."
    )
