"""What every distribution has, and the one rule of shapes."""

import math
from typing import Any

import keras
from keras import ops

Tensor = Any  # A tensor of whichever backend runs.


def tensor(x: Any) -> Tensor:
    """`x`, an array or a tensor, as a float32 tensor."""
    return ops.convert_to_tensor(x, dtype="float32")


def sum_event(x: Tensor) -> Tensor:
    """Sum over every axis but the first: `(batch, ...)` to `(batch,)`."""
    return ops.sum(x, axis=tuple(range(1, len(x.shape))))


def parameters(outputs: Any) -> list[Tensor]:
    """A network's outputs as a flat list of float32: densities are not for half precision."""
    return [tensor(x) for x in keras.tree.flatten(outputs)]


class Distribution:
    """The base of all distributions; arguments are tensors or arrays of shape `(batch, ...)`.

    A subclass takes the outputs of a decoder, then its shared parameters, as positional arguments,
    and defines `mean`, `sample`, `element_log_prob` and, where it has a closed form, `kl`.

    Attributes:
        heads: How many outputs of a decoder this distribution takes.
        shared: Names of trailing arguments that are one trainable number for the whole model.
        support: Lowest and highest value that has a density; data outside are refused.
    """

    heads = 1
    shared: tuple[str, ...] = ()
    support = (-math.inf, math.inf)

    @classmethod
    def accepts(cls, count: int) -> bool:
        """Whether a decoder with `count` outputs fits."""
        return count == cls.heads

    @property
    def mean(self) -> Tensor:
        """Expected value, shape `(batch, ...)`."""
        raise NotImplementedError(f"{type(self).__name__} has no mean.")

    def sample(self, seed: Any = None) -> Tensor:
        """One draw for each row, shape `(batch, ...)`; `seed` is an int or a `SeedGenerator`."""
        raise NotImplementedError(f"{type(self).__name__} cannot be sampled.")

    def from_noise(self, noise: Tensor) -> Tensor:
        """The draw that standard normal `noise` is turned into, where there is such a way."""
        raise TypeError(
            "Expected a distribution that turns standard normal noise into draws, "
            f"from_noise(noise). Received: {type(self).__name__}."
        )

    def from_noise_with_log_prob(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """`from_noise(noise)` and its log density, `(batch,)`, which may cost less than twice."""
        z = self.from_noise(noise)
        return z, self.log_prob(z)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density or log probability of `x`, shape `(batch,)`, in nats: a sum, not a mean."""
        return sum_event(self.element_log_prob(tensor(x)))

    def element_log_prob(self, x: Tensor) -> Tensor:
        """The summands of `log_prob`, `(batch, ...)`, in nats."""
        raise NotImplementedError(f"{type(self).__name__} has no density.")

    def kl(self, other: "Distribution") -> Tensor:
        """KL(self || other) of shape `(batch,)`, in nats, where it has a closed form."""
        raise TypeError(
            f"Expected a pair of distributions whose KL divergence has a closed form. Received: "
            f"{type(self).__name__} and {type(other).__name__}. "
            "(Estimate it from samples: the mean of self.log_prob(z) - other.log_prob(z).)"
        )
