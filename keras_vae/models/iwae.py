"""The importance weighted autoencoder."""

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae.distributions import Normal
from keras_vae.losses.terms import log_mean_exp, repeat_rows
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
    2018, arXiv:1802.04537). `gradient="dreg"` is the doubly reparameterized gradient, which has
    the same mean without this fall (Tucker et al. 2019, arXiv:1810.04152, equation 10).

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
        samples: k, number of samples of z for each example.
        gradient: "iwae" for the gradient of the bound, or "dreg".
        loss_weights: As in `VAE`; `reconstruction` and `kl` have weight 0.
        **kwargs: Of `VAE`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `samples` is less than 1 or `gradient` is unknown.
    """

    terms = ("iwae", "reconstruction", "kl")
    takes_extra_terms = False

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        samples: int = 5,
        gradient: str = "iwae",
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merge_weights({"reconstruction": 0.0}, loss_weights)
        super().__init__(encoder, decoder, beta=0.0, loss_weights=weights, **kwargs)
        self.samples = arguments.integer("samples", samples)
        self.gradient = arguments.choice("gradient", gradient, ("iwae", "dreg"))

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return minus the bound, and reconstruction and KL, each `(batch,)`, in nats."""
        return importance_weighted_terms(self, x, y, self.samples, self.gradient, training)


def importance_weighted_terms(
    model: VAE, x: Tensor, y: Tensor, samples: int, gradient: str = "iwae", training: bool = False
) -> dict[str, Tensor]:
    """Return the terms of `IWAE` of a VAE, each `(batch,)`, in nats.

    Args:
        model: The VAE.
        x: Input, `(batch, *event_shape)`.
        y: Target, of the same shape. Missing values count if they count in the likelihood.
        samples: k, number of samples of z for each example.
        gradient: As in `IWAE`.
        training: Whether layers such as dropout are active.
    """
    q = repeat_rows(model.posterior(x, training), samples)
    z, zeros = q.sample(model.seed_generator), 0.0
    if gradient == "dreg":
        q = Normal(ops.stop_gradient(q.mean), ops.stop_gradient(q.log_var))
        z, zeros = _reparameterize_twice(z, samples)
    p = model.observation(_with_repeated_condition(model, z, x, samples), training)
    reconstruction = ops.reshape(-p.log_prob(ops.repeat(y, samples, axis=0)), (-1, samples))
    kl = ops.reshape(q.log_prob(z) - model.prior(z).log_prob(z), (-1, samples))
    return {
        "iwae": -log_mean_exp(zeros - reconstruction - kl),
        "reconstruction": ops.stop_gradient(ops.mean(reconstruction, axis=1)),
        "kl": ops.stop_gradient(ops.mean(kl, axis=1)),
    }


def _with_repeated_condition(model: VAE, z: Tensor, x: Tensor, samples: int) -> Any:
    """Return `with_condition(z, x)`, with the condition repeated for the samples."""
    pair = model.with_condition(z, x)
    if not isinstance(pair, list):
        return z
    return [z, ops.repeat(pair[1], samples, axis=0)]


def _reparameterize_twice(z: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return `z` with its gradient multiplied by its importance weight, and zeros `(batch, k)`.

    The gradient of the bound with respect to z_i has a factor w_i / sum w; the doubly
    reparameterized gradient has its square. Add the zeros to log w: their gradient is the factor.
    """
    rows = ops.reshape(z, (-1, k, math.prod(z.shape[1:])))
    extended = _append_zeros(rows)
    return ops.reshape(extended[..., :-1], ops.shape(z)), extended[..., -1]


@ops.custom_gradient
def _append_zeros(z: Tensor) -> Any:
    """Append a column of zeros to `z` of shape `(batch, k, n)`."""

    def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> Tensor:
        upstream = arguments[0] if upstream is None else upstream
        factor = upstream[..., -1:]
        total = ops.sum(factor, axis=1, keepdims=True)
        # An example of sample weight 0 has no factor at all.
        return upstream[..., :-1] * factor / ops.where(total == 0.0, 1.0, total)

    return ops.concatenate([z, ops.zeros_like(z[..., :1])], axis=-1), gradient
