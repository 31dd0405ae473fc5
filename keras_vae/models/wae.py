"""The Wasserstein autoencoder."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae.base.autoencoder import Autoencoder
from keras_vae.base.sampling import StandardNormalPrior
from keras_vae.losses.discrepancy import check_kernel
from keras_vae.losses.terms import prior_discrepancy
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.typing import Tensor


@keras.saving.register_keras_serializable("keras_vae")
class WAE(StandardNormalPrior, Autoencoder):
    """Wasserstein autoencoder with a maximum mean discrepancy, WAE-MMD.

    Loss:
        loss = mean over the batch of [ -log p(x | z) ] + mmd_weight * MMD^2(q(z), p(z))

        z = encoder(x), without noise, and p(z) = N(0, I). MMD^2 is the unbiased estimate between
        the codes of the batch and as many samples of p(z). -log p(x | z) is in nats and summed
        over the event.

    With the likelihood "normal" the first term is half the squared error of the paper, so
    `mmd_weight` is half its lambda. MMD compares pairs within a batch, so use batches of at least
    100 examples.

    Source: Tolstikhin et al. 2018 (arXiv:1711.01558, algorithm 2).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16)
        >>> model = keras_vae.WAE(encoder, decoder, mmd_weight=10.0)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> new = model.sample(16, seed=0)

    Args:
        encoder: As in `Autoencoder`, with one output, the code.
        decoder: As in `Autoencoder`.
        mmd_weight: Weight of the term `mmd`: a number or a Keras schedule.
        kernel: "imq", as in the paper, or "rbf"; see `keras_vae.estimators.mmd`.
        scale: Squared length of the kernel; None for the size of the code.
        loss_weights: As in `Autoencoder`.
        **kwargs: Of `Autoencoder`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If the kernel is unknown or the scale is not positive.
    """

    terms = ("reconstruction", "mmd")
    weight_arguments = {"mmd_weight": ("mmd",)}

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
        weights = merge_weights({"mmd": mmd_weight}, loss_weights)
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        self.kernel, self.scale = kernel, scale

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return reconstruction, in nats, and the MMD term, each `(batch,)`."""
        z = self.encode(x, training)
        p = self.observation(self.with_condition(z, x), training)
        return {
            "reconstruction": -p.log_prob(y),
            "mmd": prior_discrepancy(z, self.seed_generator, self.kernel, self.scale),
        }
