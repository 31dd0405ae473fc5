"""The VAE with free bits for each dimension of the code."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae import arguments
from keras_vae.models.vae import VAE
from keras_vae.objectives import free_bits_excess, kl_of_elements
from keras_vae.weights import LossWeight, merged

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class FreeBitsVAE(VAE):
    """VAE that may use some nats of each latent element for nothing (Kingma et al. 2016).

    Minimizes -log p(x | z) + beta * sum_j max(nats, KL_j) with KL_j the batch's mean of the KL of
    element j (arXiv:1606.04934, equation 15): no element is pressed below the threshold, so none
    is switched off early in training. `kl` is logged as it is; `free_bits` is what is added to
    it. One threshold for the whole code is `beta=keras_vae.controllers.FreeBits(nats)` of `VAE`.

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        nats: The threshold of each latent element.
        beta: Weight of both terms, a number or a Keras schedule.
        loss_weights: As in `VAE`.
        **kwargs: Of `VAE`: `likelihood`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If `nats` is negative.
    """

    terms = ("reconstruction", "kl", "free_bits")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        nats: float = 0.25,
        beta: LossWeight = 1.0,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merged({"free_bits": beta}, loss_weights)
        super().__init__(encoder, decoder, beta=beta, loss_weights=weights, **kwargs)
        self.nats = arguments.real("nats", nats, 0.0)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The terms of minus the bound and what free bits add to it, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(z, training)
        kl = kl_of_elements(q, self.prior(z))
        return {
            "reconstruction": -p.log_prob(y),
            "kl": q.kl(self.prior(z)),
            "free_bits": free_bits_excess(kl, self.nats),
        }
