"""Distributions of numbers above 0: gamma and log-normal."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.distributions import special
from keras_vae.distributions.base import LOG_2PI, Distribution, Tensor, tensor
from keras_vae.distributions.normal import Normal

SMALLEST = float(np.finfo("float32").tiny)

# Beyond these, float32 has no densities. The gradient is 0 outside.
LOG_RANGE = (-45.0, 45.0)
LOG_SHAPE_RANGE = (-10.0, 15.0)


class Positive(Distribution):
    """Base class of distributions of numbers above 0, whose encoder sees log(1 + x)."""

    support = (SMALLEST, math.inf)
    encodes_log = True


class Gamma(Positive):
    """Independent gamma distributions, whose standard deviation is mean / sqrt(shape).

    In SciPy it is `gamma(shape, scale=mean / shape)`. A shape of 1 is the exponential distribution.

    Example:
        >>> p = keras_vae.distributions.Gamma(np.log([[2.0]]), np.zeros((1, 1)))
        >>> np.round(p.log_prob(np.array([[2.0]])), 3)  # -log(2) - 1
        array([-1.693], dtype=float32)

    Args:
        log_mean: Logarithms of the means, `(batch, ...)`, clipped to `LOG_RANGE`.
        log_shape: Logarithms of the shapes, of the same shape, clipped to `LOG_SHAPE_RANGE`.
    """

    heads = 2

    def __init__(self, log_mean: Tensor, log_shape: Tensor) -> None:
        self.log_mean = ops.clip(tensor(log_mean), *LOG_RANGE)
        self.log_shape = ops.clip(tensor(log_shape), *LOG_SHAPE_RANGE)

    @property
    def mean(self) -> Tensor:
        """Expected value, `(batch, ...)`."""
        return ops.exp(self.log_mean)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample once for each row, `(batch, ...)`, at least the smallest float32 above 0."""
        size = ops.shape(self.log_mean)
        shape = ops.broadcast_to(ops.exp(self.log_shape), size)
        drawn = keras.random.gamma(size, shape, "float32", seed)
        return ops.maximum(drawn * ops.exp(self.log_mean - self.log_shape), SMALLEST)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of each element of `x` above 0, `(batch, ...)`, in nats."""
        shape, x = ops.exp(self.log_shape), ops.maximum(x, SMALLEST)
        height = 0.5 * (self.log_shape - LOG_2PI) - special.stirling(shape) - ops.log(x)
        return height - shape * special.excess(special.log_ratio(self.mean, x))


class LogNormal(Positive):
    """Independent numbers whose logarithms are Gaussian, of unit variance or a given one.

    In SciPy it is `lognorm(exp(log_scale), scale=exp(location))`.

    Example:
        >>> p = keras_vae.distributions.LogNormal(np.zeros((1, 1)), np.zeros((1, 1)))
        >>> np.round(p.log_prob(np.ones((1, 1))), 3)  # -log(2 * pi) / 2
        array([-0.919], dtype=float32)

    Args:
        location: Means of the logarithms, `(batch, ...)`, clipped to `LOG_RANGE`.
        log_scale: Logarithms of their standard deviations, of the same shape, clipped to half of
            `keras_vae.distributions.normal.LOG_VAR_RANGE`.
    """

    heads = 2

    def __init__(self, location: Tensor, log_scale: Tensor) -> None:
        self.logarithm = Normal(ops.clip(tensor(location), *LOG_RANGE), 2.0 * tensor(log_scale))

    @property
    def mean(self) -> Tensor:
        """Expected value, `(batch, ...)`, at most exp(45)."""
        log_mean = self.logarithm.mean + 0.5 * ops.exp(self.logarithm.log_var)
        return ops.exp(ops.minimum(log_mean, LOG_RANGE[1]))

    def sample(self, seed: Any = None) -> Tensor:
        """Sample once for each row, `(batch, ...)` (reparameterized)."""
        drawn = ops.clip(self.logarithm.sample(seed), math.log(SMALLEST), 88.0)
        return ops.maximum(ops.exp(drawn), SMALLEST)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of each element of `x` above 0, `(batch, ...)`, in nats."""
        log_x = ops.log(ops.maximum(x, SMALLEST))
        return self.logarithm.element_log_prob(log_x) - log_x

    def kl(self, other: Distribution) -> Tensor:
        """Return KL(self || other), both log-normal, `(batch,)`, in nats."""
        if not isinstance(other, LogNormal):
            return super().kl(other)
        return self.logarithm.kl(other.logarithm)
