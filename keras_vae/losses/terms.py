"""Terms that several objectives share, as pure functions on tensors of any backend."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.backend import sum_over_replicas
from keras_vae.distributions import Normal
from keras_vae.losses.discrepancy import mmd_of_rows
from keras_vae.typing import Tensor


def log_mean_exp(x: Tensor, axis: int = -1) -> Tensor:
    """Return log(mean(exp(x))) along `axis`, without overflow."""
    return ops.logsumexp(x, axis=axis) - math.log(x.shape[axis])


def repeat_rows(q: Normal, times: int) -> Normal:
    """Repeat each row of `q` `times` times in a row, to draw several samples for each example."""
    mean, log_var = (ops.repeat(part, times, axis=0) for part in (q.mean, q.log_var))
    return Normal(mean, log_var)


def aggregate_log_densities(
    z: Tensor, q: Normal, dataset_size: int, stratified: bool = True
) -> tuple[Tensor, Tensor]:
    """Estimate log q(z) and log prod_j q(z_j) from a minibatch, each `(batch,)`, in nats.

    q(z) is the mean of q(z | x) over a data set, of which a batch holds x_1 .. x_B and z_1 .. z_B.

    Minibatch-stratified sampling gives the own example of z_i its true weight 1 / N. The other
    examples of the batch share the rest, which is unbiased for q(z_i). In Chen et al. 2018
    (arXiv:1802.04942), appendix C.2, one of them represents all examples outside the batch. Here
    all of them do, for less variance.

    Minibatch-weighted sampling (appendix C.1) gives each example 1 / (N B), which is biased.

    Args:
        z: Codes, `(batch, ...)`, row i sampled from row i of `q`.
        q: The posterior of the same batch.
        dataset_size: N, the number of examples of the data set.
        stratified: Whether to use minibatch-stratified sampling.
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
    """Return the MMD of the codes of a batch from samples of N(0, I), a summand each, `(batch,)`.

    There are as many samples as codes. The mean of the summands is the unbiased estimate, of the
    same expectation for any number of codes. A ragged last batch, or the part of a batch on one
    replica, is compared with its own samples; that adds noise, not bias. A single code counts as 0.
    A sample weight scales the summand of its example. Codes of weight 0 still take part in the
    summands of others.

    Args:
        z: Codes, `(batch, ...)`.
        seed: Seed of the samples.
        kernel: As in `keras_vae.estimators.mmd`.
        scale: As in `keras_vae.estimators.mmd`.
    """
    prior = keras.random.normal(ops.shape(z), dtype="float32", seed=seed)
    return mmd_of_rows(flatten_rows(z), flatten_rows(prior), kernel, scale)


def covariance_gaps(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return squared distances of the covariance of a batch from the identity, a summand each.

    C is the covariance of the means, with denominator batch size - 1, plus the diagonal matrix of
    the mean variances. The means of the two results are sum_{i != j} C_ij^2 and
    sum_i (C_ii - 1)^2. Example n has the summand in which one factor is its own part of C. A
    single example counts as 0.

    Args:
        mean: `(batch, ...)`.
        variance: Of the same shape.
    """
    mean, variance = flatten_rows(mean), flatten_rows(variance)
    count = ops.cast(ops.shape(mean)[0], mean.dtype)
    scale = count / ops.maximum(count - 1.0, 1.0)
    centered = mean - ops.mean(mean, axis=0, keepdims=True)
    own = scale * ops.square(centered) + variance
    gap = ops.mean(own, axis=0, keepdims=True) - 1.0
    matrix = ops.transpose(centered) @ centered * (scale / count)
    matrix = matrix * (1.0 - ops.eye(mean.shape[1], dtype=mean.dtype))
    several = ops.cast(count > 1.0, mean.dtype)
    off_diagonal = scale * ops.sum(centered @ matrix * centered, axis=1)
    return several * off_diagonal, several * ops.sum(gap * (own - 1.0), axis=1)


def flatten_rows(z: Tensor) -> Tensor:
    """Flatten `(batch, ...)` to `(batch, elements)`."""
    return ops.reshape(z, (-1, math.prod(z.shape[1:])))


def permute_columns(z: Tensor, seed: Any) -> Tensor:
    """Permute each column of `z`, `(batch, elements)`, in a random order of its own.

    Rows of q(z) become approximate rows of prod_j q(z_j) (Kim & Mnih 2018, arXiv:1802.05983,
    algorithm 1).
    """
    keys = keras.random.uniform(ops.shape(z), dtype="float32", seed=seed)
    return ops.take_along_axis(z, ops.argsort(keys, axis=0), axis=0)


def kl_per_element(q: Normal, p: Any) -> Tensor:
    """Return KL(q || p) of each element of the event on its own, `(batch, elements)`, in nats."""
    parts = (q.mean, q.log_var, p.mean + ops.zeros_like(q.mean), p.log_var)
    mean, log_var, other_mean, other_log_var = (ops.reshape(t, (-1, 1)) for t in parts)
    rows = Normal(mean, log_var).kl(Normal(other_mean, other_log_var))
    return ops.reshape(rows, (-1, math.prod(q.mean.shape[1:])))


def free_bits_excess(kl: Tensor, nats: float) -> Tensor:
    """Return the summand that raises each group's mean KL to at least `nats`, `(batch,)`.

    Let m_j be the mean of group j over the batch and all replicas. The mean of the KL plus the
    excess is sum_j max(nats, m_j), and its gradient is that of the sum (Kingma et al. 2016,
    arXiv:1606.04934, equation 15).

    Args:
        kl: `(batch, groups)`, in nats.
        nats: The threshold.
    """
    total = sum_over_replicas(ops.sum(ops.stop_gradient(kl), axis=0, keepdims=True))
    count = sum_over_replicas(ops.cast(ops.shape(kl)[0], "float32"))
    return ops.sum(ops.where(total > nats * count, ops.zeros_like(kl), nats - kl), axis=1)
