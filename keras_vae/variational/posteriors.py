"""Posteriors that are richer than a diagonal Gaussian: ladders and flows."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.backend import call_method
from keras_vae.distributions import Distribution, Normal, sum_event
from keras_vae.distributions.base import tensor
from keras_vae.nets.top_down import TopDown
from keras_vae.typing import Tensor

__all__ = ["Descent", "FlowPosterior", "TopDownPosterior"]


@dataclasses.dataclass(frozen=True, eq=False)
class Descent:
    """One pass from the top level to the bottom: the codes and the posteriors of each level.

    Example:
        >>> model = keras_vae.LadderVAE(*keras_vae.nets.gated_ladder((784,), latent_dims=(40, 20)))
        >>> model.posterior(images.reshape(-1, 784)).at_mean.kl.shape
        TensorShape([64, 2])

    Attributes:
        codes: Codes of each level, `(batch, *code_shape)`.
        posteriors: q(z_l | x, levels above) of each level, given the codes above it.
        state: Output of the last level, for the head of the decoder.
    """

    codes: list[Tensor]
    posteriors: list[Normal]
    state: Tensor

    @property
    def z(self) -> Tensor:
        """All codes, concatenated, `(batch, elements of all levels)`."""
        return _flatten(self.codes)

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
        """Means of the levels, given the codes above them, concatenated."""
        return _flatten([q.mean for q in self.posteriors])

    @property
    def log_var(self) -> Tensor:
        """Log variances of the levels, given the codes above them, concatenated."""
        return _flatten([q.log_var for q in self.posteriors])


class TopDownPosterior(Distribution):
    """A posterior q(z | x) = q(z_L | x) prod_l q(z_l | x, levels above), over flat codes.

    Example:
        >>> model = keras_vae.LadderVAE(*keras_vae.nets.gated_ladder((784,)))
        >>> type(model.posterior(images.reshape(-1, 784))).__name__
        'TopDownPosterior'

    Args:
        decoder: The levels.
        features: Outputs of the encoder for each level.
        training: Whether layers such as dropout are active.
    """

    def __init__(self, decoder: TopDown, features: Sequence[Tensor], training: bool = False):
        self.decoder, self.features, self.training = decoder, features, training

    def descend(self, choose: Callable[[int, Normal], Tensor]) -> Descent:
        """Pass all levels with the codes of `choose(level number, its posterior)`."""
        return Descent(*self.decoder.descend_posterior(self.features, choose, self.training))

    @functools.cached_property
    def at_mean(self) -> Descent:
        """The descent along the mean of each level, given the means above it."""
        if self.training:
            return self.descend(lambda _, q: q.mean)
        return self._call_decoder("descend_means")

    @property
    def mean(self) -> Tensor:
        """Code of `at_mean`, `(batch, elements)`: deterministic, but not the expected value."""
        return self.at_mean.mean

    @property
    def log_var(self) -> Tensor:
        """Log variances of the levels along `at_mean`, `(batch, elements)`."""
        return self.at_mean.log_var

    def noise(self, seed: Any) -> Tensor:
        """Sample standard normals `(batch, elements)`, as `from_noise` takes them."""
        shape = (ops.shape(self.features[0])[0], sum(self.decoder.sizes))
        return keras.random.normal(shape, dtype="float32", seed=seed)

    def descend_from_noise(self, noise: Tensor) -> Descent:
        """Return the descent for standard normal `noise`, `(batch, elements)`."""
        if self.training:
            parts = self.decoder.split(noise)
            return self.descend(lambda number, q: q.from_noise(parts[number]))
        return self._call_decoder("descend_noise", noise)

    def _call_decoder(self, name: str, *inputs: Tensor) -> Descent:
        """Return the descent of a method of the decoder, one call outside of graphs."""
        codes, pairs, state = call_method(self.decoder, name, *inputs, *self.features)
        return Descent(codes, [Normal(*pair) for pair in pairs], state)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample once for each row, `(batch, elements)`."""
        return self.from_noise(self.noise(seed))

    def from_noise(self, noise: Tensor) -> Tensor:
        """Transform standard normal `noise`, `(batch, elements)`, to samples."""
        return self.descend_from_noise(noise).z

    def from_noise_with_log_prob(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return `from_noise(noise)` and its log density, `(batch,)`, in one descent."""
        descent = self.descend_from_noise(noise)
        return descent.z, descent.log_prob

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of codes `(batch, elements)`, shape `(batch,)`, in nats."""
        parts = self.decoder.split(x)
        return self.descend(lambda number, _: parts[number]).log_prob


class FlowPosterior(Distribution):
    """A posterior q(z | x) by a flow: inverse autoregressive, planar, or radial.

    Sources: Kingma et al. 2016, arXiv:1606.04934, section 4, and Rezende & Mohamed 2015,
    arXiv:1505.05770.

    Noise passes a diagonal Gaussian and then the steps of the flow. An autoregressive step is
    z <- z * exp(s) + m, where s and m of an element are functions of the elements before it.
    log q(z | x) is the log density of the noise minus the sum of all log scales.

    Example:
        >>> networks = keras_vae.nets.gated_dense((784,), latent_dim=40)
        >>> model = keras_vae.IAFVAE(*networks, flow_steps=2, hidden=(64,))
        >>> type(model.posterior(images.reshape(-1, 784))).__name__
        'FlowPosterior'

    Args:
        base: The Gaussian.
        steps: Autoregressive `keras_vae.variational.flows.Affine`s, or `Planar` and `Radial` of
            `keras_vae.variational.simple_flows`.
        context: Features of x for the steps, `(batch, elements)`.
        training: Whether the steps are trained.
    """

    def __init__(
        self, base: Normal, steps: Sequence[Any], context: Tensor, training: bool = False
    ) -> None:
        self.base, self.steps, self.context, self.training = base, steps, context, training

    @property
    def mean(self) -> Tensor:
        """Transform of zero noise: deterministic, but not the expected value."""
        return self._at_zero[0]

    @property
    def log_var(self) -> Tensor:
        """Log variance of each element given those before it, at zero noise.

        Of a planar or radial step, all elements have the mean of their log scales.
        """
        return 2.0 * self._at_zero[1]

    def noise(self, seed: Any = None) -> Tensor:
        """Sample standard normals of the shape of a code, as `from_noise` takes them."""
        return self.base.noise(seed)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample once for each row."""
        return self.from_noise(self.noise(seed))

    def from_noise(self, noise: Tensor) -> Tensor:
        """Transform standard normal `noise`, of the shape of a code, to samples."""
        return self._transform(noise)[0]

    def from_noise_with_log_prob(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return `from_noise(noise)` and its log density, `(batch,)`, without an inverse."""
        z, log_scale = self._transform(noise)
        standard = Normal(ops.zeros_like(noise))
        return z, standard.log_prob(noise) - sum_event(log_scale)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of codes, `(batch,)`, in nats, by inverting the flow.

        The inverse of an autoregressive step needs as many passes through it as a code has
        elements, that of a planar step a bisection. Training and estimators therefore use
        `from_noise_with_log_prob`.
        """
        z, total = _flatten([tensor(x)]), 0.0
        for step in reversed(self.steps):
            z, log_scale = step.invert(z, self.context, passes=step.size)
            total = total + sum_event(log_scale)
        return self.base.log_prob(ops.reshape(z, ops.shape(self.base.mean))) - total

    @functools.cached_property
    def _at_zero(self) -> tuple[Tensor, Tensor]:
        return self._transform(ops.zeros_like(self.base.mean))

    def _transform(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return z, and the log of dz_i / d noise_i, both of the shape of a code."""
        z, total = _flatten([self.base.from_noise(noise)]), _flatten([0.5 * self.base.log_var])
        for step in self.steps:
            transform = (
                step.transform
                if self.training
                else functools.partial(call_method, step, "transform")
            )
            z, log_scale = transform(z, self.context)
            total = total + log_scale
        return ops.reshape(z, ops.shape(noise)), ops.reshape(total, ops.shape(noise))


def _flatten(parts: Sequence[Tensor]) -> Tensor:
    return ops.concatenate([ops.reshape(p, (ops.shape(p)[0], -1)) for p in parts], axis=1)
