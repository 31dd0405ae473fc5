"""The importance weighted autoencoder."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.losses.importance import importance_weighted_terms
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.models.vae import VAE
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


@keras.saving.register_keras_serializable("keras_vae")
class IWAE(VAE):
    """VAE trained on the importance-weighted bound of several samples.

    Loss:
        loss = mean over the batch of [ -log( 1/k sum_i w_i ) ]
        w_i = p(x | z_i) p(z_i) / q(z_i | x),  i = 1 ... k

        z_1 ... z_k are samples of q(z | x) = N(z_mean, exp(z_log_var)), and p(z) = N(0, I). The
        loss is in nats and summed over the event. It is an upper bound on -log p(x). With k = 1
        it is minus the evidence lower bound, with a sampled KL; it falls towards -log p(x) as k
        grows.

    The terms `reconstruction` and `kl`, and so `elbo`, are means over the same samples. They are
    logged and have weight 0.

    As k grows, the gradient of the encoder has a falling signal-to-noise ratio (Rainforth et al.
    2018, arXiv:1802.04537). Four options act against it:

    - `gradient="dreg"` is the doubly reparameterized gradient, which has the same mean without
      this fall (Tucker et al. 2019, arXiv:1810.04152, equation 10).
    - `groups=M` takes the mean of M such bounds of k samples each (MIWAE of Rainforth et al.).
    - `gradient="piwae"` has the loss of all M k samples. Its gradient is that of this loss for the
      decoder, and that of `groups=M` for the encoder (PIWAE of Rainforth et al.). The decoder runs
      twice.
    - `elbo_share=b` adds the evidence lower bound: the loss is b times -elbo, and 1 - b times the
      loss above (CIWAE of Rainforth et al.).

    Source: Burda et al. 2016 (arXiv:1509.00519, equation 8).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2)
        >>> model = keras_vae.IWAE(encoder, decoder, samples=5)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> bound = -model.score(images[:8])  # (8,), nats

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        samples: k, number of samples of z for each example and bound.
        gradient: "iwae" for the gradient of the bound, "dreg" or "piwae".
        groups: M, number of bounds whose mean is taken.
        elbo_share: b, from 0 to 1; above 0 only with the gradient "iwae".
        loss_weights: As in `VAE`; `reconstruction` and `kl` have weight 0.
        **kwargs: Of `VAE`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `samples` or `groups` is less than 1, `gradient` is unknown, "piwae" has one
            group alone, or `elbo_share` is outside of [0, 1] or has another gradient than "iwae".
    """

    terms = ("iwae", "reconstruction", "kl")
    takes_extra_terms = False

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        samples: int = 5,
        gradient: str = "iwae",
        groups: int = 1,
        elbo_share: float = 0.0,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        if "beta" in kwargs:
            raise UsageTypeError(
                "Expected no beta, as the KL is a part of the bound of IWAE. Received: "
                f"beta={kwargs['beta']!r}. (keras_vae.VAE takes one.)"
            )
        weights = merge_weights({"reconstruction": 0.0}, loss_weights)
        super().__init__(encoder, decoder, beta=0.0, loss_weights=weights, **kwargs)
        self.samples = arguments.integer("samples", samples)
        self.groups = arguments.integer("groups", groups)
        self.gradient = arguments.choice("gradient", gradient, ("iwae", "dreg", "piwae"))
        self.elbo_share = arguments.fraction("elbo_share", elbo_share)
        if self.elbo_share and self.gradient != "iwae":
            raise UsageError(
                f"Expected no elbo_share with gradient={gradient!r}, which is of the bound alone. "
                f"Received: elbo_share={elbo_share}. (Choose gradient='iwae'.)"
            )
        if self.gradient == "piwae" and self.groups == 1:
            raise UsageError(
                "Expected at least 2 groups with gradient='piwae', which is that of 'iwae' for one "
                "group. Received: groups=1. (Give groups=8 and fewer samples.)"
            )

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return minus the bound, and reconstruction and KL, each `(batch,)`, in nats."""
        return importance_weighted_terms(
            self, x, y, self.samples, self.gradient, training, self.groups, self.elbo_share
        )
