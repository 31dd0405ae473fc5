"""Priors that are richer than the standard normal, and learned with the model."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.base.recorded_init import RecordedInit
from keras_vae.distributions import Distribution, Normal
from keras_vae.distributions.base import tensor
from keras_vae.typing import Tensor
from keras_vae.validation import arguments
from keras_vae.variational import flows

__all__ = ["FlowPrior", "GaussianMixture", "MixturePrior", "Prior"]


def choose_components(noise: Tensor, log_weights: Tensor) -> Tensor:
    """Choose a component of a mixture for each row, int32 `(batch,)`, without a random op.

    Args:
        noise: Standard normals, `(batch, 2)`.
        log_weights: Normalized log weights of the components, `(K,)`.
    """
    # The squared radius of two standard normals is exponential, so this is uniform.
    uniform = ops.exp(-0.5 * ops.sum(ops.square(noise), axis=1, keepdims=True))
    steps = ops.cumsum(ops.exp(log_weights))[None, :-1]
    return ops.sum(ops.cast(uniform >= steps, "int32"), axis=1)


class GaussianMixture(Distribution):
    """A mixture of K diagonal Gaussians, the same for each row of a batch.

    Example:
        >>> means = np.array([[-1.0], [1.0]])
        >>> p = keras_vae.priors.GaussianMixture(means, np.zeros((2, 1)))
        >>> np.round(p.log_prob(np.zeros((1, 1))), 3)
        array([-1.419], dtype=float32)

    Args:
        mean: Means of the components, `(K, *latent_shape)`.
        log_var: Log variances of the components, of the same shape.
        logits: Unnormalized log weights of the components, `(K,)`; None for equal ones.

    Attributes:
        extra_noise: Standard normals of `from_noise` in addition to one for each element of z.
    """

    extra_noise = 2

    def __init__(self, mean: Tensor, log_var: Tensor, logits: Tensor | None = None) -> None:
        self.components = Normal(mean, log_var)
        logits = ops.zeros(mean.shape[:1], "float32") if logits is None else logits
        self.log_weights = ops.log_softmax(logits)

    @property
    def mean(self) -> Tensor:
        """Expected value, `(1, *latent_shape)`."""
        mean = self.components.mean
        weights = ops.reshape(ops.exp(self.log_weights), (-1,) + (1,) * (len(mean.shape) - 1))
        return ops.sum(weights * mean, axis=0, keepdims=True)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log density of codes `(batch, *latent_shape)`, shape `(batch,)`, in nats.

        Differences are squared before they are summed. A matrix product would be faster on a CPU,
        but it cancels large numbers, of which accelerators keep three digits.
        """
        return ops.logsumexp(self._log_joint(z), axis=0)

    def log_responsibilities(self, z: Tensor) -> Tensor:
        """Return log p(c | z) of each component c, `(batch, K)`, for codes `(batch, ...)`."""
        log_joint = self._log_joint(z)
        return ops.transpose(log_joint - ops.logsumexp(log_joint, axis=0, keepdims=True))

    def component_kl(self, q: Normal) -> Tensor:
        """Return KL(q || component) of each component, `(batch, K)`, in nats."""
        rows = Normal(q.mean[None], q.log_var[None])
        return ops.transpose(_sum_codes(rows.element_kl(self._of_pairs())))

    def _log_joint(self, z: Tensor) -> Tensor:
        """Return log p(z, c), `(K, batch)`."""
        log_densities = _sum_codes(self._of_pairs().element_log_prob(tensor(z)[None]))
        return log_densities + self.log_weights[:, None]

    def _of_pairs(self) -> Normal:
        """Return the components with an axis for examples, `(K, 1, *latent_shape)`.

        Components come first: with examples first, OpenVINO 2026.4 reads beyond the end of the
        largest density, for more examples than components.
        """
        return Normal(self.components.mean[:, None], self.components.log_var[:, None])

    def from_noise(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """Transform standard normals to codes: two choose the component, the rest are its noise.

        Args:
            noise: `(batch, elements of a code + 2)`.
            temperature: Factor of the components' standard deviations.

        Returns:
            `(batch, *latent_shape)`.
        """
        chosen = choose_components(noise[:, :2], self.log_weights)
        mean = ops.take(self.components.mean, chosen, axis=0)
        spread = temperature * ops.exp(0.5 * ops.take(self.components.log_var, chosen, axis=0))
        return mean + spread * ops.reshape(noise[:, 2:], (-1, *mean.shape[1:]))


def _sum_codes(pairs: Tensor) -> Tensor:
    """Sum `(K, batch, *latent_shape)` over the elements of codes."""
    return ops.sum(pairs, axis=tuple(range(2, len(pairs.shape))))


class Prior(RecordedInit, keras.layers.Layer):
    """Base class of learned priors p(z), an argument of `keras_vae.LearnedPriorVAE`.

    Example:
        >>> prior = keras_vae.priors.MixturePrior(components=20)
        >>> isinstance(prior, keras_vae.priors.Prior)
        True

    Attributes:
        extra_noise: Standard normals of `from_noise` in addition to one for each element of z.
    """

    extra_noise = 0

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log density of codes `(batch, *latent_shape)`, shape `(batch,)`, in nats."""
        raise NotImplementedError(f"{type(self).__name__} must define log_prob(z).")

    def from_noise(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """Transform standard normals to codes `(batch, *latent_shape)`.

        A row of noise has an element for each element of a code, and `extra_noise` more.
        """
        raise NotImplementedError(f"{type(self).__name__} must define from_noise(noise).")


@keras.saving.register_keras_serializable("keras_vae")
class MixturePrior(Prior):
    """A learned mixture of diagonal Gaussians: means, log variances and weights.

    Example:
        >>> prior = keras_vae.priors.MixturePrior(components=20)
        >>> model = keras_vae.LearnedPriorVAE(encoder, decoder, prior)

    Args:
        components: Number of Gaussians.
        spread: Standard deviation of the initial means; with 0 and one component the prior
            starts as the standard normal.
        seed: Seed of the initial means.
        **kwargs: `name` of `keras.layers.Layer`.

    Raises:
        ValueError: If there is no component.
    """

    extra_noise = 2

    def __init__(
        self, components: int = 10, spread: float = 1.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.components = arguments.integer("components", components)
        self.spread, self.seed = arguments.real("spread", spread, 0.0), arguments.seed(seed)

    def build(self, input_shape: tuple) -> None:
        """Make the variables for codes of shape `(None, *latent_shape)`."""
        shape = (self.components, *input_shape[1:])
        normal = keras.initializers.RandomNormal(stddev=self.spread, seed=self.seed)
        self.mean = self._variable("mean", shape, normal)
        self.log_var = self._variable("log_var", shape, "zeros")
        self.logits = self._variable("logits", shape[:1], "zeros")
        self.built = True

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log density of codes `(batch, *latent_shape)`, shape `(batch,)`, in nats."""
        return self.mixture().log_prob(z)

    def from_noise(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """Transform noise to codes; see `GaussianMixture.from_noise`."""
        return self.mixture().from_noise(noise, temperature)

    def mixture(self) -> GaussianMixture:
        """Return the mixture of the present weights, means and log variances."""
        values = (ops.convert_to_tensor(v) for v in (self.mean, self.log_var, self.logits))
        return GaussianMixture(*values)

    def _variable(self, name: str, shape: tuple, initializer: Any) -> Any:
        return self.add_weight(
            name=name, shape=shape, dtype="float32", initializer=initializer, autocast=False
        )


@keras.saving.register_keras_serializable("keras_vae")
class FlowPrior(Prior):
    """A learned flow from the standard normal: RealNVP (Dinh et al. 2017, arXiv:1605.08803).

    log p(z) = log N(e; 0, I) - log |det dz/de| for the e that the couplings transform to z
    (equation 3). The couplings start as the identity, and the prior as the standard normal.

    Example:
        >>> prior = keras_vae.priors.FlowPrior(couplings=4)
        >>> model = keras_vae.LearnedPriorVAE(encoder, decoder, prior)

    Args:
        couplings: Number of affine couplings; they change even and odd elements in turns.
        hidden: Widths of the hidden layers of a coupling.
        seed: Seed of the initial weights.
        **kwargs: `name` of `keras.layers.Layer`.

    Raises:
        ValueError: If there is no coupling or no hidden layer.
    """

    def __init__(
        self,
        couplings: int = 4,
        hidden: Sequence[int] = (128,),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.couplings = arguments.integer("couplings", couplings)
        self.hidden, self.seed = arguments.sizes("hidden", hidden), arguments.seed(seed)

    def build(self, input_shape: tuple) -> None:
        """Make the couplings for codes of shape `(None, *latent_shape)`."""
        self.latent_shape = tuple(input_shape[1:])
        size = math.prod(self.latent_shape)
        seeds = [None if self.seed is None else self.seed + n for n in range(self.couplings)]
        self.steps = [
            flows.coupling(size, n % 2 == 1, self.hidden, seed) for n, seed in enumerate(seeds)
        ]
        self.built = True

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log density of codes `(batch, *latent_shape)`, shape `(batch,)`, in nats."""
        e, log_det = self.invert(z)
        return Normal(ops.zeros_like(e)).log_prob(e) - log_det

    def from_noise(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """Transform standard normals times the temperature to codes `(batch, *latent_shape)`."""
        return self.transform(temperature * noise)[0]

    def transform(self, e: Tensor) -> tuple[Tensor, Tensor]:
        """Return the codes of `e`, `(batch, elements)`, and log |det dz/de|, `(batch,)`."""
        total = 0.0
        for step in self.steps:
            e, log_scale = step.transform(e)
            total = total + ops.sum(log_scale, axis=1)
        return ops.reshape(e, (-1, *self.latent_shape)), total

    def invert(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the e of codes, and log |det dz/de|: the inverse of `transform`."""
        e, total = ops.reshape(tensor(z), (-1, math.prod(self.latent_shape))), 0.0
        for step in reversed(self.steps):
            e, log_scale = step.invert(e)
            total = total + ops.sum(log_scale, axis=1)
        return e, total
