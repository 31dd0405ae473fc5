"""The importance weighted autoencoder."""

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae.distributions import Normal
from keras_vae.errors import UsageError
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


def importance_weighted_terms(
    model: VAE,
    x: Tensor,
    y: Tensor,
    samples: int,
    gradient: str = "iwae",
    training: bool = False,
    groups: int = 1,
    elbo_share: float = 0.0,
) -> dict[str, Tensor]:
    """Return the terms of `IWAE` of a VAE, each `(batch,)`, in nats.

    Args:
        model: The VAE.
        x: Input, `(batch, *event_shape)`.
        y: Target, of the same shape. Missing values count if they count in the likelihood.
        samples: k, number of samples of z for each example and bound.
        gradient: As in `IWAE`.
        training: Whether layers such as dropout are active.
        groups: As in `IWAE`.
        elbo_share: As in `IWAE`.
    """
    count = samples * groups
    q = repeat_rows(model.posterior(x, training), count)
    z, zeros = q.sample(model.seed_generator), 0.0
    if gradient == "dreg":
        q = Normal(ops.stop_gradient(q.mean), ops.stop_gradient(q.log_var))
        z, zeros = _reparameterize_twice(z, samples)
        zeros = ops.reshape(zeros, (-1, count))

    def errors(z: Tensor) -> Tensor:
        p = model.observation(_with_repeated_condition(model, z, x, count), training)
        return ops.reshape(-p.log_prob(ops.repeat(y, count, axis=0)), (-1, count))

    reconstruction = errors(z)
    kl = ops.reshape(q.log_prob(z) - model.prior(z).log_prob(z), (-1, count))
    log_weights = zeros - reconstruction - kl
    grouped = ops.reshape(log_weights, (-1, groups, samples))
    loss = -ops.mean(log_mean_exp(grouped), axis=1)
    if gradient == "piwae":
        again = errors(ops.stop_gradient(z))  # Its gradient is that of the decoder alone.
        loss = _with_decoder_of_all(loss, log_weights, grouped, again)
    if elbo_share:
        loss = (1.0 - elbo_share) * loss - elbo_share * ops.mean(log_weights, axis=1)
    return {
        "iwae": loss,
        "reconstruction": ops.stop_gradient(ops.mean(reconstruction, axis=1)),
        "kl": ops.stop_gradient(ops.mean(kl, axis=1)),
    }


def _with_decoder_of_all(
    loss: Tensor, log_weights: Tensor, grouped: Tensor, reconstruction: Tensor
) -> Tensor:
    """Return the loss of all samples, whose gradient is that of `loss` but for the decoder.

    Args:
        loss: Mean loss of the groups, `(batch,)`.
        log_weights: `(batch, groups * samples)`.
        grouped: The same, `(batch, groups, samples)`.
        reconstruction: `(batch, groups * samples)`, with a gradient of the decoder alone.
    """
    of_all = ops.softmax(log_weights)
    of_groups = ops.reshape(ops.softmax(grouped), ops.shape(of_all)) / grouped.shape[1]
    change = ops.sum(ops.stop_gradient(of_all - of_groups) * reconstruction, axis=1)
    value = -log_mean_exp(log_weights)
    return loss + change + ops.stop_gradient(value - loss - change)


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
