"""The Laplace distribution, whose log density is the absolute error."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.distributions.base import Distribution, Tensor, sum_event, tensor


class Laplace(Distribution):
    """Independent Laplace distributions, of unit scale unless `log_scale` says otherwise.

    Example:
        >>> p = keras_vae.distributions.Laplace(np.zeros((1, 2)))
        >>> np.round(p.log_prob(np.zeros((1, 2))), 3)
        array([-1.386], dtype=float32)

    Args:
        mean: Locations, `(batch, ...)`.
        log_scale: Log scales, of a shape that broadcasts to that of `mean`; None for zeros.
    """

    def __init__(self, mean: Tensor, log_scale: Tensor | None = None) -> None:
        self._mean = tensor(mean)
        self.log_scale = ops.zeros_like(self._mean) if log_scale is None else tensor(log_scale)

    @property
    def mean(self) -> Tensor:
        """Expected value, shape `(batch, ...)`."""
        return self._mean

    def sample(self, seed: Any = None) -> Tensor:
        """Sample by the quantile function at uniform noise (reparameterized), `(batch, ...)`."""
        u = keras.random.uniform(ops.shape(self.mean), -0.5 + 1e-7, 0.5, dtype="float32", seed=seed)
        scale = ops.exp(self.log_scale)
        return self.mean - scale * ops.sign(u) * ops.log1p(-2.0 * ops.abs(u))

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of each element of `x`, `(batch, ...)`, in nats."""
        distance = ops.abs(x - self.mean) * ops.exp(-self.log_scale)
        return -(distance + self.log_scale + math.log(2.0))

    def kl(self, other: Distribution) -> Tensor:
        """Return KL(self || other), both Laplace, `(batch,)`, in nats."""
        if not isinstance(other, Laplace):
            return super().kl(other)
        log_ratio = self.log_scale - other.log_scale
        gap = ops.abs(self.mean - other.mean)
        near = ops.exp(log_ratio - gap * ops.exp(-self.log_scale))
        return sum_event(gap * ops.exp(-other.log_scale) + near - log_ratio - 1.0)
