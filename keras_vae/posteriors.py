"""Posteriors that are richer than a diagonal Gaussian."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.distributions import Distribution, Normal, sum_event
from keras_vae.distributions.base import tensor
from keras_vae.flows import Affine
from keras_vae.nets.top_down import TopDown

Tensor = Any


@dataclasses.dataclass(frozen=True, eq=False)
class Descent:
    """One way from the top level to the bottom: the codes that were taken, and from what.

    Attributes:
        codes: Codes of each level, `(batch, *code_shape)`.
        posteriors: q(z_l | x, levels above) of each level, given the codes above it.
        state: What the last level hands to the head of the decoder.
    """

    codes: list[Tensor]
    posteriors: list[Normal]
    state: Tensor

    @property
    def z(self) -> Tensor:
        """All codes in a row, `(batch, elements of all levels)`."""
        return _flat(self.codes)

    @property
    def log_prob(self) -> Tensor:
        """Log q(z | x) of the codes, `(batch,)`, in nats."""
        pairs = zip(self.posteriors, self.codes, strict=True)
        return sum(q.log_prob(code) for q, code in pairs)

    @property
    def kl(self) -> Tensor:
        """KL(q(z_l | x, levels above) || p(z_l | levels above)), `(batch, levels)`, in nats."""
        return ops.stack([q.kl(Normal(ops.zeros_like(q.mean))) for q in self.posteriors], axis=1)

    @property
    def mean(self) -> Tensor:
        """Means of the levels, given the codes above them, in a row."""
        return _flat([q.mean for q in self.posteriors])

    @property
    def log_var(self) -> Tensor:
        """Log variances of the levels, given the codes above them, in a row."""
        return _flat([q.log_var for q in self.posteriors])


class TopDownPosterior(Distribution):
    """q(z | x) = q(z_L | x) prod_l q(z_l | x, levels above), over flat codes.

    Args:
        decoder: The levels.
        features: What the encoder gives for each level.
        training: Whether layers such as dropout are active.
    """

    def __init__(self, decoder: TopDown, features: Sequence[Tensor], training: bool = False):
        self.decoder, self.features, self.training = decoder, features, training

    def descend(self, choose: Callable[[int, Normal], Tensor]) -> Descent:
        """Go down with the codes that `choose(level number, its posterior)` gives."""
        codes: list[Tensor] = []
        posteriors: list[Normal] = []

        def code(number: int, state: Tensor | None) -> Tensor:
            level = self.decoder.levels[number]
            posteriors.append(level.q(self.features[number], state, self.training))
            codes.append(choose(number, posteriors[-1]))
            return codes[-1]

        state = self.decoder.descend(code, self.training)
        return Descent(codes, posteriors, state)

    @functools.cached_property
    def at_mean(self) -> Descent:
        """The way that takes the mean of each level, given the means above it."""
        return self.descend(lambda _, q: q.mean)

    @property
    def mean(self) -> Tensor:
        """The code of `at_mean`, `(batch, elements)`: deterministic, but no expected value."""
        return self.at_mean.mean

    @property
    def log_var(self) -> Tensor:
        """Log variances of the levels along `at_mean`, `(batch, elements)`."""
        return self.at_mean.log_var

    def noise(self, seed: Any) -> Tensor:
        """Standard normals `(batch, elements)`, as `from_noise` takes them."""
        shape = (ops.shape(self.features[0])[0], sum(self.decoder.sizes))
        return keras.random.normal(shape, dtype="float32", seed=seed)

    def drawn(self, noise: Tensor) -> Descent:
        """The way down that standard normal `noise`, `(batch, elements)`, is turned into."""
        parts = self.decoder.split(noise)
        return self.descend(lambda number, q: q.from_noise(parts[number]))

    def sample(self, seed: Any = None) -> Tensor:
        """One draw for each row, `(batch, elements)`."""
        return self.from_noise(self.noise(seed))

    def from_noise(self, noise: Tensor) -> Tensor:
        """The draw that standard normal `noise`, `(batch, elements)`, is turned into."""
        return self.drawn(noise).z

    def from_noise_with_log_prob(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """`from_noise(noise)` and its log density, in one way down."""
        descent = self.drawn(noise)
        return descent.z, descent.log_prob

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density of codes `(batch, elements)`, shape `(batch,)`, in nats."""
        parts = self.decoder.split(x)
        return self.descend(lambda number, _: parts[number]).log_prob


class FlowPosterior(Distribution):
    """q(z | x) by an inverse autoregressive flow (Kingma et al. 2016, arXiv:1606.04934, section 4).

    Noise goes through a diagonal Gaussian and then through steps z <- z * exp(s) + m, in which s
    and m of an element are functions of those before it: log q(z | x) is the log density of the
    noise less the sum of all log scales.

    Args:
        base: The Gaussian.
        steps: Autoregressive `keras_vae.flows.Affine`s.
        context: What the steps know of x, `(batch, elements)`.
    """

    def __init__(self, base: Normal, steps: Sequence[Affine], context: Tensor) -> None:
        self.base, self.steps, self.context = base, steps, context

    @property
    def mean(self) -> Tensor:
        """What noise of zero becomes: deterministic, but no expected value."""
        return self._at_zero[0]

    @property
    def log_var(self) -> Tensor:
        """Log variance of each element given those before it, where noise is zero."""
        return 2.0 * self._at_zero[1]

    def noise(self, seed: Any = None) -> Tensor:
        """Standard normals of the shape of a code, as `from_noise` takes them."""
        return self.base.noise(seed)

    def sample(self, seed: Any = None) -> Tensor:
        """One draw for each row."""
        return self.from_noise(self.noise(seed))

    def from_noise(self, noise: Tensor) -> Tensor:
        """The draw that standard normal `noise`, of the shape of a code, is turned into."""
        return self._transformed(noise)[0]

    def from_noise_with_log_prob(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """`from_noise(noise)` and its log density, without an inverse."""
        z, log_scale = self._transformed(noise)
        standard = Normal(ops.zeros_like(noise))
        return z, standard.log_prob(noise) - sum_event(log_scale)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density of codes, `(batch,)`, in nats; inverts the flow, an element at a time.

        That takes as many passes through each step as a code has elements: training and estimators
        use `from_noise_with_log_prob`.
        """
        z, total = _flat([tensor(x)]), 0.0
        for step in reversed(self.steps):
            z, log_scale = step.invert(z, self.context, passes=step.size)
            total = total + sum_event(log_scale)
        return self.base.log_prob(ops.reshape(z, ops.shape(self.base.mean))) - total

    @functools.cached_property
    def _at_zero(self) -> tuple[Tensor, Tensor]:
        return self._transformed(ops.zeros_like(self.base.mean))

    def _transformed(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """z, and the log of dz_i / d noise_i, both of the shape of a code."""
        z, total = _flat([self.base.from_noise(noise)]), _flat([0.5 * self.base.log_var])
        for step in self.steps:
            z, log_scale = step.transform(z, self.context)
            total = total + log_scale
        return ops.reshape(z, ops.shape(noise)), ops.reshape(total, ops.shape(noise))


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return ops.concatenate([ops.reshape(p, (ops.shape(p)[0], -1)) for p in parts], axis=1)
