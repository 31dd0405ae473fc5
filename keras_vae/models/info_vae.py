"""The InfoVAE."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae import arguments
from keras_vae.estimators.discrepancy import check_kernel
from keras_vae.models.vae import VAE
from keras_vae.objectives import prior_discrepancy
from keras_vae.weights import LossWeight, merged

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class InfoVAE(VAE):
    """VAE that does not have to lose the information in its codes (Zhao et al. 2017).

    Minimizes -log p(x | z) + (1 - alpha) KL(q(z | x) || p(z)) + (alpha + lambda_ - 1) MMD(q(z),
    p(z)), the MMD form of arXiv:1706.02262, equation 6. With alpha = 0 and lambda_ = 1 this is
    the VAE; with alpha = 1 no code is drawn to the prior on its own, only all together: MMD-VAE.
    Pairs are compared within a batch, so it should have a hundred examples or more.

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        alpha: Preference for information between x and z.
        lambda_: Weight of the divergence of q(z) from p(z).
        kernel: "rbf", as in the paper, or "imq"; see `keras_vae.estimators.mmd`.
        scale: Squared length of the kernel; the size of the code if None.
        loss_weights: As in `VAE`.
        **kwargs: Of `VAE`: `likelihood`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If the kernel is unknown or the scale is not positive.
    """

    terms = ("reconstruction", "kl", "mmd")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        alpha: float = 0.5,
        lambda_: float = 1000.0,
        kernel: str = "rbf",
        scale: float | None = None,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        check_kernel(kernel, scale)
        alpha, lambda_ = arguments.real("alpha", alpha), arguments.real("lambda_", lambda_)
        weights = merged({"mmd": alpha + lambda_ - 1.0}, loss_weights)
        super().__init__(encoder, decoder, beta=1.0 - alpha, loss_weights=weights, **kwargs)
        self.kernel, self.scale = kernel, scale

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The terms of minus the bound, in nats, and the discrepancy, each `(batch,)`."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(z, training)
        return {
            "reconstruction": -p.log_prob(y),
            "kl": q.kl(self.prior(z)),
            "mmd": prior_discrepancy(z, self.seed_generator, self.kernel, self.scale),
        }
