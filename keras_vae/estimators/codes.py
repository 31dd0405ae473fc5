"""Information that Gaussian codes carry about the data, measured on a set of examples.

The aggregate posterior q(z) is the mixture of q(z | x) over the given examples. Every number here
therefore depends on the examples and on their count: mutual information is at most ln(count).
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_vae.acceleration.batching import CompiledFunction, default_batch_size, map_batches
from keras_vae.distributions import Normal
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.estimators.numerics import log_mean_exp
from keras_vae.preprocessing.pipeline import fills_gaps
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments, data_checks, objects, value_checks
from keras_vae.validation.examples import as_arrays_of
from keras_vae.validation.value_checks import DIVERGED

LOG_2PI = math.log(2.0 * math.pi)
# A latent unit is active if its posterior mean varies more than this (Burda et al. 2016).
ACTIVE_VARIANCE = 0.01
# Densities of pairs (code, example) computed at a time.
DENSITIES_AT_ONCE = 5_000_000


def kl_per_dimension(model: LatentModel, x: Any, batch_size: int | None = None) -> np.ndarray:
    """Return KL(q(z_j | x) || N(0, 1)) of each latent element, the mean over `x`, in nats.

    The posterior is taken as the diagonal Gaussian of its `mean` and `log_var`. That is exact for
    `keras_vae.VAE` and an approximation for ladders and flows.

    Example:
        >>> keras_vae.estimators.kl_per_dimension(model, test).shape
        (16,)

    Args:
        model: A built model with `posterior(x)`.
        x: Examples, `(count, *event_shape)`; for a model with several inputs a list or dictionary
            of arrays.
        batch_size: Examples at a time; chosen by the size of an example if None.

    Returns:
        float64, of shape `latent_shape`.

    Raises:
        ValueError: If there are no examples, one is not finite, `batch_size` is less than 1, or
            codes are not finite since the training diverged.
        TypeError: If the model has no posterior, or one without `log_var`.
    """
    mean, log_var = _posterior_parameters(model, x, batch_size, _mean_and_log_var)
    return 0.5 * np.mean(np.exp(log_var) + np.square(mean) - 1.0 - log_var, axis=0)


def active_units(model: LatentModel, x: Any, batch_size: int | None = None) -> int:
    """Count the latent elements with Var_x(E[z | x]) > 0.01 (Burda et al. 2016, section 4.2).

    Arguments and errors are those of `kl_per_dimension`.

    Example:
        >>> units = keras_vae.estimators.active_units(model, test)  # 0 to 16
    """
    return count_active(_posterior_parameters(model, x, batch_size, _mean_and_log_var)[0])


def count_active(means: np.ndarray) -> int:
    """Count the active units among posterior means, `(count, *latent_shape)`.

    Raises:
        ValueError: If a mean is not finite: its unit would count as inactive.
    """
    if not np.isfinite(means).all():
        raise UsageError(f"Expected finite codes. Received: NaN or infinity. {DIVERGED}")
    return int(np.sum(np.var(means, axis=0, dtype="float64") > ACTIVE_VARIANCE))


def mutual_information(
    model: LatentModel, x: Any, samples: int = 1, seed: int = 0, batch_size: int | None = None
) -> float:
    """Estimate I(x; z) under q: the mean of log q(z | x) - log q(z), in nats, at most ln(count).

    Example:
        >>> nats = keras_vae.estimators.mutual_information(model, test)  # at most log(len(test))

    Args:
        model: A built model whose `posterior(x)` is a diagonal Gaussian.
        x: Examples, `(count, *event_shape)`; time grows with the square of their number.
        samples: Codes for each example.
        seed: Seed of the codes.
        batch_size: Examples at a time in the encoder.

    Raises:
        ValueError: If a number is out of range, or an example is not finite.
        TypeError: If the model has no posterior or another one, or a number is no integer.
    """
    samples, seed = _check_draws(samples, seed)
    mean, log_var = _codes(model, x, batch_size)
    total = 0.0
    for z, rows in _draws(mean, log_var, samples, seed):
        own = _log_normal(z, mean[rows], log_var[rows]).sum(axis=1)
        total += np.sum(own - log_mean_exp(_log_pairs(z, mean, log_var)))
    value_checks.refuse_nan(model, "mutual information", total)
    return total / (samples * len(mean))


def aggregate_kl(
    model: LatentModel, x: Any, samples: int = 1, seed: int = 0, batch_size: int | None = None
) -> float:
    """Estimate KL(q(z) || N(0, I)) of the aggregate posterior, in nats.

    It is the mean KL minus I(x; z).

    That is the identity of Hoffman & Johnson 2016, "ELBO surgery". Arguments and errors are those
    of `mutual_information`.

    Example:
        >>> nats = keras_vae.estimators.aggregate_kl(model, test)
    """
    information = mutual_information(model, x, samples, seed, batch_size)
    return float(kl_per_dimension(model, x, batch_size).sum()) - information


def total_correlation(
    model: LatentModel, x: Any, samples: int = 1, seed: int = 0, batch_size: int | None = None
) -> float:
    """Estimate the total correlation KL(q(z) || prod_j q(z_j)) of the latent elements, in nats.

    It is 0 for independent elements.

    The term of beta-TC-VAE (Chen et al. 2018, arXiv:1802.04942, equation 2), with q(z) the mixture
    over all of `x` and not over a batch. Arguments and errors are those of `mutual_information`.

    Example:
        >>> nats = keras_vae.estimators.total_correlation(model, test)
    """
    samples, seed = _check_draws(samples, seed)
    mean, log_var = _codes(model, x, batch_size)
    total = 0.0
    for z, _ in _draws(mean, log_var, samples, seed):
        total += log_mean_exp(_log_pairs(z, mean, log_var)).sum()
        for j in range(mean.shape[1]):
            pairs = _log_normal(z[:, j, None], mean[None, :, j], log_var[None, :, j])
            total -= log_mean_exp(pairs).sum()
    value_checks.refuse_nan(model, "total correlation", total)
    return total / (samples * len(mean))


def _codes(model: LatentModel, x: Any, batch_size: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return means and log variances of q(z | x), float64 `(count, latent elements)`."""
    parts = _posterior_parameters(model, x, batch_size, _normal_parameters)
    mean, log_var = (part.reshape(len(part), -1) for part in parts)
    return mean, log_var


def _posterior_parameters(
    model: LatentModel, x: Any, batch_size: int | None, parameters: Callable[[Any], tuple]
) -> tuple[np.ndarray, ...]:
    """Return `parameters(q(z | x))` of all examples, float64 `(count, *latent_shape)` each."""
    if not hasattr(objects.model(model), "posterior"):
        raise UsageTypeError(
            "Expected a model with a posterior, such as keras_vae.VAE. "
            f"Received: {type(model).__name__}, whose codes are not random."
        )
    if batch_size is not None:
        batch_size = arguments.integer("batch_size", batch_size)
    x = as_arrays_of(model, x)
    data_checks.require_arrays("x", x)
    finite = not fills_gaps(model)
    x = keras.tree.map_structure(lambda part: arguments.array("x", part, finite), x)
    first = keras.tree.flatten(x)[0]
    if not first.ndim or not first.size:
        raise UsageError(f"Expected x of at least one example. Received: shape {first.shape}.")
    data_checks.check_rows(model, "x", x)
    size = min(batch_size or default_batch_size(first.shape[1:]), len(first))

    def compute(x: Any) -> tuple:
        return parameters(model.posterior(x))

    if size == len(first):  # Compiling takes longer than a single batch.
        parts = map_batches(compute, x, size)
    else:
        parts = map_batches(CompiledFunction(model, compute).predict_on_batch, (x,), size)
    if not all(np.isfinite(part).all() for part in parts):
        value_checks.refuse_nan(model, "codes", np.nan)
    return tuple(part.astype("float64") for part in parts)


def _mean_and_log_var(q: Any) -> tuple:
    if not (hasattr(q, "mean") and hasattr(q, "log_var")):
        raise UsageTypeError(
            "Expected a posterior with a mean and a log_var, such as "
            f"keras_vae.distributions.Normal. Received: {type(q).__name__}."
        )
    return q.mean, q.log_var


def _normal_parameters(q: Any) -> tuple:
    if type(q) is not Normal:
        raise UsageTypeError(
            "Expected a posterior that is a keras_vae.distributions.Normal, for which this has a "
            f"closed form. Received: {type(q).__name__}."
        )
    return q.mean, q.log_var


def _check_draws(samples: int, seed: int) -> tuple[int, int]:
    seed = arguments.integer("seed", seed, 0)
    arguments.seed(seed)
    return arguments.integer("samples", samples), seed


def _draws(
    mean: np.ndarray, log_var: np.ndarray, samples: int, seed: int
) -> Iterator[tuple[np.ndarray, slice]]:
    """Yield codes from each posterior, and the rows they belong to, some rows at a time."""
    generator = np.random.default_rng(seed)
    rows_at_once = max(DENSITIES_AT_ONCE // len(mean), 1)
    for _ in range(samples):
        for start in range(0, len(mean), rows_at_once):
            rows = slice(start, start + rows_at_once)
            noise = generator.standard_normal(mean[rows].shape)
            yield mean[rows] + np.exp(0.5 * log_var[rows]) * noise, rows


def _log_normal(z: np.ndarray, mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    return -0.5 * (np.square(z - mean) * np.exp(-log_var) + log_var + LOG_2PI)


def _log_pairs(z: np.ndarray, mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """Return log q(z_i | x_j), `(len(z), len(mean))`, by matrix products."""
    precision = np.exp(-log_var)
    constant = np.sum(np.square(mean) * precision + log_var + LOG_2PI, axis=1)
    return -0.5 * (np.square(z) @ precision.T - 2.0 * z @ (mean * precision).T + constant)
