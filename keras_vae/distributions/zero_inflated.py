"""Distributions of counts with additional zeros."""

from typing import Any

import keras
from keras import ops

from keras_vae.distributions import special
from keras_vae.distributions.base import Tensor, next_seed, tensor
from keras_vae.distributions.counts import Counts, NegativeBinomial, Poisson


class ZeroInflated(Counts):
    """Base class of counts that are 0 with a chance of their own, beside those of `counts`.

    Attributes:
        counts: The class of the other counts, whose arguments come first.
    """

    counts: type[Counts]

    def __init__(self, *outputs: Tensor) -> None:
        *others, zero_logits = outputs
        self.base, self.zero_logits = self.counts(*others), tensor(zero_logits)

    @property
    def mean(self) -> Tensor:
        """Expected count, `(batch, ...)`."""
        return ops.sigmoid(-self.zero_logits) * self.base.mean

    def sample(self, seed: Any = None) -> Tensor:
        """Sample counts, `(batch, ...)`."""
        u = keras.random.uniform(ops.shape(self.zero_logits), dtype="float32", seed=seed)
        counts = self.base.sample(next_seed(seed))
        return ops.where(u < ops.sigmoid(self.zero_logits), ops.zeros_like(counts), counts)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log probability of each count in `x`, `(batch, ...)`, in nats."""
        others = self.base.element_log_prob(x)
        # log(exp(a) + exp(b)) as a + log(1 + exp(b - a)).
        zero = self.zero_logits + special.softplus(others - self.zero_logits)
        return ops.where(x > 0.0, others, zero) - special.softplus(self.zero_logits)


class ZeroInflatedPoisson(ZeroInflated):
    """Independent counts: 0 by chance, or Poisson.

    Example:
        >>> p = keras_vae.distributions.ZeroInflatedPoisson(np.log([[2.0]]), np.zeros((1, 1)))
        >>> np.round(np.exp(p.log_prob(np.zeros((1, 1)))), 4)  # (1 + exp(-2)) / 2
        array([0.5677], dtype=float32)

    Args:
        log_rate: As in `Poisson`.
        zero_logits: Log odds of a zero that is none of the Poisson counts, of the same shape.
    """

    heads = 2
    counts = Poisson

    def __init__(self, log_rate: Tensor, zero_logits: Tensor) -> None:
        super().__init__(log_rate, zero_logits)


class ZeroInflatedNegativeBinomial(ZeroInflated):
    """Independent counts: 0 by chance, or negative binomial, as of molecules in single cells.

    Source: Lopez et al. 2018, "Deep generative modeling for single-cell transcriptomics".

    Example:
        >>> zeros = np.zeros((1, 1))
        >>> p = keras_vae.distributions.ZeroInflatedNegativeBinomial(zeros, zeros, zeros)
        >>> np.round(np.exp(p.log_prob(zeros)), 4)  # (1 + 1/2) / 2
        array([0.75], dtype=float32)

    Args:
        log_mean: As in `NegativeBinomial`.
        log_dispersion: As in `NegativeBinomial`.
        zero_logits: Log odds of a zero that is none of the other counts, of the same shape.
    """

    heads = 3
    counts = NegativeBinomial

    def __init__(self, log_mean: Tensor, log_dispersion: Tensor, zero_logits: Tensor) -> None:
        super().__init__(log_mean, log_dispersion, zero_logits)
