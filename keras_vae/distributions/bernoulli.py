"""Distributions of values in [0, 1] with one logit each: Bernoulli and continuous Bernoulli."""

from typing import Any

import keras
from keras import ops

from keras_vae.distributions.base import Distribution, Tensor, sum_event, tensor
from keras_vae.distributions.special import langevin, log_sinhc, softplus


class Bernoulli(Distribution):
    """Independent Bernoulli variables.

    On gray levels in [0, 1] `log_prob` is minus the cross entropy, which is not a normalized
    density. `ContinuousBernoulli` is the normalized density of the same form.

    Example:
        >>> p = keras_vae.distributions.Bernoulli(np.zeros((1, 2)))
        >>> np.round(p.log_prob(np.ones((1, 2))), 3)  # 2 * log(0.5)
        array([-1.386], dtype=float32)

    Args:
        logits: Log odds of a one, `(batch, ...)`.
    """

    support = (0.0, 1.0)
    continuous = False

    def __init__(self, logits: Tensor) -> None:
        self.logits = tensor(logits)

    @property
    def mean(self) -> Tensor:
        """Probability of a one, shape `(batch, ...)`."""
        return ops.sigmoid(self.logits)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample zeros and ones of the shape of `logits`."""
        u = keras.random.uniform(ops.shape(self.logits), dtype="float32", seed=seed)
        return ops.cast(u < self.mean, "float32")

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log probability of each element of `x` in [0, 1], `(batch, ...)`, in nats."""
        return x * self.logits - softplus(self.logits)

    def kl(self, other: Distribution) -> Tensor:
        """Return KL(self || other), both Bernoulli, `(batch,)`, in nats."""
        if not isinstance(other, Bernoulli):
            return super().kl(other)
        gap = self.logits - other.logits
        return sum_event(self.mean * gap - softplus(self.logits) + softplus(other.logits))


class ContinuousBernoulli(Distribution):
    """Independent densities on [0, 1] proportional to exp(logit * x), normalized cross entropy.

    Its usual parameter lambda is the sigmoid of the logit, and log C(lambda) its usual normalizer
    (Loaiza-Ganem & Cunningham 2019, arXiv:1907.06845). Centered on 1/2, the density is
    exp(logit * (x - 1/2)) / sinhc(logit / 2) with sinhc(u) = sinh(u) / u. No large terms cancel in
    this form.

    Example:
        >>> p = keras_vae.distributions.ContinuousBernoulli(np.zeros((1, 2)))
        >>> np.round(p.log_prob(np.full((1, 2), 0.3)), 3)  # the uniform density
        array([0.], dtype=float32)

    Args:
        logits: `(batch, ...)`; 0 is the uniform density.
    """

    support = (0.0, 1.0)

    def __init__(self, logits: Tensor) -> None:
        self.logits = tensor(logits)

    @property
    def mean(self) -> Tensor:
        """Expected value, shape `(batch, ...)`: nearer to 1/2 than the sigmoid of the logits."""
        return 0.5 + 0.5 * langevin(0.5 * self.logits)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample by the quantile function at uniform noise (reparameterized), `(batch, ...)`."""
        u = keras.random.uniform(ops.shape(self.logits), dtype="float32", seed=seed)
        size = ops.abs(self.logits)
        safe = ops.maximum(size, 1e-3)  # Below, the quantile function is the identity to 1e-3.
        x = ops.where(size < 1e-3, u, -ops.log1p(u * ops.expm1(-safe)) / safe)
        return ops.where(self.logits > 0.0, 1.0 - x, x)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of each element of `x` in [0, 1], `(batch, ...)`, in nats."""
        return self.logits * (x - 0.5) - log_sinhc(0.5 * self.logits)

    def kl(self, other: Distribution) -> Tensor:
        """Return KL(self || other), both continuous Bernoulli, `(batch,)`, in nats."""
        if not isinstance(other, ContinuousBernoulli):
            return super().kl(other)
        gap = (self.logits - other.logits) * (self.mean - 0.5)
        return sum_event(gap - log_sinhc(0.5 * self.logits) + log_sinhc(0.5 * other.logits))
