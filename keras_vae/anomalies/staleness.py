"""Warnings of a threshold or of codes that a detector took from other weights of its model."""

import math
import warnings
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from keras import ops

from keras_vae.anomalies.references import Reference
from keras_vae.typing import LatentModel

# Weights that are read, next to the number of training steps, and numbers of each: a few, so that
# scoring one example stays fast. Training and loaded weights change nearly all of them.
WEIGHTS, NUMBERS = 6, 256

State = dict[str, int]  # Checksums of the weights and of the reference.
ADVICE = {
    "adapt": "and codes are compared with those of before. (Call detector.adapt(training_data) and "
    "then detector.fit_threshold(held_out_data, ...) again.)",
    "fit_threshold": "and the threshold is one of other scores. (Call "
    "detector.fit_threshold(held_out_data, ...) again.)",
}


def state_of(model: LatentModel, reference: Reference | None) -> State:
    """Return checksums of a model's weights and of a reference, the same on each backend."""
    weights = model.weights
    places = sorted(set(np.linspace(0, len(weights) - 1, WEIGHTS).astype(int)))
    largest = sorted(weights, key=lambda weight: -math.prod(weight.shape))[:WEIGHTS]
    return {
        "weights": _checksum([model.steps, *(weights[place] for place in places)]),
        "largest": _checksum(largest),  # Biases may all be 0, and stay so.
        "codes": _checksum(vars(reference).values() if reference else ()),
    }


def changes(method: str, before: State, now: State) -> list[str]:
    """Return the names of the parts that have changed; codes count for "fit_threshold" alone."""
    changed = {part for part in before if before[part] != now[part]}  # Older files have fewer.
    changed |= {"weights"} if "largest" in changed else set()
    parts = ("weights", "codes") if method == "fit_threshold" else ("weights",)
    return [part for part in parts if part in changed]


def warn_of_change(method: str, changed: list[str]) -> None:
    """Warn if parts of the state have changed since a method of a detector was called."""
    if changed:
        what = {"weights": "weights of the model", "codes": "codes of adapt"}[changed[0]]
        warnings.warn(
            f"The {what} have changed since detector.{method}, {ADVICE[method]}", stacklevel=4
        )


def _checksum(arrays: Iterable[Any]) -> int:
    checksum = 0
    for array in arrays:
        flat = ops.reshape(array, (-1,))
        some = ops.convert_to_numpy(flat[:: max(flat.shape[0] // NUMBERS, 1)])
        checksum = zlib.crc32(np.ascontiguousarray(some).tobytes(), checksum)
    return checksum
