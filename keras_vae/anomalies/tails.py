"""The generalized Pareto distribution of excesses over a high level."""

import dataclasses
import math
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.validation import arguments

# Below this shape the maximum of the likelihood is no estimate (Smith 1985).
LEAST_SHAPE = -0.5
FEWEST_EXCESSES = 10
# Points of the first search, number of refinements around the best point, and points of each.
PLACES, ZOOMS, ZOOM = 200, 10, 21
# Largest shape over scale of the search, for excesses of mean 1.
HEAVIEST = 1e3


@dataclasses.dataclass(frozen=True)
class ParetoTail:
    """A tail with P(excess > y) = (1 + shape * y / scale)^(-1 / shape).

    For shape 0 that is exp(-y / scale).

    Example:
        >>> keras_vae.anomalies.ParetoTail(shape=0.1, scale=2.0)
        ParetoTail(shape=0.1, scale=2.0)

    Attributes:
        shape: Above 0 for tails heavier than exponential, below 0 for those that end.
        scale: In the unit of the excesses.

    Raises:
        ValueError: If a number is not finite, or `scale` is not above 0.
        TypeError: If one is no number.
    """

    shape: float
    scale: float

    def __post_init__(self) -> None:
        """Raise ValueError or TypeError unless both are finite numbers and `scale` is above 0."""
        arguments.real("shape", self.shape)
        if arguments.real("scale", self.scale) <= 0:
            raise UsageError(f"Expected scale above 0. Received: scale={self.scale!r}.")

    def excess(self, probability: float) -> float:
        """Return the y that is exceeded with this probability, above 0 and at most 1."""
        if arguments.fraction("probability", probability) == 0.0:
            raise UsageError("Expected probability above 0, at most 1. Received: 0.")
        if self.shape == 0.0:
            return -self.scale * math.log(probability)
        return self.scale * math.expm1(-self.shape * math.log(probability)) / self.shape


def fit_pareto(excesses: Any) -> ParetoTail:
    """Fit a generalized Pareto distribution by maximum likelihood, with a shape of at least -0.5.

    For each theta = shape / scale the best shape is mean(log(1 + theta y)). The search is therefore
    one-dimensional (Grimshaw 1993, Technometrics 35(2), section 2).

    Example:
        >>> excesses = np.random.default_rng(0).exponential(2.0, 1000)
        >>> tail = keras_vae.anomalies.fit_pareto(excesses)
        >>> round(tail.scale, 1)
        2.1

    Args:
        excesses: Amounts by which scores exceed the level, each above 0, `(count,)`.

    Raises:
        ValueError: If there are fewer than 10, or one is not finite and above 0.
    """
    y = arguments.array("excesses", excesses, finite=False).astype("float64").ravel()
    if len(y) < FEWEST_EXCESSES or not (np.isfinite(y).all() and (y > 0).all()):
        raise UsageError(
            f"Expected at least {FEWEST_EXCESSES} excesses, finite and above 0. Received: "
            f"{len(y)} from {y.min(initial=np.inf):g} to {y.max(initial=-np.inf):g}."
        )
    unit = y.mean()
    shape, scale = _fit_unit_mean(y / unit)
    return ParetoTail(float(shape), float(scale * unit))


def _fit_unit_mean(y: np.ndarray) -> tuple[float, float]:
    """Return shape and scale for excesses of mean 1."""
    places = np.geomspace(1e-6, 1.0, PLACES)
    thetas = np.concatenate([-places[::-1] / y.max(), places * HEAVIEST])
    for _ in range(ZOOMS):
        best = int(np.argmax([_log_likelihood(theta, y) for theta in thetas]))
        low, theta, high = thetas[max(best - 1, 0)], thetas[best], thetas[best + 1 : best + 2]
        thetas = np.linspace(low, high[0] if len(high) else theta, ZOOM)
    shape = _shape(theta, y)
    return (shape, shape / theta) if theta else (0.0, 1.0)


def _shape(theta: float, y: np.ndarray) -> float:
    """Return the most likely shape for `theta`, shape over scale."""
    return float(np.mean(np.log1p(theta * y)))


def _log_likelihood(theta: float, y: np.ndarray) -> float:
    """Return the largest log likelihood of an excess for `theta`.

    It is -inf where the shape is too small.
    """
    if theta == 0.0:  # An exponential of mean 1.
        return -1.0
    if theta * y.max() <= -1.0:
        return -math.inf
    shape = _shape(theta, y)
    return -math.inf if shape < LEAST_SHAPE else -(math.log(shape / theta) + shape + 1.0)
