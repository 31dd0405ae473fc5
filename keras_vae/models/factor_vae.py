"""The FactorVAE."""

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae.losses.adversary import (
    check_discriminator,
    dense_discriminator,
    discriminator_loss,
    judge_and_oppose,
)
from keras_vae.losses.terms import flatten_rows, permute_columns
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.models.vae import VAE
from keras_vae.typing import Tensor
from keras_vae.validation.networks import check_network


@keras.saving.register_keras_serializable("keras_vae")
class FactorVAE(VAE):
    """VAE with a penalty on total correlation, which a discriminator estimates.

    Loss:
        loss = mean over the batch of
            [ -log p(x | z) + beta * KL(q(z | x) || p(z)) + gamma * D(z)
              + 1/2 * (softplus(-D(z)) + softplus(D(z'))) ]

        z is one sample of q(z | x), p(z) = N(0, I), and KL is in closed form. D(z) is the log
        odds of a discriminator that z comes from q(z) and not from prod_j q(z_j). Its mean
        estimates the total correlation TC(z) = KL(q(z) || prod_j q(z_j)). z' are the codes of the
        batch with each element permuted over the batch. All terms are in nats; the first is
        summed over the event.

    The term `total_correlation`, D(z), trains only encoder and decoder: its gradient does not
    reach the discriminator. The term `discriminator`, the last one, trains only the
    discriminator: its gradient does not reach the codes. So one optimizer is enough. On several
    replicas, codes are permuted within the part of the batch of each replica.

    Source: Kim & Mnih 2018 (arXiv:1802.05983, equation 2 and algorithm 2).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2)
        >>> model = keras_vae.FactorVAE(encoder, decoder, gamma=10.0)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        gamma: Weight of the total correlation: a number or a Keras schedule.
        discriminator: Layer or model from codes `(batch, elements)` to log odds `(batch, 1)`; None
            for the six layers of 1000 units of the paper.
        loss_weights: As in `VAE`. The weight of `discriminator`, 1, scales its learning rate for
            plain gradient descent. It has no effect with Adam.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If the discriminator does not return one number for each example.
    """

    terms = ("reconstruction", "kl", "total_correlation", "discriminator")
    weight_arguments = {**VAE.weight_arguments, "gamma": ("total_correlation",)}

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        gamma: LossWeight = 10.0,
        discriminator: keras.layers.Layer | None = None,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merge_weights({"total_correlation": gamma}, loss_weights)
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        if discriminator is None:
            discriminator = dense_discriminator(6, "leaky_relu")
        self.discriminator = check_network("discriminator", discriminator)

    def build(self, input_shape: Any) -> None:
        """Make all variables, and raise ValueError unless the discriminator fits the codes."""
        super().build(input_shape)
        check_discriminator(self.discriminator, (math.prod(self.latent_shape),))

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return the four terms of the loss, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(self.with_condition(z, x), training)
        codes = flatten_rows(z)
        permuted = permute_columns(ops.stop_gradient(codes), self.seed_generator)
        (joint, product), correlation = judge_and_oppose(
            self.discriminator, (codes, permuted), 0, training
        )
        return {
            "reconstruction": -p.log_prob(y),
            "kl": q.kl(self.prior(z)),
            "total_correlation": correlation,
            "discriminator": discriminator_loss(joint, product),
        }
