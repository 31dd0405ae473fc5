"""Distributions over one event for each row of a batch.

One rule of shapes: axis 0 is the batch and every other axis is the event, so `log_prob` and `kl`
return shape `(batch,)`, in nats, summed over the event and never averaged over it.
"""

import difflib
import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Tensor = Any  # A tensor of whichever backend runs.

LOG_2PI = math.log(2.0 * math.pi)


def sum_event(x: Tensor) -> Tensor:
    """Sum over every axis but the first: `(batch, ...)` to `(batch,)`."""
    return ops.sum(x, axis=tuple(range(1, len(x.shape))))


def parameters(outputs: Any) -> list[Tensor]:
    """A network's outputs as a flat list of float32: densities are not for half precision."""
    return [ops.cast(x, "float32") for x in keras.tree.flatten(outputs)]


class Distribution:
    """The base of all distributions; arguments are tensors of shape `(batch, ...)`.

    Attributes:
        heads: How many outputs of a decoder this distribution takes.
        shared: Names of trailing arguments that are one trainable number for the whole model.
        support: Lowest and highest value that has a density; data outside are refused.
    """

    heads = 1
    shared: tuple[str, ...] = ()
    support = (-math.inf, math.inf)

    @property
    def mean(self) -> Tensor:
        """Expected value, shape `(batch, ...)`."""
        raise NotImplementedError(f"{type(self).__name__} has no mean.")

    def sample(self, seed: Any = None) -> Tensor:
        """One draw for each row, shape `(batch, ...)`; `seed` is an int or a `SeedGenerator`."""
        raise NotImplementedError(f"{type(self).__name__} cannot be sampled.")

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density or log probability of `x`, shape `(batch,)`, in nats."""
        raise NotImplementedError(f"{type(self).__name__} has no density.")

    def kl(self, other: "Distribution") -> Tensor:
        """KL(self || other) of shape `(batch,)`, in nats, where it has a closed form."""
        raise TypeError(
            f"Expected a pair of distributions whose KL divergence has a closed form. Received: "
            f"{type(self).__name__} and {type(other).__name__}. "
            "Estimate it from samples: mean of self.log_prob(z) - other.log_prob(z)."
        )


class Normal(Distribution):
    """Diagonal Gaussian, of unit variance unless `log_var` says otherwise.

    Args:
        mean: Means, `(batch, ...)`.
        log_var: Log variances, of a shape that broadcasts to that of `mean`; None for zeros.
    """

    def __init__(self, mean: Tensor, log_var: Tensor | None = None) -> None:
        self._mean = mean
        self.log_var = ops.zeros_like(mean) if log_var is None else log_var

    @property
    def mean(self) -> Tensor:
        """Expected value, shape `(batch, ...)`."""
        return self._mean

    def sample(self, seed: Any = None) -> Tensor:
        """The reparameterized draw, mean + sigma * noise (Kingma & Welling 2014, equation 10)."""
        noise = keras.random.normal(ops.shape(self.mean), dtype="float32", seed=seed)
        return self.mean + ops.exp(0.5 * self.log_var) * noise

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density of `x`, shape `(batch,)`, in nats."""
        squared = ops.square(x - self.mean) * ops.exp(-self.log_var)
        return -0.5 * sum_event(squared + self.log_var + LOG_2PI)

    def kl(self, other: Distribution) -> Tensor:
        """KL(self || other), both diagonal Gaussians (Kingma & Welling 2014, appendix B)."""
        if not isinstance(other, Normal):
            return super().kl(other)
        log_ratio = self.log_var - other.log_var
        squared = ops.square(self.mean - other.mean) * ops.exp(-other.log_var)
        return 0.5 * sum_event(ops.exp(log_ratio) + squared - 1.0 - log_ratio)


class NormalPerElement(Normal):
    """Gaussian whose decoder gives a mean and a log variance for each element."""

    heads = 2


class NormalLearnedScale(Normal):
    """Gaussian with one learned variance for all elements: sigma-VAE (Rybkin et al. 2021).

    The shared argument `log_var` is a trainable number of the model, in log squared data units.
    """

    shared = ("log_var",)


class Laplace(Distribution):
    """Independent Laplace distributions, of unit scale unless `log_scale` says otherwise.

    Args:
        mean: Locations, `(batch, ...)`.
        log_scale: Log scales, of a shape that broadcasts to that of `mean`; None for zeros.
    """

    def __init__(self, mean: Tensor, log_scale: Tensor | None = None) -> None:
        self._mean = mean
        self.log_scale = ops.zeros_like(mean) if log_scale is None else log_scale

    @property
    def mean(self) -> Tensor:
        """Expected value, shape `(batch, ...)`."""
        return self._mean

    def sample(self, seed: Any = None) -> Tensor:
        """The quantile function at uniform noise."""
        u = keras.random.uniform(
            ops.shape(self.mean), -0.5 + 1e-7, 0.5, dtype="float32", seed=seed
        )
        scale = ops.exp(self.log_scale)
        return self.mean - scale * ops.sign(u) * ops.log1p(-2.0 * ops.abs(u))

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density of `x`, shape `(batch,)`, in nats."""
        distance = ops.abs(x - self.mean) * ops.exp(-self.log_scale)
        return -sum_event(distance + self.log_scale + math.log(2.0))

    def kl(self, other: Distribution) -> Tensor:
        """KL(self || other), both Laplace."""
        if not isinstance(other, Laplace):
            return super().kl(other)
        log_ratio = self.log_scale - other.log_scale
        gap = ops.abs(self.mean - other.mean)
        near = ops.exp(log_ratio - gap * ops.exp(-self.log_scale))
        return sum_event(gap * ops.exp(-other.log_scale) + near - log_ratio - 1.0)


class Bernoulli(Distribution):
    """Independent coins.

    On grey levels in [0, 1] `log_prob` is minus the cross entropy, a bound that is not normalized.

    Args:
        logits: Log odds of a one, `(batch, ...)`.
    """

    support = (0.0, 1.0)

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    @property
    def mean(self) -> Tensor:
        """Probability of a one, shape `(batch, ...)`."""
        return ops.sigmoid(self.logits)

    def sample(self, seed: Any = None) -> Tensor:
        """Zeros and ones of the shape of `logits`."""
        u = keras.random.uniform(ops.shape(self.logits), dtype="float32", seed=seed)
        return ops.cast(u < self.mean, "float32")

    def log_prob(self, x: Tensor) -> Tensor:
        """Log probability of `x` in [0, 1], shape `(batch,)`, in nats."""
        return sum_event(x * self.logits - ops.softplus(self.logits))

    def kl(self, other: Distribution) -> Tensor:
        """KL(self || other), both Bernoulli."""
        if not isinstance(other, Bernoulli):
            return super().kl(other)
        gap = self.logits - other.logits
        return sum_event(
            self.mean * gap - ops.softplus(self.logits) + ops.softplus(other.logits)
        )


FAMILIES: dict[str, type[Distribution]] = {
    "bernoulli": Bernoulli,
    "laplace": Laplace,
    "normal": Normal,
    "normal_learned_scale": NormalLearnedScale,
    "normal_per_element": NormalPerElement,
}


def get(identifier: str | Callable[..., Distribution]) -> Any:
    """The distribution class of a name; a class is given back as it is.

    Raises:
        ValueError: If no distribution has that name.
    """
    if isinstance(identifier, type) and issubclass(identifier, Distribution):
        return identifier
    if isinstance(identifier, str) and identifier in FAMILIES:
        return FAMILIES[identifier]
    near = difflib.get_close_matches(str(identifier), FAMILIES, n=1)
    raise ValueError(
        f"Expected the name of a distribution, one of {sorted(FAMILIES)}, or a subclass of "
        f"keras_vae.distributions.Distribution. Received: {identifier!r}."
        + (f" (Did you mean {near[0]!r}?)" if near else "")
    )
