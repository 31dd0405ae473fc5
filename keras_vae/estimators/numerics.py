"""Float64 arithmetic on the host, for results that float32 cannot hold."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_vae.errors import UsageError
from keras_vae.validation import arguments


def log_mean_exp(values: Any, axis: int = -1) -> np.ndarray:
    """Return log(mean(exp(values))) along an axis, in float64, without overflow.

    Example:
        >>> keras_vae.estimators.log_mean_exp(np.log([[1.0, 3.0]])).round(3)  # log(2)
        array([0.693])

    Args:
        values: Array of log weights, in nats; -inf is a weight of zero.
        axis: The axis of the mean.

    Returns:
        float64, the shape of `values` without `axis`.

    Raises:
        ValueError: If there is nothing to average, or no such axis.
        TypeError: If `values` are not numbers, or `axis` is no integer.
    """
    values = arguments.array("values", values, finite=False).astype("float64")
    if arguments.integer("axis", axis, -max(values.ndim, 1)) >= max(values.ndim, 1):
        raise UsageError(f"Expected axis of {values.ndim} axes. Received: axis={axis!r}.")
    if values.ndim == 0 or values.shape[axis] == 0:
        raise UsageError(f"Expected at least one value to average. Received: shape {values.shape}.")
    highest = np.max(values, axis=axis, keepdims=True)
    # A row of zero weights has nothing to subtract: -inf - -inf is not a number.
    shift = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        means = np.log(np.mean(np.exp(values - shift), axis=axis, keepdims=True))
    return np.squeeze(means + shift, axis=axis)


def bits_per_dim(nats: Any, event_shape: Sequence[int], levels: int = 1) -> Any:
    """Convert negative log-likelihoods to bits per dimension, the unit of 8-bit image benchmarks.

    Probabilities of the stored values need only the change of units, with `levels=1`. `bernoulli`,
    `categorical` and the discretized logistic likelihoods are such probabilities. A density on a
    scale with levels 1 / levels apart must also be rescaled. For example, for (x + u) / 256 with
    8-bit x and u in [0, 1), `levels=256` adds log2(256) = 8.

    Example:
        >>> nats = 784 * math.log(256)  # uniform over 256 levels
        >>> keras_vae.estimators.bits_per_dim(nats, (28, 28, 1))
        8.0

    Args:
        nats: -log p(x) of whole events, a number or an array.
        event_shape: Shape of an event; all of its elements count.
        levels: 1 for probabilities, the number of levels for densities on [0, 1).

    Returns:
        The type and shape of `nats`.

    Raises:
        ValueError: If `event_shape` has no elements or `levels` is less than 1.
        TypeError: If a size or `levels` is no integer, or `nats` are not numbers.
    """
    size = math.prod(arguments.sizes("event_shape", event_shape, some=False))
    levels = arguments.integer("levels", levels)
    if isinstance(nats, bool | int):
        nats = arguments.real("nats", nats)
    elif not ops.is_tensor(nats) and not isinstance(nats, float | np.floating):
        nats = arguments.array("nats", nats, finite=False)
    return nats / (size * math.log(2.0)) + math.log2(levels)
