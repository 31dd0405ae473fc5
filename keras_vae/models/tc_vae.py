"""The beta-TC-VAE."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae.losses.terms import aggregate_log_densities
from keras_vae.losses.weights import LossWeight, merge_weights, weight_setting
from keras_vae.models.vae import VAE
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


@keras.saving.register_keras_serializable("keras_vae")
class BetaTCVAE(VAE):
    """VAE that weights the total correlation of the code apart from the rest of the KL term.

    Loss:
        loss = mean over the batch of
            [ -log p(x | z) + alpha * I_q(x; z) + beta * TC + gamma * sum_j KL_j ]

        All terms are in nats; the first is summed over the event. z is one sample of
        q(z | x) = N(z_mean, exp(z_log_var)), and p(z) = N(0, I). The other terms, per example:

        - `mutual_information`, I_q(x; z): log q(z | x) - log q(z)
        - `total_correlation`, TC: log q(z) - log prod_j q(z_j)
        - `dimension_kl`, sum_j KL_j: log prod_j q(z_j) - log p(z)

        q(z) and q(z_j) are the means of q(z | x) and q(z_j | x) over the data set of
        `dataset_size` examples, estimated from the batch. The three terms add up to
        log q(z | x) - log p(z), an estimate of KL(q(z | x) || p(z)). KL in closed form has less
        noise, so the loss is computed in another form with the same expectation:

        loss = mean over the batch of [ -log p(x | z) + KL(q(z | x) || p(z))
               + (alpha - 1) * I_q(x; z) + (beta - 1) * TC + (gamma - 1) * sum_j KL_j ]

    The paper sets alpha = gamma = 1. With alpha = beta = gamma = 1 this is the `VAE`.

    Source: Chen et al. 2018 (arXiv:1802.04942, equations 2 and 4).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2)
        >>> model = keras_vae.BetaTCVAE(encoder, decoder, dataset_size=len(images), beta=6.0)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> order = keras_vae.latents.ordered_by_kl(model, images)  # most informative unit first

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        dataset_size: Number of training examples, for the estimates of q(z) and q(z_j).
        alpha: Weight of the mutual information.
        beta: Weight of the total correlation.
        gamma: Weight of the dimension-wise KL.
        stratified: Whether to estimate q(z) by minibatch-stratified sampling, which is unbiased
            for q(z), or by minibatch-weighted sampling. See
            `keras_vae.losses.terms.aggregate_log_densities`.
        loss_weights: As in `VAE`. For the three parts it replaces alpha - 1, beta - 1 or
            gamma - 1, the weight in addition to that of the KL term; a schedule for example.
        **kwargs: Of `VAE`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `dataset_size` is less than 1.
    """

    terms = ("reconstruction", "kl", "mutual_information", "total_correlation", "dimension_kl")
    weight_arguments = {
        "alpha": ("mutual_information",),
        "beta": ("total_correlation",),
        "gamma": ("dimension_kl",),
    }
    alpha = weight_setting("mutual_information", offset=1.0)
    beta = weight_setting("total_correlation", offset=1.0)
    gamma = weight_setting("dimension_kl", offset=1.0)

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
        weights = merge_weights(own, loss_weights)
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        self.dataset_size = arguments.integer("dataset_size", dataset_size)
        self.stratified = arguments.flag("stratified", stratified)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return reconstruction, KL and the three parts of KL, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(self.with_condition(z, x), training)
        log_q, log_product = aggregate_log_densities(z, q, self.dataset_size, self.stratified)
        return {
            "reconstruction": -p.log_prob(y),
            "kl": q.kl(self.prior(z)),
            "mutual_information": q.log_prob(z) - log_q,
            "total_correlation": log_q - log_product,
            "dimension_kl": log_product - self.prior(z).log_prob(z),
        }
