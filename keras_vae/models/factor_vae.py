"""The FactorVAE."""

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae.assembly import check_network
from keras_vae.distributions import parameters
from keras_vae.models.vae import VAE
from keras_vae.objectives import flat_rows, permuted_columns
from keras_vae.weights import LossWeight, merged

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class FactorVAE(VAE):
    """VAE that pays extra for dependence between latent elements, which a critic measures.

    Minimizes -ELBO + gamma * TC(z) (Kim & Mnih 2018, arXiv:1802.05983, equation 2). The total
    correlation is estimated by D(z), the log odds that a discriminator gives to z being drawn from
    q(z) and not from prod_j q(z_j); it is trained at the same time on the codes of the batch and
    on the same codes with each element permuted over the batch (algorithm 2). Each of the two
    terms moves one side only: `total_correlation` the autoencoder, as if the discriminator were
    constant, and `discriminator` the discriminator, as if the codes were. So one optimizer does.

    On several replicas the codes are permuted within each part of a batch.

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        gamma: Weight of the total correlation: a number or a Keras schedule.
        discriminator: Layer or model from codes `(batch, elements)` to log odds `(batch, 1)`; None
            for the paper's six layers of 1000 units.
        loss_weights: As in `VAE`. That of `discriminator`, 1, scales its learning rate for plain
            gradient descent; Adam does not see it.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If the discriminator does not give one number for each example.
    """

    terms = ("reconstruction", "kl", "total_correlation", "discriminator")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        gamma: LossWeight = 10.0,
        discriminator: keras.layers.Layer | None = None,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merged({"total_correlation": gamma}, loss_weights)
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        if discriminator is None:
            discriminator = _default_discriminator()
        self.discriminator = check_network("discriminator", discriminator)

    def build(self, input_shape: Any) -> None:
        """Make all variables, those of the discriminator too, and check what it gives."""
        super().build(input_shape)
        codes = keras.KerasTensor((None, math.prod(self.latent_shape)), dtype="float32")
        wanted = "Expected a discriminator from codes to log odds of shape (None, 1)."
        try:
            shape = self.discriminator(codes).shape
        except ValueError as error:
            raise ValueError(f"{wanted} Received: one that takes other codes. ({error})") from error
        if tuple(shape) != (None, 1):
            raise ValueError(f"{wanted} Received: {tuple(shape)}.")
        # Keras lets a last axis of 1 pass for another, until the first batch.
        taken = getattr(self.discriminator, "input_shape", codes.shape)
        if taken not in (codes.shape, (None, None)):
            raise ValueError(f"{wanted} Received: one that takes other codes, {taken}.")

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The terms of minus the bound and those of the two opponents, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(z, training)
        codes = ops.stop_gradient(flat_rows(z))
        permuted = permuted_columns(codes, self.seed_generator)
        joint, product = (self._log_odds(c, training) for c in (codes, permuted))
        return {
            "reconstruction": -p.log_prob(y),
            "kl": q.kl(self.prior(z)),
            "total_correlation": self._constant_log_odds(flat_rows(z), training),
            "discriminator": 0.5 * (ops.softplus(-joint) + ops.softplus(product)),
        }

    def _log_odds(self, codes: Tensor, training: bool) -> Tensor:
        return parameters(self.discriminator(codes, training=training))[0][:, 0]

    def _constant_log_odds(self, codes: Tensor, training: bool) -> Tensor:
        """The same number, from which no gradient comes to the discriminator."""
        values = [
            [ops.stop_gradient(ops.convert_to_tensor(v)) for v in variables]
            for variables in (
                self.discriminator.trainable_variables,
                self.discriminator.non_trainable_variables,
            )
        ]
        odds, _ = self.discriminator.stateless_call(*values, codes, training=training)
        return parameters(odds)[0][:, 0]


def _default_discriminator() -> keras.Model:
    layers = [keras.layers.Dense(1000, activation="leaky_relu") for _ in range(6)]
    return keras.Sequential([*layers, keras.layers.Dense(1)], name="discriminator")
