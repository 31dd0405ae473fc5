"""The VAE whose prior is learned, and the base of all whose KL term is estimated from samples."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import random
from keras_vae.models.vae import VAE
from keras_vae.priors import Prior

Tensor = Any


class SampledKLVAE(VAE):
    """The base of VAEs whose KL(q(z | x) || p(z)) has no closed form.

    The term `kl` is log q(z | x) - log p(z) at the z that is drawn, an unbiased estimate (Kingma &
    Welling 2014, arXiv:1312.6114, equation 6).
    """

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The two terms of minus the evidence lower bound, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z, log_q = q.from_noise_with_log_prob(q.noise(self.seed_generator))
        p = self.observation(z, training)
        return {"reconstruction": -p.log_prob(y), "kl": log_q - self.prior(z).log_prob(z)}

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """The terms of minus the bound, at the posterior mean instead of a draw."""
        q = self.posterior(x)
        z, log_q = q.from_noise_with_log_prob(ops.zeros_like(q.mean))
        reconstruction = -self.observation(z).log_prob(x)
        return {"reconstruction": reconstruction, "kl": log_q - self.prior(z).log_prob(z)}


class RicherPriorVAE(SampledKLVAE):
    """The base of VAEs with another prior than the standard normal.

    A subclass defines `prior(z)`, which gives an object with `log_prob(z)`,
    `from_noise(noise, temperature)` and `extra_noise`.
    """

    def prior(self, z: Tensor) -> Any:
        """p(z)."""
        raise NotImplementedError(f"{type(self).__name__} must define prior(z).")

    def prior_codes(self, seeds: Any, temperature: float = 1.0) -> Tensor:
        """Codes from the prior; see `Sampling.prior_codes`."""
        p = self.prior(ops.zeros((1, *self.latent_shape)))
        noise = random.standard_normal(seeds, int(np.prod(self.latent_shape)) + p.extra_noise)
        return p.from_noise(ops.convert_to_tensor(noise), temperature)


@keras.saving.register_keras_serializable("keras_vae")
class LearnedPriorVAE(RicherPriorVAE):
    """VAE with a prior that is learned together with it, for instance a mixture or a flow.

    The term `kl` is log q(z | x) - log p(z) at the z that is drawn.

    Example:
        >>> model = keras_vae.LearnedPriorVAE(encoder, decoder, keras_vae.priors.MixturePrior(20))

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        learned_prior: One of `keras_vae.priors`.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `loss_weights`, `seed`, `name`, `dtype`.

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
            raise TypeError(
                "Expected learned_prior to be one of keras_vae.priors. "
                f"Received: {learned_prior!r}."
            )
        self.learned_prior = learned_prior

    def build(self, input_shape: Any) -> None:
        """Make all variables, those of the prior too."""
        super().build(input_shape)
        if not self.learned_prior.built:  # A loaded one is.
            self.learned_prior.build((None, *self.latent_shape))

    def prior(self, z: Tensor) -> Prior:
        """p(z), which has `log_prob(z)`."""
        return self.learned_prior
