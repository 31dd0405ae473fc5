"""The Wasserstein autoencoder."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae.autoencoder import Autoencoder
from keras_vae.distributions import Normal
from keras_vae.estimators.discrepancy import check_kernel
from keras_vae.objectives import prior_discrepancy
from keras_vae.sampling import standard_normal_codes
from keras_vae.weights import LossWeight, merged

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class WAE(Autoencoder):
    """Wasserstein autoencoder with a maximum mean discrepancy, WAE-MMD (Tolstikhin et al. 2018).

    Minimizes -log p(x | z) + mmd_weight * MMD(q(z), p(z)) with z = encoder(x), p(z) = N(0, I) and
    q(z) the law of the codes of a batch (arXiv:1711.01558, algorithm 2). With the likelihood
    "normal" the first term is half the paper's squared error, and so is the weight half of its
    lambda. Pairs are compared within a batch, so it should have a hundred examples or more.

    Args:
        encoder: As in `Autoencoder`: one output, the code, which has no noise.
        decoder: As in `Autoencoder`.
        mmd_weight: Weight of the term `mmd`: a number or a Keras schedule.
        kernel: "imq", as in the paper, or "rbf"; see `keras_vae.estimators.mmd`.
        scale: Squared length of the kernel; the size of the code if None.
        loss_weights: As in `Autoencoder`.
        **kwargs: Of `Autoencoder`: `likelihood`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If the kernel is unknown or the scale is not positive.
    """

    terms = ("reconstruction", "mmd")
    generative = True

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        mmd_weight: LossWeight = 10.0,
        kernel: str = "imq",
        scale: float | None = None,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        check_kernel(kernel, scale)
        weights = merged({"mmd": mmd_weight}, loss_weights)
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        self.kernel, self.scale = kernel, scale

    def prior(self, z: Tensor) -> Normal:
        """p(z), a standard normal, of the shape of `z`."""
        return Normal(ops.zeros_like(z))

    def prior_codes(self, seeds: Any, temperature: float = 1.0) -> Tensor:
        """Codes from the prior; see `Sampling.prior_codes`."""
        return standard_normal_codes(self.latent_shape, seeds, temperature)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Reconstruction, in nats, and discrepancy, each `(batch,)`."""
        z = self.encode(x, training)
        p = self.observation(z, training)
        return {
            "reconstruction": -p.log_prob(y),
            "mmd": prior_discrepancy(z, self.seed_generator, self.kernel, self.scale),
        }
