"""The importance-weighted bound of several samples of a code, and its gradients."""

import math
from typing import Any

from keras import ops

from keras_vae.distributions import Normal
from keras_vae.losses.terms import log_mean_exp, repeat_rows
from keras_vae.typing import Tensor


def importance_weighted_terms(
    model: Any,
    x: Tensor,
    y: Tensor,
    samples: int,
    gradient: str = "iwae",
    training: bool = False,
    groups: int = 1,
    elbo_share: float = 0.0,
) -> dict[str, Tensor]:
    """Return the terms of `keras_vae.IWAE` of a VAE, each `(batch,)`, in nats.

    Args:
        model: A `keras_vae.VAE`.
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


def _with_repeated_condition(model: Any, z: Tensor, x: Tensor, samples: int) -> Any:
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
