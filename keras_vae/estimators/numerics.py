"""Float64 arithmetic on the host, where float32 would lose what is measured."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def log_mean_exp(values: Any, axis: int = -1) -> np.ndarray:
    """log(mean(exp(values))) along an axis, in float64, without overflow.

    Args:
        values: Array of log weights, in nats; -inf is a weight of zero.
        axis: The axis of the mean.

    Returns:
        float64, the shape of `values` without `axis`.

    Raises:
        ValueError: If there is nothing to average.
    """
    values = np.asarray(values, "float64")
    if values.ndim == 0 or values.shape[axis] == 0:
        raise ValueError(f"Expected at least one value to average. Received: shape {values.shape}.")
    highest = np.max(values, axis=axis, keepdims=True)
    # A row of zero weights has nothing to subtract: -inf - -inf is not a number.
    shift = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        means = np.log(np.mean(np.exp(values - shift), axis=axis, keepdims=True))
    return np.squeeze(means + shift, axis=axis)


def bits_per_dim(nats: Any, event_shape: Sequence[int], levels: int = 1) -> Any:
    """Negative log-likelihoods of events in bits per dimension, the unit of 8-bit image tables.

    A probability of the stored values needs no more than the change of units: that is what
    `bernoulli`, `categorical` and the discretized logistic likelihoods give, and `levels` is 1. A
    density of values on a scale where the levels are 1 / levels apart, (x + u) / 256 for 8-bit x
    and u in [0, 1), has to be brought to the scale of the levels: `levels=256` adds log2(256) = 8.

    Example:
        >>> bits_per_dim(784 * math.log(256), (28, 28, 1))  # uniform over 256 levels
        8.0

    Args:
        nats: -log p(x) of whole events, a number or an array.
        event_shape: Shape of an event; all of its elements count.
        levels: 1 for probabilities, the number of levels for densities on [0, 1).

    Returns:
        The type and shape of `nats`.

    Raises:
        ValueError: If `event_shape` has no elements or `levels` is less than 1.
    """
    size = math.prod(event_shape)
    if size < 1 or levels < 1:
        raise ValueError(
            "Expected an event_shape with elements and levels of at least 1. "
            f"Received: {tuple(event_shape)} and levels={levels!r}."
        )
    return nats / (size * math.log(2.0)) + math.log2(levels)
