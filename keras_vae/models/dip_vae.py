"""The DIP-VAE."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae.losses.terms import covariance_gaps
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.models.vae import VAE
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

COVARIANCES = ("means", "codes")


@keras.saving.register_keras_serializable("keras_vae")
class DIPVAE(VAE):
    """VAE that pulls the covariance of its codes to the identity: DIP-VAE-I and DIP-VAE-II.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * KL(q(z | x) || p(z)) ]
               + lambda_od * sum_{i != j} C_ij^2 + lambda_d * sum_i (C_ii - 1)^2

        z is one sample of q(z | x) = N(z_mean, exp(z_log_var)), p(z) = N(0, I), and KL is in
        closed form. The first two terms are in nats; the first is summed over the event. C is a
        covariance over the batch, with denominator batch size - 1:

        - covariance="means", DIP-VAE-I: C = Cov(z_mean)
        - covariance="codes", DIP-VAE-II: C = Cov(z_mean) + mean of diag(exp(z_log_var)), the
          covariance of z

    The terms `off_diagonal` and `diagonal` are the two sums. Each example has its own share of
    them, which may be negative. The squares add noise of the batch: for B independent standard
    normal means of d elements, the expected sums are d (d - 1) / (B - 1) and 2 d / (B - 1), not 0.
    So use batches of at least 100 examples. On several replicas, C is that of the part of the
    batch of each replica.

    Source: Kumar et al. 2018 (arXiv:1711.00848, equations 5 to 7).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2)
        >>> model = keras_vae.DIPVAE(encoder, decoder, lambda_od=10.0, lambda_d=100.0)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10, batch_size=128)

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        lambda_od: Weight of `off_diagonal`: a number or a Keras schedule.
        lambda_d: Weight of `diagonal`. The paper takes 10 times `lambda_od` for DIP-VAE-I, and
            `lambda_od` for DIP-VAE-II.
        covariance: "means" for DIP-VAE-I, "codes" for DIP-VAE-II.
        loss_weights: As in `VAE`.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `covariance` is unknown, or as for `VAE`.
    """

    terms = ("reconstruction", "kl", "off_diagonal", "diagonal")
    weight_arguments = {
        **VAE.weight_arguments,
        "lambda_od": ("off_diagonal",),
        "lambda_d": ("diagonal",),
    }

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        lambda_od: LossWeight = 10.0,
        lambda_d: LossWeight = 100.0,
        covariance: str = "means",
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merge_weights({"off_diagonal": lambda_od, "diagonal": lambda_d}, loss_weights)
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        self.covariance = arguments.choice("covariance", covariance, COVARIANCES)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return reconstruction and KL, in nats, and the two penalties, each `(batch,)`."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(self.with_condition(z, x), training)
        inner = ops.exp(q.log_var) if self.covariance == "codes" else ops.zeros_like(q.mean)
        off_diagonal, diagonal = covariance_gaps(q.mean, inner)
        return {
            "reconstruction": -p.log_prob(y),
            "kl": q.kl(self.prior(z)),
            "off_diagonal": off_diagonal,
            "diagonal": diagonal,
        }
