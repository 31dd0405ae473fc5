"""The VAE with a learned prior, and the base classes of VAEs with a sampled KL term."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import random
from keras_vae.errors import UsageTypeError
from keras_vae.models.vae import VAE
from keras_vae.typing import Tensor
from keras_vae.validation.examples import first_input
from keras_vae.variational.priors import Prior


class SampledKLVAE(VAE):
    """Base class of VAEs whose KL(q(z | x) || p(z)) has no closed form.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * (log q(z | x) - log p(z)) ]

        z is one sample of q(z | x). The term `kl`, log q - log p, is an unbiased estimate of the
        KL divergence (Kingma & Welling 2014, arXiv:1312.6114, equation 6).
    """

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return reconstruction and sampled KL, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z, log_q = q.from_noise_with_log_prob(q.noise(self.seed_generator))
        p = self.observation(self.with_condition(z, x), training)
        return {"reconstruction": -p.log_prob(y), "kl": log_q - self.prior(z).log_prob(z)}

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """Return reconstruction and KL at the posterior mean, without noise."""
        q = self.posterior(x)
        z, log_q = q.from_noise_with_log_prob(ops.zeros_like(q.mean))
        p = self.observation(self.with_condition(z, x))
        reconstruction = -p.log_prob(first_input(x))
        return {"reconstruction": reconstruction, "kl": log_q - self.prior(z).log_prob(z)}


class RicherPriorVAE(SampledKLVAE):
    """Base class of VAEs with another prior than the standard normal.

    A subclass defines `prior(z)`, which returns an object with `log_prob(z)`,
    `from_noise(noise, temperature)` and `extra_noise`.
    """

    def prior(self, z: Tensor) -> Any:
        """Return p(z); subclasses must define it."""
        raise NotImplementedError(f"{type(self).__name__} must define prior(z).")

    def sample_prior_from_seeds(self, seeds: Any, temperature: float = 1.0) -> Tensor:
        """Sample codes of the prior; see `Sampling.sample_prior_from_seeds`."""
        p = self.prior(ops.zeros((1, *self.latent_shape), "float32"))
        noise = random.standard_normal(seeds, int(np.prod(self.latent_shape)) + p.extra_noise)
        return p.from_noise(ops.convert_to_tensor(noise), temperature)


@keras.saving.register_keras_serializable("keras_vae")
class LearnedPriorVAE(RicherPriorVAE):
    """VAE with a prior that is learned together with it, for example a mixture or a flow.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * (log q(z | x) - log p(z)) ]

        z is one sample of q(z | x) = N(z_mean, exp(z_log_var)), and p(z) is the learned prior.
        The term `kl`, log q - log p, estimates KL(q(z | x) || p(z)) without bias; for a single
        example it may be negative. Both terms are in nats; the first is summed over the event.

    Sources: Kingma & Welling 2014 (arXiv:1312.6114, equation 6), with the prior of the class in
    `keras_vae.priors`.

    Example:
        >>> model = keras_vae.LearnedPriorVAE(encoder, decoder, keras_vae.priors.MixturePrior(20))

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        learned_prior: One of `keras_vae.priors`.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `loss_weights`, `seed`, `preprocess`,
            `name`, `dtype`.

    Raises:
        TypeError: If `learned_prior` is not a `keras_vae.priors.Prior`.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        learned_prior: Prior,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        if not isinstance(learned_prior, Prior):
            raise UsageTypeError(
                "Expected learned_prior to be one of keras_vae.priors. "
                f"Received: {learned_prior!r}."
            )
        self.learned_prior = learned_prior

    def build(self, input_shape: Any) -> None:
        """Make all variables, with those of the prior."""
        super().build(input_shape)
        if not self.learned_prior.built:  # A loaded prior is built already.
            self.learned_prior.build((None, *self.latent_shape))

    def prior(self, z: Tensor) -> Prior:
        """Return the learned p(z)."""
        return self.learned_prior
