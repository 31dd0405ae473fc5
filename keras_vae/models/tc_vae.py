"""The beta-TC-VAE."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae import arguments
from keras_vae.models.vae import VAE
from keras_vae.objectives import aggregate_log_densities
from keras_vae.weights import LossWeight, merged

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class BetaTCVAE(VAE):
    """VAE that pays extra for dependence between latent elements (Chen et al. 2018).

    The KL term has three parts on average over the data (arXiv:1802.04942, equation 2):

    - `mutual_information`, log q(z | x) - log q(z), weighted by alpha,
    - `total_correlation`, log q(z) - log prod_j q(z_j), weighted by beta,
    - `dimension_kl`, log prod_j q(z_j) - log p(z), weighted by gamma.

    The paper sets alpha = gamma = 1. What is minimized is the reconstruction, the KL in its closed
    form, which has less noise than the sum of its parts, and each part with its weight less 1; so
    with alpha = beta = gamma = 1 this is the VAE.

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        dataset_size: Number of training examples, for the estimate of q(z) from a batch.
        alpha: Weight of the mutual information.
        beta: Weight of the total correlation.
        gamma: Weight of the dimension-wise KL.
        stratified: Estimate q(z) by minibatch-stratified sampling, unbiased; otherwise by
            minibatch-weighted sampling. See `keras_vae.objectives.aggregate_log_densities`.
        loss_weights: As in `VAE`; of the three parts, what is added to the weight of 1 that they
            have in the KL term, for instance a schedule.
        **kwargs: Of `VAE`: `likelihood`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If `dataset_size` is less than 1.
    """

    terms = ("reconstruction", "kl", "mutual_information", "total_correlation", "dimension_kl")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        dataset_size: int,
        alpha: float = 1.0,
        beta: float = 6.0,
        gamma: float = 1.0,
        stratified: bool = True,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        own = {
            "mutual_information": arguments.real("alpha", alpha) - 1.0,
            "total_correlation": arguments.real("beta", beta) - 1.0,
            "dimension_kl": arguments.real("gamma", gamma) - 1.0,
        }
        weights = merged(own, loss_weights)
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        self.dataset_size = arguments.whole("dataset_size", dataset_size)
        self.stratified = stratified

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The terms of minus the bound, and the parts of its KL term, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(z, training)
        log_q, log_product = aggregate_log_densities(z, q, self.dataset_size, self.stratified)
        return {
            "reconstruction": -p.log_prob(y),
            "kl": q.kl(self.prior(z)),
            "mutual_information": q.log_prob(z) - log_q,
            "total_correlation": log_q - log_product,
            "dimension_kl": log_product - self.prior(z).log_prob(z),
        }
