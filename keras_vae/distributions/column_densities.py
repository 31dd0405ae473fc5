"""The distributions of the columns of tables, by kind: many columns of one kind at once."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.distributions import choices, special
from keras_vae.distributions.base import Distribution, Tensor, tensor
from keras_vae.distributions.counts import NegativeBinomial
from keras_vae.distributions.normal import Normal
from keras_vae.distributions.positive import SMALLEST, LogNormal

# Least variance of a number given the code, in units of that of its column. Without one, a value
# that many rows share, such as 0, has a density without a limit.
LOG_LEAST_VARIANCE = math.log(1e-4)
# Least distance of two thresholds of an ordinal column, in logits.
LEAST_STEP = 1e-3


class Classes(Distribution):
    """Independent classes at each place of the event, as indices 0, 1, 2, ....

    Args:
        logits: Unnormalized log probabilities, `(batch, ..., classes)`.
    """

    continuous = False

    def __init__(self, logits: Tensor) -> None:
        self.logits = tensor(logits)

    @property
    def mean(self) -> Tensor:
        """Most probable class, float32 `(batch, ...)`."""
        return ops.cast(choices.most_likely(self.logits), "float32")

    def sample(self, seed: Any = None) -> Tensor:
        """Sample classes, float32 `(batch, ...)`."""
        uniform = keras.random.uniform(ops.shape(self.logits)[:-1], dtype="float32", seed=seed)
        return ops.cast(choices.by_uniform(self.logits, uniform), "float32")

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log probability of each class, `(batch, ...)`, in nats.

        It is that of the smallest float32 for a number that is no class, so scores stay finite.
        """
        known = ops.logical_and(x >= 0.0, x < float(self.logits.shape[-1]))
        found = choices.log_prob(self.logits, ops.cast(ops.where(known, x, 0.0), "int32"))
        return ops.where(known, found, math.log(SMALLEST))


def mean_of_mixtures(density: Distribution, weights: Tensor) -> Tensor:
    """Return expected numbers, or most probable classes, of mixtures, `(rows, columns)`.

    Args:
        density: Over `(rows * components, columns)`, the components of a mixture together.
        weights: `(rows, components)`, with a sum of 1 in each row.
    """

    def average(x: Tensor) -> Tensor:
        parts = ops.reshape(x, (-1, weights.shape[1], *x.shape[1:]))
        return ops.einsum("rc...,rc->r...", parts, weights)

    if isinstance(density, Classes):
        return Classes(ops.log(average(ops.softmax(density.logits, axis=-1)))).mean
    return average(density.mean)


class Standardized(Distribution):
    """A density of y = (x - shift) / scale, as one of x.

    Args:
        density: Of y, over `(batch, columns)`.
        shift: In units of x, `(columns,)`.
        scale: Likewise, above 0.
    """

    def __init__(self, density: Distribution, shift: Tensor, scale: Tensor) -> None:
        self.density, self.shift, self.scale = density, shift, scale

    @property
    def mean(self) -> Tensor:
        """Expected value, `(batch, columns)`."""
        return self.shift + self.scale * self.density.mean

    def sample(self, seed: Any = None) -> Tensor:
        """Sample once for each row, `(batch, columns)`."""
        return self.shift + self.scale * self.density.sample(seed)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of each number, in nats of x."""
        return self.density.element_log_prob((x - self.shift) / self.scale) - ops.log(self.scale)


def _log_variance(output: Tensor) -> Tensor:
    """Return log(exp(output) + the least variance)."""
    return special.softplus(output - LOG_LEAST_VARIANCE) + LOG_LEAST_VARIANCE


def ordered_logits(outputs: Tensor) -> Tensor:
    """Return log probabilities of ordered classes, `(..., classes)`: cumulative logits.

    P(class <= k) = sigmoid(a_k), with a_0 the first output and a_k - a_(k-1) a softplus of the
    next one (McCullagh 1980, "Regression Models for Ordinal Data").

    Args:
        outputs: `(..., classes - 1)`.
    """
    first, others = outputs[..., :1], outputs[..., 1:]
    none = ops.zeros_like(first)
    if not others.shape[-1]:
        return ops.concatenate([-special.softplus(-first), -special.softplus(first)], axis=-1)
    steps = special.softplus(others) + LEAST_STEP
    cuts = ops.concatenate([first, first + ops.cumsum(steps, axis=-1)], axis=-1)
    below = ops.concatenate([-special.softplus(-cuts), none], axis=-1)
    above = ops.concatenate([none, -special.softplus(cuts)], axis=-1)
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), in which nothing cancels.
    between = ops.concatenate([none, ops.log(1.0 - ops.exp(-steps)), none], axis=-1)
    return below + above + between


def _numeric(outputs: Tensor, shift: Tensor, scale: Tensor) -> Distribution:
    density = Normal(outputs[..., 0], _log_variance(outputs[..., 1]))
    return Standardized(density, shift, scale)


def _positive(outputs: Tensor, shift: Tensor, scale: Tensor) -> Distribution:
    log_scale = ops.log(scale) + 0.5 * _log_variance(outputs[..., 1])
    return LogNormal(shift + scale * outputs[..., 0], log_scale)


def _count(outputs: Tensor, shift: Tensor, scale: Tensor) -> Distribution:
    return NegativeBinomial(shift + scale * outputs[..., 0], outputs[..., 1])


def _ordinal(outputs: Tensor, shift: Tensor, scale: Tensor) -> Distribution:
    return Classes(ordered_logits(outputs))


def _categorical(outputs: Tensor, shift: Tensor, scale: Tensor) -> Distribution:
    return Classes(outputs)


DENSITIES: dict[str, Callable[[Tensor, Tensor, Tensor], Distribution]] = {
    "numeric": _numeric,
    "date": _numeric,
    "positive": _positive,
    "count": _count,
    "ordinal": _ordinal,
    "categorical": _categorical,
    "boolean": _categorical,
}
