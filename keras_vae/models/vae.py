"""The variational autoencoder."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae import distributions
from keras_vae.autoencoder import Autoencoder, event
from keras_vae.distributions import Normal
from keras_vae.sampling import standard_normal_codes
from keras_vae.weights import LossWeight, merged

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class VAE(Autoencoder):
    """Variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114, equation 3).

    Minimizes -log p(x | z) + beta * KL(q(z | x) || p(z)) with one z from q by example. With
    beta = 1 that is minus the evidence lower bound, a bound on -log p(x); any other beta, or a
    schedule for it, makes it a beta-VAE (Higgins et al. 2017). The unweighted bound is logged
    as `elbo` in every case.

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2)
        >>> model = keras_vae.VAE(encoder, decoder, likelihood="bernoulli", seed=0)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)  # float images in [0, 1]
        >>> new = model.sample(16, seed=0)

    Args:
        encoder: Layer or model from `(batch, *event)` to `[z_mean, z_log_var]`.
        decoder: Layer or model from codes to the parameters of p(x | z).
        likelihood: Name or class of p(x | z), see `keras_vae.distributions.get`.
        beta: Weight of the KL term: a number or a Keras schedule over training steps.
        loss_weights: Weights of other terms by name.
        seed: Seed of the noise of z in training.
        **kwargs: `name` and `dtype` of `keras.Model`.
    """

    terms: tuple[str, ...] = ("reconstruction", "kl")
    generative = True

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        likelihood: str | type[distributions.Distribution] = "bernoulli",
        beta: LossWeight = 1.0,
        loss_weights: Mapping[str, LossWeight] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merged({"kl": beta}, loss_weights)
        super().__init__(encoder, decoder, likelihood, weights, seed, **kwargs)
        self.beta = beta

    def posterior(self, x: Tensor, training: bool = False) -> Normal:
        """q(z | x); `posterior(x).sample(seed)` draws codes where `encode(x)` gives the mean."""
        return Normal(*self.encoder_outputs(x, training))

    def prior(self, z: Tensor) -> distributions.Distribution:
        """p(z), a standard normal, of the shape of `z`."""
        return Normal(ops.zeros_like(z))

    def encode(self, x: Tensor, training: bool = False) -> Tensor:
        """The mean of q(z | x), `(batch, *latent_shape)`, float32, the same at each call."""
        return self.posterior(x, training).mean

    def codes_from_noise(self, x: Tensor, noise: Tensor) -> Tensor:
        """The draw of q(z | x) that standard normal `noise` is turned into."""
        return self.posterior(x).from_noise(noise)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The two terms of minus the evidence lower bound, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(self.conditioned(z, x), training)
        return {"reconstruction": -p.log_prob(y), "kl": q.kl(self.prior(z))}

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """The terms of minus the bound at the posterior mean: no noise, so deterministic."""
        q = self.posterior(x)
        p = self.observation(self.conditioned(q.mean, x))
        return {"reconstruction": -p.log_prob(event(x)), "kl": q.kl(self.prior(q.mean))}

    def encoded(self, x: Tensor) -> dict[str, Tensor]:
        """What the `encode` endpoint answers."""
        q = self.posterior(x)
        return {"z_mean": q.mean, "z_log_var": q.log_var}

    def check_codes(self, codes: Any, input_shape: tuple) -> Any:
        """The first of an encoder's two outputs; raises ValueError unless there are two alike."""
        codes = keras.tree.flatten(codes)
        shapes = [tuple(code.shape) for code in codes]
        if len(shapes) != 2 or shapes[0] != shapes[1]:
            raise ValueError(
                "Expected an encoder with two outputs of one shape, z_mean and z_log_var. "
                f"Received: {len(shapes)} of shapes {shapes} (heads=2 in keras_vae.nets gives "
                "them; keras_vae.nets.with_heads adds them to any network)."
            )
        return codes[0]

    def prior_codes(self, seeds: Any, temperature: float = 1.0) -> Tensor:
        """Codes from the standard normal prior; see `Sampling.prior_codes`."""
        return standard_normal_codes(self.latent_shape, seeds, temperature)
