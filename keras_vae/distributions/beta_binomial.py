"""The beta-binomial distribution, of counts of successes."""

import math
import re
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.distributions import special
from keras_vae.distributions.base import Distribution, Tensor, next_seed, tensor
from keras_vae.distributions.counts import log_negative_binomial
from keras_vae.errors import UsageError
from keras_vae.validation import arguments, precision

LOG_CONCENTRATION_RANGE = (-10.0, 10.0)


class BetaBinomial(Distribution):
    """Independent counts of successes in `trials`, with a chance from a beta distribution.

    The classes of other numbers of trials are those of `BetaBinomial.of(trials)`, or of names such
    as "beta_binomial_20". Without a number it is 255, as of 8-bit gray levels. In SciPy it is
    `betabinom(trials, alpha, beta)`.

    Example:
        >>> family = keras_vae.distributions.BetaBinomial.of(10)
        >>> p = family(np.zeros((1, 1)), np.zeros((1, 1)))
        >>> np.round(np.exp(p.log_prob(np.array([[3]]))), 4)  # uniform from 0 to 10
        array([0.0909], dtype=float32)

    Args:
        log_alpha: Logarithms of the first parameter of the beta distribution, `(batch, ...)`,
            clipped to `LOG_CONCENTRATION_RANGE`.
        log_beta: Those of the second one.
    """

    heads = 2
    trials = 255
    support = (0.0, 255.0)
    continuous = False
    whole = True

    def __init__(self, log_alpha: Tensor, log_beta: Tensor) -> None:
        self.log_alpha = ops.clip(tensor(log_alpha), *LOG_CONCENTRATION_RANGE)
        self.log_beta = ops.clip(tensor(log_beta), *LOG_CONCENTRATION_RANGE)

    @classmethod
    def of(cls, trials: int) -> type["BetaBinomial"]:
        """Return the class of counts from 0 to `trials`, which saved models find by its name.

        Raises:
            ValueError: If `trials` is below 1, or float32 cannot hold it.
        """
        trials = arguments.integer("trials", trials)
        if precision.is_rounded(np.array([trials], object)).any():
            raise UsageError(
                f"Expected a number of trials that float32 can hold. Received: trials={trials}. "
                "(Divide counts and trials first.)"
            )
        values = {"trials": trials, "support": (0.0, float(trials))}
        return type(f"BetaBinomial_{trials}", (BetaBinomial,), values)

    @classmethod
    def from_name(cls, name: str) -> type["BetaBinomial"] | None:
        """Return the class of a name such as "beta_binomial_20"; None for another name."""
        found = re.fullmatch(r"(?:beta_binomial|BetaBinomial)_([1-9]\d*)", name)
        return cls.of(int(found[1])) if found else None

    @property
    def log_chance(self) -> Tensor:
        """Logarithm of the mean chance of a success, `(batch, ...)`."""
        return -special.softplus(self.log_beta - self.log_alpha)

    @property
    def mean(self) -> Tensor:
        """Expected count, `(batch, ...)`."""
        return self.trials * ops.exp(self.log_chance)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample counts, `(batch, ...)`."""
        shape = ops.shape(self.log_alpha)
        chance = keras.random.beta(
            shape, ops.exp(self.log_alpha), ops.exp(self.log_beta), "float32", seed
        )
        # Chances that rounding or tiny parameters take out of [0, 1] are those of its ends.
        chance = ops.clip(ops.where(ops.isnan(chance), 0.5, chance), 0.0, 1.0)
        trials = ops.full(shape, float(self.trials), "float32")
        return keras.random.binomial(shape, trials, chance, "float32", next_seed(seed))

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log probability of each count in `x`, `(batch, ...)`, in nats.

        Given their sum, two negative binomials of one chance have a beta-binomial share. The
        chance is free: that at which the sum has the mean `trials`.
        """
        log_trials = math.log(self.trials)
        failures = -special.softplus(self.log_alpha - self.log_beta)
        both = self.log_alpha + special.softplus(self.log_beta - self.log_alpha)
        trials = ops.full_like(both, float(self.trials))
        return (
            log_negative_binomial(x, log_trials + self.log_chance, self.log_alpha)
            + log_negative_binomial(self.trials - x, log_trials + failures, self.log_beta)
            - log_negative_binomial(trials, ops.full_like(both, log_trials), both)
        )
