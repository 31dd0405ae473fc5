"""The Student t distribution, for data with outliers."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.distributions import special
from keras_vae.distributions.base import LOG_2PI, Distribution, Tensor, inside, next_seed, tensor

LOG_SCALE_RANGE = (-15.0, 15.0)
LOG_FREEDOM_RANGE = (-2.0, 12.0)


class StudentT(Distribution):
    """Independent Student t distributions: Gaussians with heavier tails.

    With many degrees of freedom it is a Gaussian, with one a Cauchy distribution. In SciPy it is
    `t(exp(log_freedom), mean, exp(log_scale))`. The first `fit` starts the scale as in
    `NormalPerElement`.

    Example:
        >>> zeros = np.zeros((1, 1))
        >>> p = keras_vae.distributions.StudentT(zeros, zeros, zeros)  # Cauchy
        >>> np.round(p.log_prob(zeros), 3)  # -log(pi)
        array([-1.145], dtype=float32)

    Args:
        mean: Centers, `(batch, ...)`. With one degree of freedom or less there is no other mean.
        log_scale: Logarithms of the scales, of the same shape, clipped to `LOG_SCALE_RANGE`.
        log_freedom: Logarithms of the degrees of freedom, clipped to `LOG_FREEDOM_RANGE`.
    """

    heads = 3
    scales = ("log_scale",)

    @classmethod
    def log_scale_of(cls, deviation: float) -> float:
        """Return the log scale at a standard deviation, above 0, in data units."""
        return inside(math.log(deviation), LOG_SCALE_RANGE)

    def __init__(self, mean: Tensor, log_scale: Tensor, log_freedom: Tensor) -> None:
        self._mean = tensor(mean)
        self.log_scale = ops.clip(tensor(log_scale), *LOG_SCALE_RANGE)
        self.log_freedom = ops.clip(tensor(log_freedom), *LOG_FREEDOM_RANGE)

    @property
    def mean(self) -> Tensor:
        """Center, shape `(batch, ...)`."""
        return self._mean

    def sample(self, seed: Any = None) -> Tensor:
        """Sample once for each row, `(batch, ...)`: a Gaussian over the root of a gamma."""
        size, half = ops.shape(self.mean), 0.5 * ops.exp(self.log_freedom)
        precision = keras.random.gamma(size, ops.broadcast_to(half, size), "float32", seed) / half
        noise = keras.random.normal(size, dtype="float32", seed=next_seed(seed))
        return self.mean + ops.exp(self.log_scale) * noise / ops.sqrt(ops.maximum(precision, 1e-30))

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of each element of `x`, `(batch, ...)`, in nats."""
        half = 0.5 * ops.exp(self.log_freedom)
        # log(Gamma(half + 1/2) / (Gamma(half) sqrt(half))): the logarithms of both cancel.
        height = half * special.log1p(0.5 / half) - 0.5
        height = height + special.stirling(half + 0.5) - special.stirling(half)
        # log(1 + z^2 / freedom), also where z^2 has no float32.
        log_distance = ops.log(ops.abs(x - self.mean) + 1e-30) - self.log_scale
        log_ratio = 2.0 * log_distance - self.log_freedom
        tails = (half + 0.5) * special.softplus(log_ratio)
        return height - 0.5 * LOG_2PI - self.log_scale - tails
