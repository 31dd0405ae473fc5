"""The VAE with free bits for each element of the code."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae.losses.terms import free_bits_excess, kl_per_element
from keras_vae.losses.weights import LossWeight, merge_weights, weight_setting
from keras_vae.models.vae import VAE
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


@keras.saving.register_keras_serializable("keras_vae")
class FreeBitsVAE(VAE):
    """VAE in which the KL of each latent element is free up to a threshold.

    Loss:
        loss = mean over the batch of [ -log p(x | z) ] + beta * sum_j max(nats, KL_j)
        KL_j = mean over the batch of [ KL(q(z_j | x) || p(z_j)) ]

        z is one sample of q(z | x), and p(z) = N(0, I). The KL of element j is in closed form,
        and its mean is over all replicas. All terms are in nats; the first is summed over the
        event.

    The KL of an element below the threshold has no gradient, so no element is switched off early
    in training. Logs hold the plain `kl`; the term `free_bits` is sum_j max(nats, KL_j) - `kl`.
    For one threshold over the whole code, use `VAE` with
    `beta=keras_vae.controllers.FreeBits(nats)`.

    Source: Kingma et al. 2016 (arXiv:1606.04934, equation 15).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2)
        >>> model = keras_vae.FreeBitsVAE(encoder, decoder, nats=0.25)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        nats: Threshold of each latent element, in nats.
        beta: Weight of `kl` and `free_bits`: a number or a Keras schedule.
        loss_weights: As in `VAE`.
        **kwargs: Of `VAE`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `nats` is negative.
    """

    terms = ("reconstruction", "kl", "free_bits")
    weight_arguments = {"beta": ("kl", "free_bits")}
    beta = weight_setting("kl", "free_bits")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        nats: float = 0.25,
        beta: LossWeight = 1.0,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merge_weights({"free_bits": beta}, loss_weights)
        super().__init__(encoder, decoder, beta=beta, loss_weights=weights, **kwargs)
        self.nats = arguments.real("nats", nats, 0.0)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return reconstruction, KL and free bits, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(self.with_condition(z, x), training)
        kl = kl_per_element(q, self.prior(z))
        return {
            "reconstruction": -p.log_prob(y),
            "kl": q.kl(self.prior(z)),
            "free_bits": free_bits_excess(kl, self.nats),
        }
