"""Pure functions that objectives share, on tensors of any backend."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.distributions import Normal
from keras_vae.estimators.discrepancy import mmd_of_rows
from keras_vae.steps import sum_over_replicas

Tensor = Any


def log_mean_exp(x: Tensor, axis: int = -1) -> Tensor:
    """Log of the mean of exp(x) along `axis`, without overflow."""
    return ops.logsumexp(x, axis=axis) - math.log(x.shape[axis])


def repeated(q: Normal, times: int) -> Normal:
    """`q` with each row `times` times in a row: draws of it are several draws for each example."""
    mean, log_var = (ops.repeat(part, times, axis=0) for part in (q.mean, q.log_var))
    return Normal(mean, log_var)


def aggregate_log_densities(
    z: Tensor, q: Normal, dataset_size: int, stratified: bool = True
) -> tuple[Tensor, Tensor]:
    """Estimates of log q(z) and of log prod_j q(z_j) from a minibatch, each `(batch,)`, in nats.

    q(z) is the mean of q(z | x) over a data set, of which a batch holds x_1 .. x_B and z_1 .. z_B.
    Minibatch-stratified sampling gives the own example of z_i its true weight 1 / N and all others
    of the batch the rest, which is unbiased for q(z_i); Chen et al. 2018 (arXiv:1802.04942),
    appendix C.2, let one of the others stand in for all that are not in the batch, here all of
    them do, for less variance. Minibatch-weighted sampling (appendix C.1) gives each 1 / (N B),
    which is biased.

    Args:
        z: Codes, `(batch, ...)`, row i drawn from row i of `q`.
        q: The posterior of the same batch.
        dataset_size: N, how many examples the data set has.
        stratified: Which of the two estimates.
    """
    mean, log_var, z = (ops.reshape(t, (ops.shape(t)[0], -1)) for t in (q.mean, q.log_var, z))
    pairs = Normal(mean[None], log_var[None]).element_log_prob(z[:, None])
    batch = ops.shape(z)[0]
    rows = ops.arange(batch)
    own = ops.equal(rows[:, None], rows[None])
    count = ops.cast(batch, "float32")
    if stratified:
        others = (1.0 - 1.0 / dataset_size) / ops.maximum(count - 1.0, 1.0)
        weights = ops.where(own, 1.0 / dataset_size, others)
    else:
        weights = ops.ones_like(pairs[..., 0]) / (dataset_size * count)
    log_weights = ops.log(weights)
    log_joint = ops.logsumexp(ops.sum(pairs, axis=-1) + log_weights, axis=1)
    log_product = ops.sum(ops.logsumexp(pairs + log_weights[..., None], axis=1), axis=-1)
    return log_joint, log_product


def prior_discrepancy(z: Tensor, seed: Any, kernel: str, scale: float | None) -> Tensor:
    """MMD of the codes of a batch from as many draws of N(0, I), a summand for each, `(batch,)`.

    Their mean is the unbiased estimate, of the same expectation for any number of codes: a ragged
    last batch, or a part of a batch on one of several replicas, is compared with draws of its own
    and adds noise, not bias; a single code counts as 0. A sample weight scales the summand of its
    example; codes of weight 0 still take part in the summands of others.

    Args:
        z: Codes, `(batch, ...)`.
        seed: Of the draws.
        kernel: As in `keras_vae.estimators.mmd`.
        scale: As in `keras_vae.estimators.mmd`.
    """
    prior = keras.random.normal(ops.shape(z), dtype="float32", seed=seed)
    return mmd_of_rows(flat_rows(z), flat_rows(prior), kernel, scale)


def flat_rows(z: Tensor) -> Tensor:
    """`(batch, ...)` as `(batch, elements)`."""
    return ops.reshape(z, (-1, math.prod(z.shape[1:])))


def permuted_columns(z: Tensor, seed: Any) -> Tensor:
    """`z`, `(batch, elements)`, with each column in a random order of its own.

    Rows of q(z) become rows of prod_j q(z_j), as far as a batch holds them (Kim & Mnih 2018,
    arXiv:1802.05983, algorithm 1).
    """
    keys = keras.random.uniform(ops.shape(z), dtype="float32", seed=seed)
    return ops.take_along_axis(z, ops.argsort(keys, axis=0), axis=0)


def kl_of_elements(q: Normal, p: Any) -> Tensor:
    """KL(q || p) of each element of the event on its own, `(batch, elements)`, in nats."""
    parts = (q.mean, q.log_var, p.mean + ops.zeros_like(q.mean), p.log_var)
    mean, log_var, other_mean, other_log_var = (ops.reshape(t, (-1, 1)) for t in parts)
    rows = Normal(mean, log_var).kl(Normal(other_mean, other_log_var))
    return ops.reshape(rows, (-1, math.prod(q.mean.shape[1:])))


def free_bits_excess(kl: Tensor, nats: float) -> Tensor:
    """What makes each group's mean KL at least `nats`, once added to the KL, `(batch,)`.

    With m_j the mean over the batch of group j (and over all replicas), the mean of the KL plus
    the excess is sum_j max(nats, m_j), and so is its gradient (Kingma et al. 2016,
    arXiv:1606.04934, equation 15).

    Args:
        kl: `(batch, groups)`, in nats.
        nats: The threshold.
    """
    total = sum_over_replicas(ops.sum(ops.stop_gradient(kl), axis=0, keepdims=True))
    count = sum_over_replicas(ops.cast(ops.shape(kl)[0], "float32"))
    return ops.sum(ops.where(total > nats * count, ops.zeros_like(kl), nats - kl), axis=1)
