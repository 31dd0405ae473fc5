"""Distributions of counts, of any size: Poisson and negative binomial.

Log probabilities of counts are small differences of large log Gammas. They are computed as a
deviance and corrections to Stirling's formula, in which nothing cancels (Loader 2000, "Fast and
Accurate Computation of Binomial Probabilities"). So float32 is enough for counts of a million.
"""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.distributions import special
from keras_vae.distributions.base import (
    LOG_2PI,
    Distribution,
    Tensor,
    next_seed,
    sum_event,
    tensor,
)
from keras_vae.distributions.rejection import first_accepted

# Beyond these, rates and sizes are no longer told apart in float32. The gradient is 0 outside.
LOG_MEAN_RANGE = (-15.0, 20.0)
LOG_DISPERSION_RANGE = (-15.0, 15.0)

# Below this rate, events of a Poisson process are counted one by one, at most `EVENTS` of them.
FEW, EVENTS = 10.0, 64


class Counts(Distribution):
    """Base class of distributions of 0, 1, 2, ..., whose encoder sees log(1 + x)."""

    support = (0.0, math.inf)
    continuous = False
    whole = True
    encodes_log = True


class Poisson(Counts):
    """Independent Poisson counts: events at a constant rate, with a variance equal to the mean.

    The log probability of one count is x * log_rate - exp(log_rate) - log(x!).

    Example:
        >>> p = keras_vae.distributions.Poisson(np.log([[2.0, 5.0]]))
        >>> np.round(p.log_prob(np.array([[2, 5]])), 3)  # log(0.2707) + log(0.1755)
        array([-3.047], dtype=float32)

    Args:
        log_rate: Logarithms of the means, `(batch, ...)`, clipped to `LOG_MEAN_RANGE`.
    """

    def __init__(self, log_rate: Tensor) -> None:
        self.log_rate = ops.clip(tensor(log_rate), *LOG_MEAN_RANGE)

    @property
    def mean(self) -> Tensor:
        """Expected count, `(batch, ...)`."""
        return ops.exp(self.log_rate)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample counts, `(batch, ...)`."""
        return _sample_poisson(self.mean, seed)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log probability of each count in `x`, `(batch, ...)`, in nats."""
        some = ops.maximum(x, 1.0)
        deviance = some * special.excess(special.log_ratio(some, self.mean))
        positive = -deviance - 0.5 * (LOG_2PI + ops.log(some)) - special.stirling(some)
        return ops.where(x > 0.0, positive, -self.mean)

    def kl(self, other: Distribution) -> Tensor:
        """Return KL(self || other), both Poisson, `(batch,)`, in nats."""
        if not isinstance(other, Poisson):
            return super().kl(other)
        return sum_event(self.mean * special.excess(self.log_rate - other.log_rate))


class NegativeBinomial(Counts):
    """Independent negative binomial counts, whose variance is mean + dispersion * mean^2.

    It is a Poisson count whose rate is drawn from a gamma distribution of shape 1 / dispersion. A
    dispersion of 0 would be the Poisson distribution. In SciPy it is `nbinom(n, p)` with
    n = 1 / dispersion and p = n / (n + mean).

    Example:
        >>> p = keras_vae.distributions.NegativeBinomial(np.log([[5.0]]), np.log([[0.5]]))
        >>> np.round(p.log_prob(np.array([[5]])), 3)
        array([-2.396], dtype=float32)

    Args:
        log_mean: Logarithms of the means, `(batch, ...)`, clipped to `LOG_MEAN_RANGE`.
        log_dispersion: Logarithms of the dispersions, of the same shape, clipped to
            `LOG_DISPERSION_RANGE`.
    """

    heads = 2

    def __init__(self, log_mean: Tensor, log_dispersion: Tensor) -> None:
        self.log_mean = ops.clip(tensor(log_mean), *LOG_MEAN_RANGE)
        self.log_dispersion = ops.clip(tensor(log_dispersion), *LOG_DISPERSION_RANGE)

    @property
    def mean(self) -> Tensor:
        """Expected count, `(batch, ...)`."""
        return ops.exp(self.log_mean)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample counts, `(batch, ...)`: Poisson, at rates from a gamma distribution."""
        shape = ops.exp(-self.log_dispersion)
        size = ops.shape(self.log_mean)
        rates = keras.random.gamma(size, ops.broadcast_to(shape, size), "float32", seed)
        return _sample_poisson(
            rates * ops.exp(self.log_mean + self.log_dispersion), next_seed(seed)
        )

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log probability of each count in `x`, `(batch, ...)`, in nats."""
        return log_negative_binomial(x, self.log_mean, -self.log_dispersion)


def log_negative_binomial(x: Tensor, log_mean: Tensor, log_size: Tensor) -> Tensor:
    """Return the log probability of counts, elementwise, in nats.

    Args:
        x: Counts.
        log_mean: Logarithms of the means.
        log_size: Logarithms of the sizes, 1 / dispersion.
    """
    mean, size = ops.exp(log_mean), ops.exp(log_size)
    some = ops.maximum(x, 1.0)
    total = some + size
    shared = special.log_ratio(size + mean, total)
    deviance = size * special.excess(shared)
    deviance = deviance + some * special.excess(special.log_ratio(some, mean) + shared)
    corrections = special.stirling(total) - special.stirling(some) - special.stirling(size)
    spread = 0.5 * (log_size - ops.log(total) - ops.log(some) - LOG_2PI)
    zero = -size * special.log1p(ops.exp(log_mean - log_size))
    return ops.where(x > 0.0, corrections + spread - deviance, zero)


def _sample_poisson(rates: Tensor, seed: Any) -> Tensor:
    """Sample a Poisson count for each rate.

    Small rates by the arrivals of the process; others by transformed rejection (Hoermann 1993, "The
    transformed rejection method for generating Poisson random variables", algorithm PTRS).
    """
    shape = ops.shape(rates)
    u = keras.random.uniform((EVENTS, *shape), 1e-7, 1.0, dtype="float32", seed=seed)
    arrivals = ops.cumsum(-ops.log(u), axis=0)
    few = ops.sum(ops.cast(arrivals < rates, "float32"), axis=0)
    large = ops.maximum(rates, FEW)
    width = 0.931 + 2.53 * ops.sqrt(large)
    slope = -0.059 + 0.02483 * width
    log_height = ops.log(1.1239 + 1.1328 / (width - 3.4))
    density = Poisson(ops.log(large))

    def propose(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        u = u - 0.5
        inner = 0.5 - ops.abs(u)
        count = ops.floor((2.0 * slope / inner + width) * u + large + 0.43)
        bound = ops.log(v) + log_height - ops.log(slope / ops.square(inner) + width)
        chance = density.element_log_prob(ops.maximum(count, 0.0))
        return count, ops.logical_and(count >= 0.0, bound <= chance)

    many = first_accepted(propose, shape, next_seed(seed))
    return ops.where(rates < FEW, few, many)
