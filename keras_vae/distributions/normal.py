"""Gaussians of three kinds of variance: fixed or given, one for all elements, one for each."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.distributions.base import (
    LOG_2PI,
    Distribution,
    Tensor,
    clip,
    inside,
    sum_event,
    tensor,
)

# Beyond these exp() of a log variance overflows or vanishes in float32, and training turns to NaN.
LOG_VAR_RANGE = (-30.0, 20.0)


class Normal(Distribution):
    """Diagonal Gaussian, of unit variance if `log_var` is None.

    Example:
        >>> p = keras_vae.distributions.Normal(np.zeros((1, 2)))
        >>> np.round(p.log_prob(np.zeros((1, 2))), 3)  # -log(2 * pi)
        array([-1.838], dtype=float32)
        >>> q = keras_vae.distributions.Normal(np.ones((1, 2)))
        >>> np.round(q.kl(p), 3)
        array([1.], dtype=float32)

    Args:
        mean: Means, `(batch, ...)`.
        log_var: Log variances, of a shape that broadcasts to that of `mean`, clipped to
            `LOG_VAR_RANGE`; None for zeros.
    """

    scales = ("log_var",)

    @classmethod
    def log_scale_of(cls, deviation: float) -> float:
        """Return the log variance at a standard deviation, above 0, in data units."""
        return inside(2.0 * math.log(deviation), LOG_VAR_RANGE)

    def __init__(self, mean: Tensor, log_var: Tensor | None = None) -> None:
        self._mean = tensor(mean)
        self._log_var = None if log_var is None else clip(tensor(log_var), LOG_VAR_RANGE)

    @property
    def log_var(self) -> Tensor:
        """Log variances, of a shape that broadcasts to that of `mean`."""
        return ops.zeros_like(self._mean) if self._log_var is None else self._log_var

    @property
    def mean(self) -> Tensor:
        """Expected value, shape `(batch, ...)`."""
        return self._mean

    def sample(self, seed: Any = None) -> Tensor:
        """Sample mean + sigma * noise (Kingma & Welling 2014, equation 10), `(batch, ...)`."""
        return self.from_noise(self.noise(seed))

    def noise(self, seed: Any = None) -> Tensor:
        """Sample standard normals of the shape of `mean`, as `from_noise` takes them."""
        return keras.random.normal(ops.shape(self.mean), dtype="float32", seed=seed)

    def from_noise(self, noise: Tensor) -> Tensor:
        """Transform standard normal `noise`, of the shape of `mean`, to samples."""
        return self.mean + ops.exp(0.5 * self.log_var) * noise

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of each element of `x`, `(batch, ...)`, in nats."""
        log_var = self.log_var
        squared = ops.square(x - self.mean) * ops.exp(-log_var)
        return -0.5 * (squared + log_var + LOG_2PI)

    def kl(self, other: Distribution) -> Tensor:
        """Return KL(self || other), both diagonal Gaussians, `(batch,)`, in nats.

        Source: Kingma & Welling 2014, appendix B.
        """
        if not isinstance(other, Normal):
            return super().kl(other)
        return sum_event(self.element_kl(other))

    def element_kl(self, other: "Normal") -> Tensor:
        """Return KL(self || other) of each element, in the common shape of both, in nats."""
        other_log_var = other.log_var
        log_ratio = self.log_var - other_log_var
        squared = ops.square(self.mean - other.mean) * ops.exp(-other_log_var)
        return 0.5 * (ops.exp(log_ratio) + squared - 1.0 - log_ratio)


class NormalPerElement(Normal):
    """A Gaussian whose decoder returns a mean and a log variance for each element.

    The first `fit` starts the log variance at that of the data. For this, the decoder must end in a
    dense layer or a convolution with a bias, as those of `keras_vae.nets` do.

    Example:
        >>> networks = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2, decoder_heads=2)
        >>> model = keras_vae.VAE(*networks, likelihood="normal_per_element")
    """

    heads = 2


class NormalLearnedScale(Normal):
    """A Gaussian with one learned variance for all elements: sigma-VAE (Rybkin et al. 2021).

    The shared argument `log_var` is a trainable number of the model, in log squared data units. The
    first `fit` starts it at the variance of the data around the mean of each element.

    Example:
        >>> model = keras_vae.VAE(encoder, decoder, likelihood="normal_learned_scale")
    """

    shared = ("log_var",)
