"""The InfoVAE."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae.losses.discrepancy import check_kernel
from keras_vae.losses.terms import prior_discrepancy
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.models.vae import VAE
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


@keras.saving.register_keras_serializable("keras_vae")
class InfoVAE(VAE):
    """VAE with a weaker KL term and an MMD term, so that codes keep more information on x.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + (1 - alpha) * KL(q(z | x) || p(z)) ]
               + (alpha + lambda_ - 1) * MMD^2(q(z), p(z))

        z is one sample of q(z | x), p(z) = N(0, I), and KL is in closed form. MMD^2 is the
        unbiased estimate between the codes of the batch and as many samples of p(z). The first
        two terms are in nats; the first is summed over the event.

    With alpha = 0 and lambda_ = 1 this is the `VAE`. With alpha = 1 the KL term is gone, and only
    the codes of all examples together follow the prior (MMD-VAE). MMD compares pairs within a
    batch, so use batches of at least 100 examples.

    Source: Zhao et al. 2017 (arXiv:1706.02262, equation 6, the MMD form).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2)
        >>> model = keras_vae.InfoVAE(encoder, decoder, alpha=0.5, lambda_=100.0)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        alpha: Preference for information between x and z.
        lambda_: Weight of the divergence of q(z) from p(z).
        kernel: "rbf", as in the paper, or "imq"; see `keras_vae.estimators.mmd`.
        scale: Squared length of the kernel; None for the size of the code.
        loss_weights: As in `VAE`.
        **kwargs: Of `VAE`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If the kernel is unknown or the scale is not positive.
    """

    terms = ("reconstruction", "kl", "mmd")
    weight_arguments = {"alpha": ("kl",), "lambda_": ("mmd",)}

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
        weights = merge_weights({"mmd": alpha + lambda_ - 1.0}, loss_weights)
        super().__init__(encoder, decoder, beta=1.0 - alpha, loss_weights=weights, **kwargs)
        self.kernel, self.scale = kernel, scale

    @property
    def alpha(self) -> float:
        """Preference for information between x and z, 1 minus the weight of `kl`."""
        return 1.0 - self.loss_weights.number("kl")

    @alpha.setter
    def alpha(self, value: float) -> None:
        lambda_ = self.lambda_
        self.loss_weights["kl"] = 1.0 - arguments.real("alpha", value)
        self.lambda_ = lambda_

    @property
    def lambda_(self) -> float:
        """Weight of the divergence of q(z) from p(z), the sum of those of `mmd` and `kl`."""
        return self.loss_weights.number("mmd") + self.loss_weights.number("kl")

    @lambda_.setter
    def lambda_(self, value: float) -> None:
        weight = arguments.real("lambda_", value) - self.loss_weights.number("kl")
        self.loss_weights["mmd"] = weight

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return reconstruction and KL, in nats, and the MMD term, each `(batch,)`."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(self.with_condition(z, x), training)
        return {
            "reconstruction": -p.log_prob(y),
            "kl": q.kl(self.prior(z)),
            "mmd": prior_discrepancy(z, self.seed_generator, self.kernel, self.scale),
        }
