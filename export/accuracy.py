"""How far answers are from those of Keras, in three numbers."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

# Equal answers have no PSNR, and JSON has no infinity.
EXACT_PSNR = 200.0

Answers = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Accuracy:
    """How far one output is from that of Keras.

    Attributes:
        largest: max |a - b|.
        mean: mean |a - b|.
        relative: `largest` divided by the greater of 1 and max |a|. The 1 is there because outputs
            that are sums, such as a KL term of 0.001 nats, are only exact to the size of what was
            added up.
        psnr: Peak signal-to-noise ratio in dB; the peak is 1 for outputs within [0, 1] and the
            range of a otherwise.
    """

    largest: float
    mean: float
    relative: float
    psnr: float


def accuracy(expected: np.ndarray, received: np.ndarray) -> Accuracy:
    """Compare two arrays of one shape; NaN in either counts as infinitely far.

    Raises:
        ValueError: If the shapes differ.
    """
    if expected.shape != received.shape:
        raise ValueError(
            f"Expected an answer of shape {expected.shape}, as Keras gives. "
            f"Received: {received.shape}."
        )
    a, b = expected.astype("float64"), received.astype("float64")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return Accuracy(math.inf, math.inf, math.inf, -math.inf)
    error = np.abs(a - b)
    noise = math.sqrt(np.mean(np.square(error)))
    peak = 1.0 if a.min() >= 0 and a.max() <= 1 else float(np.ptp(a)) or float(np.abs(a).max())
    psnr = min(20 * math.log10(peak / noise), EXACT_PSNR) if noise else EXACT_PSNR
    scale = max(1.0, float(np.abs(a).max()))
    return Accuracy(float(error.max()), float(error.mean()), float(error.max()) / scale, psnr)


def accuracies(expected: Answers, received: Answers) -> dict[str, dict[str, Accuracy]]:
    """`accuracy` by signature and output, of the signatures that were asked.

    Raises:
        ValueError: If outputs have other names or shapes.
    """
    compared = {}
    for signature, outputs in received.items():
        if set(outputs) != set(expected[signature]):
            raise ValueError(
                f"Expected {signature} to give {sorted(expected[signature])}, as Keras does. "
                f"Received: {sorted(outputs)}."
            )
        compared[signature] = {
            name: accuracy(expected[signature][name], value) for name, value in outputs.items()
        }
    return compared


def worst(compared: Mapping[str, Mapping[str, Accuracy]]) -> Accuracy:
    """The worst of each number over all outputs."""
    every = [asdict(one) for outputs in compared.values() for one in outputs.values()]
    largest, mean, relative = (
        max(one[key] for one in every) for key in ("largest", "mean", "relative")
    )
    return Accuracy(largest, mean, relative, min(one["psnr"] for one in every))
