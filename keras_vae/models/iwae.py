"""The importance weighted autoencoder."""

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae import arguments
from keras_vae.distributions import Normal
from keras_vae.models.vae import VAE
from keras_vae.objectives import log_mean_exp, repeated
from keras_vae.weights import LossWeight, merged

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class IWAE(VAE):
    """VAE with a tighter bound from several samples (Burda et al. 2016, arXiv:1509.00519, eq. 8).

    Minimizes -log 1/k sum_i w_i with w_i = p(x | z_i) p(z_i) / q(z_i | x). With k = 1 that is
    minus the evidence lower bound; it falls towards -log p(x) as k grows. `reconstruction`, `kl`
    and `elbo` are measured on the same samples and not minimized.

    As k grows, the gradient of the encoder drowns in its noise (Rainforth et al. 2018). With
    `gradient="dreg"` it is the doubly reparameterized one, of the same mean, which does not
    (Tucker et al. 2019, arXiv:1810.04152, equation 10).

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        samples: k, draws of z for each example.
        gradient: "iwae" for the bound's own gradient, or "dreg".
        loss_weights: As in `VAE`; `reconstruction` and `kl` have weight 0.
        **kwargs: Of `VAE`: `likelihood`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If `samples` is less than 1 or `gradient` is unknown.
    """

    terms = ("iwae", "reconstruction", "kl")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        samples: int = 5,
        gradient: str = "iwae",
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merged({"reconstruction": 0.0}, loss_weights)
        super().__init__(encoder, decoder, beta=0.0, loss_weights=weights, **kwargs)
        self.samples = arguments.whole("samples", samples)
        self.gradient = arguments.choice("gradient", gradient, ("iwae", "dreg"))

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Minus the importance weighted bound, and the terms of the plain one, in nats."""
        k = self.samples
        q = repeated(self.posterior(x, training), k)
        z, mark = q.sample(self.seed_generator), 0.0
        if self.gradient == "dreg":
            q = Normal(ops.stop_gradient(q.mean), ops.stop_gradient(q.log_var))
            z, mark = _doubly_reparameterized(z, k)
        p = self.observation(z, training)
        reconstruction = ops.reshape(-p.log_prob(ops.repeat(y, k, axis=0)), (-1, k))
        kl = ops.reshape(q.log_prob(z) - self.prior(z).log_prob(z), (-1, k))
        return {
            "iwae": -log_mean_exp(mark - reconstruction - kl),
            "reconstruction": ops.stop_gradient(ops.mean(reconstruction, axis=1)),
            "kl": ops.stop_gradient(ops.mean(kl, axis=1)),
        }


def _doubly_reparameterized(z: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`z`, whose gradient is multiplied by its importance weight, and zeros `(batch, k)`.

    What depends on `z` comes back from the bound with a factor w_i / sum w; the encoder shall get
    its square. The zeros are to be added to log w, so that what comes back to them is that factor.
    """
    rows = ops.reshape(z, (-1, k, math.prod(z.shape[1:])))
    marked = _marked(rows)
    return ops.reshape(marked[..., :-1], ops.shape(z)), marked[..., -1]


@ops.custom_gradient
def _marked(z: Tensor) -> Any:
    """`z` of shape `(batch, k, n)` and one more column, of zeros."""

    def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> Tensor:
        upstream = arguments[0] if upstream is None else upstream
        factor = upstream[..., -1:]
        total = ops.sum(factor, axis=1, keepdims=True)
        # An example of sample weight 0 has no factor at all.
        return upstream[..., :-1] * factor / ops.where(total == 0.0, 1.0, total)

    return ops.concatenate([z, ops.zeros_like(z[..., :1])], axis=-1), gradient
